"""The morning after a scheduled run: rows that are gone are retired, the report is written, and people are told."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Final

from catalog.catalog import Catalog
from catalog.errors import NotFound
from catalog.facts import ScheduleFacts, night, schedule
from catalog.queries import run
from catalog.retirement import retired_since
from flows.ping import ping
from flows.settings import Settings
from manifests.names import portable
from tasks.out_folder import withdraw
from tasks.whole import write_whole

OVER: Final = ("done", "failed", "cancelled", "paused")
ON_PREFECTS_PAGE: Final = 300
"""Shots that the report names there; its file names all."""

log = logging.getLogger("dailies.morning")


def close_night(catalog: Catalog, settings: Settings, run_id: str) -> None:
    """After a schedule's run has ended or paused; any other run is left alone. Safe to repeat: people are told once.

    Its report lies in the home's `reports`, and beside the out folder's index. Raises StoreUnavailable.
    """
    found = night(catalog, run_id)
    if found is None or found.reported_at is not None or (row := run(catalog, run_id)).state not in OVER:
        return
    from flows.report.facts import gather
    from flows.report.markdown import markdown
    from flows.report.page import page
    from flows.report.plain import plain
    from flows.report.summary import summary

    catalog.retire_vanished(run_id)
    folder = Path(row.out_folder)
    withdraw(catalog, folder, run_id, retired_since(catalog, run_id))
    report = gather(catalog, settings, found)
    shown, text = page(report, catalog.store).encode(), markdown(report)
    kept = settings.home / "reports" / portable(found.schedule)
    _written(kept / f"{run_id}.md", text.encode())
    where = _written(kept / f"{run_id}.html", shown)
    beside = _written(folder / "report.html", shown)
    if not catalog.report_run(run_id, plain(report.headline), summary(report, where or beside)):
        return  # somebody else has told it
    _leave_artifact(markdown(report, most=ON_PREFECTS_PAGE), report.headline)
    ping(_url(catalog, settings, found.schedule), "done" if row.state == "done" else "fail")


def not_started(
    catalog: Catalog,
    settings: Settings,
    asked: ScheduleFacts,
    code: str,
    why: str,
    *,
    asks: bool,
    next_at: datetime | None,
) -> None:
    """A start that came to no run: noted in the catalog, and told; `asks`: somebody has to look."""
    from flows.report.markdown import escaped
    from flows.report.plain import plain
    from flows.report.summary import without_run

    state = "stopped" if asks else "skipped"
    headline = f"{asked.name}: {state}, {code}"
    body = without_run(asked.name, state, headline, [why])
    catalog.note_schedule(asked.name, code, why, next_at=next_at, subject=plain(headline), body=body)
    _leave_artifact(f"# {escaped(headline)}\n\n{escaped(why)}\n", headline)
    if asks:  # a start that is skipped for one that goes on leaves the end to that one
        ping(asked.ping or settings.ping_url, "fail")


def _written(path: Path, data: bytes) -> Path | None:
    """A report that cannot be put there is told, and costs nobody the others."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        log.warning("report %s: %s", path, error)
        return None
    return path


def _leave_artifact(markdown: str, headline: str) -> None:
    from prefect.artifacts import create_markdown_artifact

    from flows.report.plain import plain

    try:
        create_markdown_artifact(markdown=markdown, key="morning-report", description=plain(headline)[:200])
    except Exception:  # Prefect's page is a convenience: the report is in its file
        log.exception("the report is not on Prefect's page")


def _url(catalog: Catalog, settings: Settings, name: str) -> str:
    try:
        return schedule(catalog, name).ping or settings.ping_url
    except NotFound:  # it was removed meanwhile
        return settings.ping_url
