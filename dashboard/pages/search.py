"""Search: by SKU, title, tag, `meta`, run, engine, weights, date, error and digest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from starlette.datastructures import QueryParams

from catalog import facts
from catalog.facts import Hit
from dashboard.auth import Viewer
from dashboard.desk import Desk, desk_of
from dashboard.errors import Refused
from dashboard.render import render

router = APIRouter()

HITS = 40
FIELDS = ("engine", "weights", "error", "since", "until")


@router.get("/search")
def search(
    request: Request, who: Viewer, desk: Annotated[Desk, Depends(desk_of)], q: Annotated[str, Query()] = ""
) -> Response:
    """What was found; the newest where nothing is asked."""
    asked = request.query_params
    hits = find(desk, q[:300], asked)
    more = ""
    if len(hits) > HITS and hits[HITS - 1].cursor:
        more = str(request.url.include_query_params(after=hits[HITS - 1].cursor).query)
    given = {name: asked.get(name, "")[:100] for name in FIELDS}
    return render(
        request,
        "search.html",
        {"title": "Search", "q": q[:300], "given": given, "hits": hits[:HITS], "more": f"?{more}" if more else ""},
    )


def find(desk: Desk, words: str, asked: QueryParams, limit: int = HITS) -> list[Hit]:
    """One more than `limit`, so that whoever shows them knows whether there are more."""
    return list(
        facts.search(
            desk.catalog,
            words,
            engine=asked.get("engine") or None,
            weights=asked.get("weights") or None,
            error=asked.get("error") or None,
            since=day_of(asked.get("since", "")),
            until=day_of(asked.get("until", ""), last=True),
            after=asked.get("after") or None,
            limit=limit + 1,
        )
    )


def day_of(text: str, *, last: bool = False) -> datetime | None:
    """The beginning of a day as forms write it, its end where it is the `last`; None where none is given.

    Raises Refused.
    """
    if not text:
        return None
    try:
        found = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return found + timedelta(days=1) if last else found
    except (ValueError, OverflowError) as error:
        raise Refused("BAD_DATE", f"'{text[:40]}' is no day", "write 2026-11-22") from error
