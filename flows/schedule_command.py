"""`dailies schedule`: manifests that are run by themselves, and when."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from catalog.catalog import Catalog
from catalog.facts import ScheduleFacts, schedule, schedules
from flows.json_output import JSON, print_json
from flows.parent import join
from flows.ping import host
from flows.scheduling import apply_schedule, switch_schedule, untaken, wanted_of, wants_server
from flows.settings import Settings
from flows.terminal import out, said
from manifests.errors import InputError, ManifestError, Problem
from manifests.schedule import in_words

app = typer.Typer(name="schedule", help="Manifests that are run by themselves.", no_args_is_help=True)

NAME = Annotated[str, typer.Argument(help="The schedule: its manifest's name.", show_default=False)]


@app.command("apply")
def apply_manifests(
    manifests: Annotated[list[Path], typer.Argument(help="Manifests with schedule:.", show_default=False)],
    as_json: JSON = False,
) -> int:
    """Have manifests run as their schedule: says, from now on. Safe to repeat; what was paused stays paused."""
    wanted, problems = [], list[Problem]()
    for file in manifests:  # what is wrong with any of them is told before anything is changed
        try:
            wanted.append(wanted_of(file))
        except ManifestError as error:
            problems += error.problems
        except InputError as error:
            problems.append(error.problem)
    if problems:
        raise ManifestError(problems)
    with _server() as catalog:
        untaken(catalog, wanted)
        applied = [apply_schedule(catalog, one, _who()) for one in wanted]
    if as_json:
        print_json([_facts(one) for one, _ in applied])
    for one, new in applied if not as_json else ():
        said(f"{one.name}: {_when(one)}" + ("" if new else " (as it was)"))
    return 0


@app.command("list")
def list_schedules(as_json: JSON = False) -> int:
    """What is run by itself: when, the next start, how the last one went."""
    settings = Settings()
    with Catalog.open(settings.catalog_url, settings.store) as catalog:
        rows = schedules(catalog)
    if as_json:
        print_json([_facts(one) for one in rows])
        return 0
    if not rows:
        said("nothing is run by itself: `dailies schedule apply MANIFEST` takes one that has schedule:")
        return 0
    table = Table(
        Column("schedule", overflow="fold"), "when", "next start", Column("rules", overflow="fold"),
        Column("last", overflow="fold"), box=SIMPLE_HEAD,
    )  # fmt: skip
    for one in rows:
        following = _local(one, one.next_at) if one.active else "[yellow]paused[/yellow]"
        name = f"[bold]{escape(one.name)}[/bold]\n[dim]{escape(one.manifest)}[/dim]"
        table.add_row(name, in_words(one.cron, one.timezone), following, _rules(one), escape(_last(one)))
    out.print(table)
    return 0


@app.command()
def pause(name: NAME, as_json: JSON = False) -> int:
    """Have a schedule start nothing until it is resumed; a run that goes on is left alone."""
    return _switched(name, as_json, active=False)


@app.command()
def resume(name: NAME, as_json: JSON = False) -> int:
    """Have a paused schedule start again; what it missed meanwhile is not made up for."""
    return _switched(name, as_json, active=True)


@app.command()
def remove(name: NAME, as_json: JSON = False) -> int:
    """Forget a schedule; its runs and what they delivered stay."""
    from flows.schedule_deployments import remove as remove_deployment

    with _server() as catalog:
        schedule(catalog, name)
        remove_deployment(name)
        catalog.remove_schedule(name, _who())
    print_json({"removed": name}) if as_json else said(f"{name} is run by itself no more")
    return 0


@app.command("run-now")
def run_now(
    name: NAME,
    accept_fewer: Annotated[
        bool,
        typer.Option(
            "--accept-fewer",
            help="Also where the feed has far fewer rows than last time; for none at all limits.min_rows: 0 too.",
        ),
    ] = False,
    as_json: JSON = False,
) -> int:
    """Start a schedule's run at once, by its rules; a worker of the queue `control` takes it up."""
    from flows.schedule_deployments import start_now

    with _server() as catalog:
        flow_run = start_now(schedule(catalog, name), _who(), accept_fewer=accept_fewer)
    if as_json:
        print_json({"schedule": name, "flow_run": flow_run})
    else:
        said(f"{name} starts as soon as a control worker takes it; `dailies status` shows the run")
    return 0


def _switched(name: str, as_json: bool, *, active: bool) -> int:
    with _server() as catalog:
        found = switch_schedule(catalog, name, _who(), active=active)
    if as_json:
        print_json(_facts(found))
    else:
        said(f"{name}: {_when(found)}" if active else f"{name} is paused; `dailies schedule resume {name}` goes on")
    return 0


@contextmanager
def _server() -> Iterator[Catalog]:
    """The catalog, where a Prefect server answers too."""
    settings = Settings()
    join(settings)
    wants_server()
    from flows.prefect_hints import PrefectAway

    settings.home.mkdir(parents=True, exist_ok=True)
    try:
        with Catalog.open(settings.catalog_url, settings.store) as catalog:
            yield catalog
    except PrefectAway as away:
        raise InputError(
            Problem("PREFECT_DOWN", str(away), "start it again, then repeat this: it does no harm")
        ) from away


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "cli"


def _facts(one: ScheduleFacts) -> dict[str, Any]:
    ping = host(one.ping) if one.ping else one.ping  # the rest of it is a secret
    return {**vars(one), "ping": ping, "in_words": in_words(one.cron, one.timezone)}


def _when(one: ScheduleFacts) -> str:
    following = f"next {_local(one, one.next_at)}" if one.active else "paused"
    return f"{in_words(one.cron, one.timezone)}; {following}"


def _local(one: ScheduleFacts, moment: datetime | None) -> str:
    return f"{moment.astimezone(ZoneInfo(one.timezone)):%a %d %b %H:%M}" if moment else "–"


def _rules(one: ScheduleFacts) -> str:
    told = [f"done by {one.done_by}"] if one.done_by else []
    told += [f"{one.budget_gpu_seconds / 3600:g} GPU h"] if one.budget_gpu_seconds is not None else []
    told += [f"{one.budget_bytes / 1e9:g} GB"] if one.budget_bytes is not None else []
    told += [f"at most {one.late_seconds / 3600:g} h late"]
    told += ["waits for its last run" if one.overlap == "wait" else "skipped while its last run goes on"]
    return ", ".join([*told, f"asks where over {one.shrink:.0%} of the rows are gone"])


def _last(one: ScheduleFacts) -> str:
    told = [f"{one.last_run_id}: {one.last_run_state}"] if one.last_run_id else []
    return "\n".join([*told, f"{one.last_code}: {one.last_note}"] if one.last_note else told) or "–"
