"""`dailies weights`: which weights there are, bringing them here, reading them again, accepting their licence."""

from __future__ import annotations

import getpass
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from catalog.catalog import Catalog
from catalog.licences import GrantKind
from flows.json_output import JSON, print_json
from flows.live import TerminalListener
from flows.settings import Settings
from flows.terminal import counted, err, out, said, size
from manifests.errors import InputError, Problem
from models.svd.checkpoint import licence_text
from tasks.weights.known import find_known, known_weights
from tasks.weights.offers import accept_command, licence_standing
from tasks.weights.shelf import shelf

app = typer.Typer(name="weights", help="The weights that no package brings, and their licences.", no_args_is_help=True)

NAMES = Annotated[list[str], typer.Argument(help="Weights, as `dailies weights list` names them.", show_default=False)]


@app.command("list")
def list_weights(as_json: JSON = False) -> int:
    """What is known and what is here: size, licence, who accepted it until when, when it was last read whole."""
    settings = Settings()
    with _catalog(settings) as catalog:
        rows = shelf(catalog, settings.weights)
    if as_json:
        print_json({"folder": settings.weights, "weights": [row.facts() for row in rows]})
        return 0
    named = Column("weights", min_width=max(len(row.name) for row in rows))
    table = Table(
        named, "here", Column("size", no_wrap=True), Column("licence", overflow="fold"), "read", box=SIMPLE_HEAD
    )
    for row in rows:
        here = {"whole": "[green]yes[/green]", "partly": "[yellow]partly[/yellow]", "no": "no"}[row.here]
        read = f"{row.verified_at:%Y-%m-%d}" if row.verified_at else ""
        total = f"{'' if row.all_sizes_known else '> '}{size(row.bytes)}"
        name = f"[bold]{escape(row.name)}[/bold]\n[dim]{escape(row.about)}[/dim]"
        table.add_row(name, here, total, escape(row.licence_told), read)
    out.print(table)
    for row in rows:
        for warning in row.warnings:
            err.print(f"[yellow]–[/yellow] {escape(warning)}", soft_wrap=True)
    said(f"in {settings.weights}")
    return 0


@app.command()
def pull(
    names: NAMES,
    folder: Annotated[
        Path | None, typer.Option("--from", help="A folder instead of the network: carried in, or a hub cache.")
    ] = None,
    mirror: Annotated[str, typer.Option(help="A URL instead of every publisher's https://host.")] = "",
    as_json: JSON = False,
) -> int:
    """Bring weights here and check them; broken off, the same command goes on. HF_TOKEN opens gated repositories."""
    from tasks.weights import pull as pulling  # httpx takes a tenth of a second that other commands need not wait

    chosen = [find_known(name) for name in names]
    settings = Settings()
    if folder is not None and not folder.is_dir():
        raise InputError(Problem("FOLDER_MISSING", f"--from: there is no folder {folder}", "check the path"))
    source = pulling.Source(folder, mirror or settings.weights_mirror, os.environ.get("HF_TOKEN", ""))
    report: list[dict[str, Any]] = []
    with _catalog(settings) as catalog:
        for known in chosen:
            try:
                with TerminalListener(settings, quiet=as_json) as told:
                    done = pulling.pull(known, settings.weights, source, lambda *heard, told=told: _step(told, *heard))
            except KeyboardInterrupt:
                said("stopped; the same command goes on where it stopped")
                return 130
            for place, line in done.came.items():
                catalog.record_weights(line.sha256, place, line.source, known.licence, size=line.bytes)
            standing = licence_standing(catalog, known.name, settings.weights / known.folder) if known.gated else None
            unsaid = [place for place, line in done.came.items() if line.stated == "nobody"]
            problem = standing.problem if standing else None
            report.append({"name": known.name, "came": done.came, "stood": done.stood, "licence": problem})
            if not as_json:
                said(f"{known.name}: {counted(len(done.came), 'file')} came, {len(done.stood)} were here and good")
                if unsaid:
                    said(f"  digests not known beforehand, recorded at this first pull: {', '.join(unsaid)}")
                if problem:
                    said(f"  {problem}")
    if as_json:
        print_json({"pulled": report})
    return 0


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Weights; all that are here if left out.")] = None,
    as_json: JSON = False,
) -> int:
    """Read weights again and hold them to their digests: known ones, else those of the day they came."""
    from tasks.weights.verify import verify as verifying

    settings = Settings()
    chosen = [find_known(name) for name in names or ()]
    if not names:
        with _catalog(settings) as catalog:
            here = {row.name for row in shelf(catalog, settings.weights) if row.here != "no"}
        chosen = [known for known in known_weights().values() if known.name in here]
    with TerminalListener(settings, quiet=as_json) as told:
        checked = [one for known in chosen for one in verifying(known, settings.weights, lambda *h: _step(told, *h))]
    bad = [one for one in checked if one.state in ("wrong", "missing")]
    if as_json:
        print_json({"checked": checked})
        return 1 if bad else 0
    for one in bad:
        problem = Problem(
            f"WEIGHTS_{one.state.upper()}",
            f"weights '{one.name}': {one.place} is {one.state}"
            + (f": found {one.found}, wanted {one.wanted}" if one.found else ""),
            f"dailies weights pull {one.name}",
        )
        err.print(f"[red]✗[/red] {escape(str(problem))}", soft_wrap=True)
    first = [one.place for one in checked if one.state == "recorded"]
    if first:
        said(f"no digest was known of {', '.join(first)}: what is here now is recorded")
    said(f"{counted(len(checked), 'file')} read, {len(checked) - len(bad)} good, {len(bad)} not")
    return 1 if bad else 0


@app.command()
def accept(
    name: Annotated[str, typer.Argument(help="The weights.", show_default=False)],
    holder: Annotated[str, typer.Option(help="The company or person who may use them.")] = "",
    kind: Annotated[GrantKind, typer.Option(help="On which terms.")] = "community",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of the grant, where it has one.")
    ] = None,
    by: Annotated[str, typer.Option(help="Who accepts; your login name if left out.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="You have read the text; do not show it, do not ask.")] = False,
    as_json: JSON = False,
) -> int:
    """Read the licence text that lies with weights and accept it: who, for whom, on which terms, until when."""
    settings = Settings()
    known = known_weights().get(name)
    if known is not None and not known.gated:
        if as_json:
            print_json({"weights": name, "licence": known.licence, "gated": False})
        else:
            said(f"{name} is under {known.licence}: nobody has to accept it")
        return 0
    folder = settings.weights / (known.folder if known else name)
    if known is None and not folder.is_dir():
        find_known(name)
    with _catalog(settings) as catalog:
        text = licence_text(folder)
        standing = licence_standing(catalog, name, folder)
        if text is None:
            assert standing.problem is not None  # nothing to accept
            raise InputError(standing.problem)
        if not yes:
            holder = _asked(name, text, holder, kind, as_json)
        if not holder.strip():
            raise InputError(_unconfirmed(name, kind, "--holder does not say who may use them"))
        last = until.replace(tzinfo=UTC) + timedelta(days=1, seconds=-1) if until else None
        grant = catalog.accept_licence(
            weights=name,
            licence=known.licence if known else "its own text",
            text_sha256=standing.text_sha256,
            kind=kind,
            holder=holder.strip(),
            accepted_by=by or f"{getpass.getuser()}@{platform.node()}",
            expires_at=last,
        )
    if as_json:
        print_json(grant.facts())
    else:
        ends = f"until {grant.expires_at:%Y-%m-%d}" if grant.expires_at else "with no end"
        said(f"{name}: {grant.accepted_by} accepted {text.name} ({grant.text_sha256[:12]}) for {grant.holder}, {ends}")
    return 0


def _asked(name: str, text: Path, holder: str, kind: str, as_json: bool) -> str:
    """The holder, from a person who has been shown the text and said yes. Raises InputError where nobody can."""
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(_unconfirmed(name, kind, "there is no terminal to show the text on and ask"))
    with out.pager():
        out.print(text.read_text(encoding="utf-8", errors="replace"), markup=False)
    holder = holder or typer.prompt("Who may use the weights (company or person)")
    if typer.prompt(f"Accept {text} for {holder}, {kind} terms? Type yes to accept", default="no").lower() != "yes":
        raise InputError(_unconfirmed(name, kind, "the answer was not yes"))
    return holder


def _unconfirmed(name: str, kind: str, why: str) -> Problem:
    return Problem(
        "NOT_ACCEPTED",
        f"weights '{name}': nothing was accepted, {why}",
        f"read the text, then: {accept_command(name, kind=kind)} --yes",
    )


def _step(told: TerminalListener, what: str, done: int, total: int) -> None:
    """Bars count megabytes."""
    told.step(f"{what}, MB", done // 1_000_000, max(1, total // 1_000_000) if done < total else done // 1_000_000)


@contextmanager
def _catalog(settings: Settings) -> Iterator[Catalog]:
    settings.home.mkdir(parents=True, exist_ok=True)
    with Catalog.open(settings.catalog_url, settings.store) as catalog:
        yield catalog
