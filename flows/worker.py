"""`dailies worker`: start a worker of a work pool, see who works, have one leave."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from catalog.catalog import Catalog
from catalog.queries import WorkerRow, workers, working
from flows import log_lines
from flows.json_output import JSON, print_json
from flows.post import Post
from flows.settings import Settings
from flows.station import Station
from flows.terminal import out, said
from flows.worker_name import worker_name

log = logging.getLogger("dailies.worker")

app = typer.Typer(name="worker", help="Workers of the work pools.", no_args_is_help=True)


class Pool(StrEnum):
    """The work pools."""

    CPU = "cpu"
    GPU = "gpu"


@app.command()
def start(
    pool: Annotated[Pool, typer.Option(help="cpu: cameras and encoders; gpu: what a card draws.")],
    queues: Annotated[
        list[str] | None, typer.Option("--queue", help="Only these of the pool's queues: urgent, normal, low; control.")
    ] = None,
    slots: Annotated[int, typer.Option(min=0, max=64, help="Batches at once; 0: one, or 12 parents of control.")] = 0,
    name: Annotated[str, typer.Option(help="Its name; HOST/cpu, HOST/gpu0 or HOST/control if left out.")] = "",
    device: Annotated[str, typer.Option(help="cuda:N pins that card; DAILIES_DEVICE if left out.")] = "",
    as_json: JSON = False,
) -> int:
    """Work batches of a pool until Ctrl-C, or until the worker is drained. Ends with 0 in both cases."""
    settings = Settings()
    station = Station.of(settings, pool.value, tuple(queues or ()), slots, name, device)
    tell = print_json_line if as_json else _log if log_lines.wanted() else _say
    return Post(station, settings, tell).stand()


@app.command("list")
def list_workers(
    everyone: Annotated[bool, typer.Option("--all", help="Those that ended or fell silent too.")] = False,
    as_json: JSON = False,
) -> int:
    """Who works: pool, queues, state and why, device, engines, code, when last heard of, and the batch in work."""
    with _catalog(Settings()) as catalog:
        rows = workers(catalog, live=not everyone)
        busy = working(catalog)
    if as_json:
        print_json([_facts(row, busy.get(row.id, ())) for row in rows])
        return 0
    if not rows:
        said("no worker is alive: `dailies up`, or `dailies worker start --pool cpu`, starts one")
        return 0
    table = Table(
        Column("worker", no_wrap=True), "pool", "state", "device", Column("engines", overflow="fold"), "code",
        Column("heard of", justify="right"), Column("works", overflow="fold"), box=SIMPLE_HEAD,
    )  # fmt: skip
    for row in rows:
        state = f"{row.state}: {row.reason}" if row.reason else row.state
        pool = f"{row.pool}\n[dim]{', '.join(row.queues)}[/dim]" if row.queues else row.pool
        works = "\n".join(busy.get(row.id, ())) or "–"
        table.add_row(
            f"[bold]{escape(row.name)}[/bold]", pool, escape(state), escape(row.device), escape(_engines(row)),
            row.code_version, f"{row.silent_seconds:.0f} s ago", works,
        )  # fmt: skip
    out.print(table)
    return 0


@app.command()
def drain(
    name: Annotated[str, typer.Argument(help="The worker, as `dailies worker list` names it.", show_default=False)],
    undo: Annotated[bool, typer.Option("--undo", help="Let it work again.")] = False,
    why: Annotated[str, typer.Option(help="What to tell whoever asks.")] = "asked for",
    as_json: JSON = False,
) -> int:
    """Have a worker finish the shots in flight, give the rest back, and end; with --undo, take that back.

    A worker that has ended meanwhile is started again by `dailies up` where that runs it, else by you.
    """
    with _catalog(Settings()) as catalog:
        if undo:
            catalog.undrain_worker(name, worker_name())
        else:
            catalog.drain_worker(name, worker_name(), why)
        row = next(one for one in workers(catalog, live=False) if name in (one.name, one.id))
    if as_json:
        print_json(_facts(row, ()))
    elif undo:
        said(f"{row.name} is {row.state}" + ("" if row.state == "active" else ": start it again"))
    else:
        said(f"{row.name} is {row.state}: it finishes what is in flight, gives the rest back and ends")
    return 0


def print_json_line(event: Mapping[str, Any]) -> None:
    """One event as one line, at once, for whoever reads along."""
    sys.stdout.write(json.dumps(event, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def _say(event: Mapping[str, Any]) -> None:
    said(f"{event['worker']}: {event['text']}")


def _log(event: Mapping[str, Any]) -> None:
    log.info(event["text"], extra={"worker": event["worker"]})


def _facts(row: WorkerRow, batches: Sequence[str]) -> dict[str, Any]:
    return {**asdict(row), "batches": list(batches)}


@contextmanager
def _catalog(settings: Settings) -> Iterator[Catalog]:
    settings.home.mkdir(parents=True, exist_ok=True)
    with Catalog.open(settings.catalog_url, settings.store) as catalog:
        yield catalog


def _engines(row: WorkerRow) -> str:
    """What it can do, in short: engines without their runtimes, checkpoints by name."""
    known = dict.fromkeys(engine.partition("/")[0] for engine in row.engines.get("can", ()))
    svd = ", ".join(row.engines.get("svd", ()))
    return ", ".join(name for name in known if name != "svd") + (f", svd ({svd})" if svd and "svd" in known else "")
