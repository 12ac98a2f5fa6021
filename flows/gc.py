"""`dailies gc`: what the store need not hold any longer goes. Without `--yes` it only says what would go, and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Column, Table

from catalog.errors import NotFound
from catalog.queries import resolve
from catalog.retention import FINISHED, INTERMEDIATE, SOURCE, Rules
from flows.json_output import JSON, print_json
from flows.live import TerminalListener
from flows.settings import Settings
from flows.terminal import counted, out, said, size
from flows.worker_name import worker_name
from flows.workshop import workshop
from manifests.errors import InputError, Problem
from tasks.retention import Line, Sums, collect, rules_of

KINDS = (*INTERMEDIATE, *FINISHED, SOURCE)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}

YES = Annotated[bool, typer.Option("--yes/--dry-run", help="Remove it; otherwise nothing is changed.")]
OLDER = Annotated[str, typer.Option(help="Only what was not used for so long, as in 30d or 12h.", metavar="AGE")]
RUN = Annotated[str, typer.Option("--run", help="Only files of this run, whatever their age.")]
KIND = Annotated[list[str] | None, typer.Option(help=f"Only this kind, may be repeated: {', '.join(KINDS)}.")]


def gc(yes: YES = False, older_than: OLDER = "", run_id: RUN = "", kind: KIND = None, as_json: JSON = False) -> int:
    """Show which stored files nobody needs any more; `--yes` removes them. What a delivery needs always stays."""
    settings = Settings()
    with workshop(settings) as tools, TerminalListener(settings, quiet=as_json) as told:
        catalog = tools.catalog
        run = ""
        if run_id:
            what, run = resolve(catalog, run_id)
            if what != "run":
                raise NotFound(f"'{run_id}' is a {what}, wanted a run; `dailies status` lists the runs")
        rules = asked(settings, older_than, run, kind or ())
        sums = collect(catalog, rules, remove=yes, heard=lambda done, total: told.step("judging", done, total))
        if yes:
            catalog.audit(worker_name(), "gc", "store", {"bytes": sums.freed_bytes, "run": run, "kinds": kind or []})
    if as_json:
        print_json(sums.facts())
    else:
        print_sums(sums)
    return 0


def asked(settings: Settings, older_than: str, run_id: str, kinds: Sequence[str]) -> Rules:
    """The settings' retention, with one age for all kinds where one is given; a run is named whatever its age.

    Raises InputError.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise InputError(Problem("BAD_KIND", f"--kind {unknown[0]}", f"wanted one of {', '.join(KINDS)}"))
    rules = rules_of(settings.keep_masters_days, settings.keep_superseded_days)
    age = seconds_of(older_than) if older_than else 0.0 if run_id else None
    if age is not None:
        rules = replace(rules, intermediates=age, superseded=age, sources=age)
    return replace(rules, run_id=run_id or None, kinds=frozenset(kinds))


def seconds_of(age: str) -> float:
    """`30d`, `12h`, `90m`, `2w` in seconds. Raises InputError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", age.strip().lower())
    if found is None:
        raise InputError(Problem("BAD_AGE", f"--older-than {age}", "give a number and a unit, such as 30d, 12h or 2w"))
    return float(found[1]) * _SECONDS[found[2]]


def print_sums(sums: Sums) -> None:
    """What goes and why, what stays and why, and how much is free now."""
    _print_lines("went" if sums.done else "would go", sums.go)
    _print_lines("stays", sums.stay)
    if sums.scratch_bytes:
        said(f"{size(sums.scratch_bytes)} of it in temporary files of dead processes")
    files = counted(sum(line.files for line in sums.go), "file")
    by_kind = Counter[str]()
    for line in sums.stay:
        by_kind[line.kind] += line.bytes
    kept = ", ".join(f"{size(count)} {kind}" for kind, count in by_kind.most_common()) or "nothing"
    if sums.done:
        said(f"{size(sums.freed_bytes)} freed, {files} went; kept: {kept}")
    else:
        said(f"{size(sums.going_bytes)} would be freed, {files} would go; kept: {kept}")
        if sums.going_bytes:
            said("nothing was changed: --yes removes them")


def _print_lines(title: str, lines: Sequence[Line]) -> None:
    table = Table(title, Column("files", justify="right"), Column("bytes", justify="right"), "why", box=SIMPLE_HEAD)
    for line in lines:
        table.add_row(line.kind, str(line.files), size(line.bytes), escape(line.why))
    if table.row_count:
        out.print(table)
