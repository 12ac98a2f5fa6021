"""Costs: seconds of work and of GPUs, and money where there are rates, by run, day or engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast, get_args

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from catalog import facts
from dashboard.auth import Viewer
from dashboard.charts import share
from dashboard.desk import Desk, desk_of
from dashboard.pages.search import day_of
from dashboard.render import render

router = APIRouter()

By = Literal["day", "run", "engine"]
ROWS = 100


@router.get("/costs")
def costs(request: Request, who: Viewer, desk: Annotated[Desk, Depends(desk_of)]) -> Response:
    """What work took."""
    asked = request.query_params
    by = cast(By, asked.get("by")) if asked.get("by") in get_args(By) else "day"
    since, until = asked.get("since", ""), asked.get("until", "")
    rows, whole = desk.shared.get(("costs", by, since, until), lambda: _read(desk, by, since, until))
    money = desk.settings.rates.money
    largest = max((money(row.seconds, row.gpu_seconds) or row.seconds for row in rows), default=0.0)
    return render(
        request,
        "costs.html",
        {
            "title": "Costs",
            "by": by,
            "ways": get_args(By),
            "since": since,
            "until": until,
            "rows": [
                (row, cost := money(row.seconds, row.gpu_seconds), share(cost or row.seconds, largest)) for row in rows
            ],
            "seconds": whole.seconds,
            "gpu_seconds": whole.gpu_seconds,
            "most": ROWS,
        },
    )


def _read(desk: Desk, by: By, since: str, until: str) -> tuple[Sequence[facts.Cost], facts.Cost]:
    """The first rows, and all of it together, which may be more than they are."""
    begin, end = day_of(since), day_of(until, last=True)
    rows = facts.costs(desk.catalog, by=by, since=begin, until=end, limit=ROWS)
    return rows, facts.total_cost(desk.catalog, since=begin, until=end)
