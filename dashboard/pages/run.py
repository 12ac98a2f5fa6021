"""One run: its shots as a grid, what they can be filtered by, where the time went, and what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from catalog import facts, queries
from catalog.facts import RunCard
from dashboard.auth import Viewer
from dashboard.charts import share
from dashboard.desk import Desk, desk_of
from dashboard.render import render

router = APIRouter()

CARDS = 60
FILTERS = ("state", "error", "engine", "preset", "tag")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@router.get("/runs/{run_id}")
def run(
    request: Request,
    run_id: str,
    who: Viewer,
    desk: Annotated[Desk, Depends(desk_of)],
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> Response:
    """The page of a run; its filters are in the address."""
    chosen = {name: value for name in FILTERS if (value := request.query_params.get(name, "")[:200])}
    key = ("run", run_id, after, *sorted(chosen.items()))
    found = desk.shared.get(key, lambda: read(desk, run_id, chosen, after))
    return render(request, "run.html", {"title": found["run"].name, **found})


@router.get("/runs/{run_id}/manifest")
def manifest(request: Request, run_id: str, who: Viewer, desk: Annotated[Desk, Depends(desk_of)]) -> Response:
    """The manifest as it was resolved."""
    row = queries.run(desk.catalog, run_id)
    return render(
        request,
        "manifest.html",
        {"title": f"Manifest of {row.name}", "run": row, "manifest": queries.manifest_of(desk.catalog, run_id)},
    )


def read(desk: Desk, run_id: str, chosen: Mapping[str, str], after: int) -> Mapping[str, Any]:
    """Everything the page shows."""
    catalog = desk.catalog
    card = card_of(desk, run_id)
    shots = facts.shot_cards(catalog, run_id, **chosen, after=after, limit=CARDS + 1)
    stages = facts.stage_chart(catalog, run_id)
    longest = max((stage.seconds for stage in stages), default=0.0)
    more = shots[CARDS - 1].position if len(shots) > CARDS else None
    return {
        "run": card,
        "left": facts.eta(catalog, run_id) if card.state in ("running", "planned") else None,
        "shots": shots[:CARDS],
        "more": f"?{urlencode({**chosen, 'after': more})}" if more else "",
        "first": f"?{urlencode(chosen)}" if after else "",
        "chosen": chosen,
        "filters": _filters(facts.facets(catalog, run_id), chosen),
        "stages": [(stage, share(stage.seconds, longest)) for stage in stages],
        "failures": facts.failures_today(catalog, since=_EPOCH, run_id=run_id),
        "incidents": queries.incidents_of(catalog, run_id, latest=8)[::-1],
    }


def card_of(desk: Desk, run_id: str) -> RunCard:
    """Its card. Raises NotFound."""
    return facts.run_card(desk.catalog, run_id)


def _filters(found: facts.Facets, chosen: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each filter with its values, how many shots have them, and the address that chooses or drops them."""
    return [
        {
            "name": name,
            "values": [
                {
                    "value": value,
                    "count": count,
                    "chosen": chosen.get(name) == value,
                    "address": f"?{urlencode(_toggled(chosen, name, value))}",
                }
                for value, count in sorted(getattr(found, f"{name}s").items(), key=lambda one: (-one[1], one[0]))[:12]
            ],
        }
        for name in FILTERS
        if len(getattr(found, f"{name}s")) > (0 if name in ("state", "error") else 1) or name in chosen
    ]


def _toggled(chosen: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    left = {key: one for key, one in chosen.items() if key != name}
    return left if chosen.get(name) == value else left | {name: value}
