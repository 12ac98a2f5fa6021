"""One shot: its picture beside its clip, what was measured, how it came to be, and what was tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from catalog import facts
from catalog.trace import trace
from dashboard.auth import Viewer
from dashboard.charts import gpu_chart, share
from dashboard.desk import Desk, desk_of
from dashboard.lineage import drawn
from dashboard.render import render

router = APIRouter()


@router.get("/shots/{shot_id}")
def shot(request: Request, shot_id: str, who: Viewer, desk: Annotated[Desk, Depends(desk_of)]) -> Response:
    """The page of a shot."""
    found = desk.shared.get(("shot", shot_id), lambda: read(desk, shot_id))
    chosen = request.query_params.get("delivery", "")
    current = [one for one in found["shot"].deliveries if one.state == "current"] or found["shot"].deliveries
    shown = next((one for one in found["shot"].deliveries if one.id == chosen), current[0] if current else None)
    facts_of = found["shot"]
    return render(request, "shot.html", {"title": facts_of.title or facts_of.key, "shown": shown, **found})


def read(desk: Desk, shot_id: str) -> Mapping[str, Any]:
    """Everything the page shows."""
    found = facts.shot_facts(desk.catalog, shot_id)
    longest = max((one.seconds or 0.0 for one in found.executions), default=0.0)
    before, after = _neighbours(desk, found)
    return {
        "shot": found,
        "attempts": [(one, share(one.seconds or 0.0, longest), gpu_chart(one.ran)) for one in found.executions],
        "lineage": drawn(trace(desk.catalog, shot_id).roots),
        "before": before,
        "after": after,
    }


def _neighbours(desk: Desk, found: facts.ShotFacts) -> tuple[str | None, str | None]:
    """Ids of the shots beside it in its run."""
    start = max(0, found.position - 2)
    near = facts.shot_cards(desk.catalog, found.run.id, after=start, limit=3)
    by_position = {one.position: one.id for one in near}
    return by_position.get(found.position - 1), by_position.get(found.position + 1)
