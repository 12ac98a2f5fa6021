"""`dailies verify`: stored files read again, rows held against files and against each other; damage is written down."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from catalog.catalog import Catalog
from catalog.errors import NotFound
from catalog.findings import Finding
from catalog.queries import resolve
from flows.json_output import JSON, print_json
from flows.settings import Settings
from flows.terminal import SHOWN, counted, err, said, size
from flows.workshop import workshop
from manifests.errors import InputError, Problem
from tasks.verification import check_catalog, check_files, check_out_folders, read_again

RUN = Annotated[str, typer.Argument(help="A run's id or its beginning; everything if left out.")]
SHARE = Annotated[str, typer.Option(help="Read only this share of the bytes, the longest unread first, as in 5%.")]
SHALLOW = Annotated[bool, typer.Option("--shallow", help="Read no file: only names, sizes and rows.")]


@dataclass
class Report:
    """What was looked at, what was read, and everything that is wrong."""

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    """Files that were read whole."""
    bytes: int = 0
    seconds: float = 0.0


def verify(run_id: RUN = "", share: SHARE = "", shallow: SHALLOW = False, as_json: JSON = False) -> int:
    """Read stored files again and hold them to their digests; check rows and files in both directions."""
    wanted = share_of(share)
    if wanted is not None and (run_id or shallow):
        raise typer.BadParameter("a share is of everything, and it is read", param_hint="--share")
    settings = Settings()
    with workshop(settings) as tools:
        run = _run(tools.catalog, run_id) if run_id else None
        report = examine(tools.catalog, run, wanted, shallow=shallow, threads=settings.workers, quiet=as_json)
    if as_json:
        print_json(report)
    else:
        print_report(report)
    return 1 if report.findings else 0


def examine(
    catalog: Catalog, run_id: str | None, share: float | None, *, shallow: bool, threads: int, quiet: bool
) -> Report:
    """Check rows, then names and sizes, then bytes. Raises StoreUnavailable where the store does not answer."""
    report, began = Report(), time.monotonic()
    report.findings += check_catalog(catalog, run_id)
    if run_id is None:
        with _bar("looking at every file", catalog.unread().files, quiet, in_bytes=False) as told:
            report.findings += check_files(catalog, lambda files, _: told(files))
    if not shallow:
        everything = catalog.unread(run_id)
        budget = None if share is None else round(everything.bytes * share)
        artifacts = catalog.longest_unread(budget, run_id)
        with _bar("reading", everything.bytes if budget is None else budget, quiet, in_bytes=True) as told:

            def heard(files: int, read: int) -> None:
                report.files += files
                report.bytes += read
                told(read)

            report.findings += read_again(catalog, artifacts, threads=threads, decode=True, heard=heard)
        if share is None:
            report.findings += check_out_folders(catalog, run_id)
    report.seconds = time.monotonic() - began
    return report


def print_report(report: Report) -> None:
    """Every finding, then what was read."""
    for finding in report.findings[:SHOWN]:
        err.print(f"[red]✗[/red] {escape(str(finding))}", soft_wrap=True)
    if len(report.findings) > SHOWN:
        counts = Counter(finding.code for finding in report.findings)
        err.print("... " + ", ".join(f"{count} {code}" for code, count in counts.most_common()) + " in all")
    read = f"{counted(report.files, 'file')} read, {size(report.bytes)} in {report.seconds:.1f} s"
    verdict = counted(len(report.findings), "thing is", "things are") + " wrong" if report.findings else "all is well"
    said(f"{verdict}; {read}")


def share_of(text: str) -> float | None:
    """`5%` as 0.05, "" as None. Raises InputError."""
    if not text:
        return None
    found = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)%?", text.strip())
    if found is None or not 0 < float(found[1]) <= 100:
        problem = Problem("BAD_SHARE", f"--share {text}", "give a percentage above 0 and up to 100, such as 5%")
        raise InputError(problem)
    return float(found[1]) / 100


def _run(catalog: Catalog, given: str) -> str:
    kind, found = resolve(catalog, given)
    if kind != "run":
        raise NotFound(f"'{given}' is a {kind}, wanted a run; `dailies status` lists the runs")
    return found


@contextmanager
def _bar(what: str, total: int, quiet: bool, *, in_bytes: bool) -> Iterator[Any]:
    """A bar on stderr, with bytes a second where it counts bytes; yields what advances it."""
    sizes = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (TextColumn("{task.completed}/{task.total}"),)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=30), *sizes)
    with Progress(*columns, console=err, transient=True, disable=quiet) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda amount: progress.advance(bar, amount)
