"""The first page: what ran, what runs, what failed and why, what it cost, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from catalog import facts, queries
from catalog.workers import LIVE_SECONDS
from dashboard.auth import Viewer
from dashboard.charts import bars
from dashboard.desk import Desk, desk_of
from dashboard.render import render

router = APIRouter()

HOURS = 24
RUNNING = ("planned", "running", "paused", "cancelling")


@router.get("/")
def today(request: Request, who: Viewer, desk: Annotated[Desk, Depends(desk_of)]) -> Response:
    """Today."""
    return render(request, "today.html", {"title": "Today", **desk.shared.get("today", lambda: read(desk))})


def read(desk: Desk) -> Mapping[str, Any]:
    """Everything the page shows."""
    catalog = desk.catalog
    since = datetime.now(UTC) - timedelta(hours=HOURS)
    runs = facts.runs_today(catalog, limit=30)
    going = [run for run in runs if run.state in RUNNING]
    pace = facts.throughput(catalog, hours=HOURS)
    spent = facts.total_cost(catalog, since=pace.hours[0].begins)
    return {
        "runs": runs,
        "going": going,
        "left": {run.id: facts.eta(catalog, run.id) for run in going},
        "failures": facts.failures_today(catalog, since=since),
        "pace": pace,
        "made": sum(hour.deliveries for hour in pace.hours),
        "shots": sum(hour.shots for hour in pace.hours),
        "chart": bars([hour.deliveries for hour in pace.hours], [f"{hour.begins:%H}:00" for hour in pace.hours]),
        "stage_seconds": spent.seconds,
        "gpu_seconds": spent.gpu_seconds,
        "queues": facts.queue_depth(catalog),
        "workers": _workers(desk),
        "schedules": facts.schedules(catalog),
        "store": facts.store_use(catalog),
    }


def is_away(row: queries.WorkerRow) -> bool:
    """A run's own process that is gone: nobody expects it, unlike a worker of a pool."""
    return row.pool == "local" and row.silent_seconds > LIVE_SECONDS


def _workers(desk: Desk) -> Sequence[Mapping[str, Any]]:
    """Those that live, and those that fell silent in the last day."""
    busy = queries.working(desk.catalog)
    rows = queries.workers(desk.catalog, live=False, since_seconds=24 * 3600.0)
    return [
        {
            "worker": row,
            "batches": busy.get(row.id, ()),
            "lost": row.silent_seconds > LIVE_SECONDS,
        }
        for row in rows
        if row.ended_at is None and not is_away(row)
    ]
