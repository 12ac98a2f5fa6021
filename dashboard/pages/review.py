"""Review: one item after the other by keys, or many in a grid; what measured worst comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from catalog import facts
from catalog.facts import Policy, ReviewItem
from catalog.queries import manifest_of
from dashboard.auth import Reviewer, Viewer
from dashboard.desk import Desk, desk_of
from dashboard.errors import Refused
from dashboard.form import Form, form_of
from dashboard.pages.act import answered
from dashboard.render import render

router = APIRouter()

STRIP: Final = 14
GRID: Final = 48
SAMPLE: Final = 5
"""Of a hundred unflagged ones, where a manifest does not say how many."""
POLICIES: Final = ("all", "sample", "flagged")
VERDICTS: Final = ("approved", "rejected", "redo")
MOST: Final = 500

TheDesk = Annotated[Desk, Depends(desk_of)]
Asked = Annotated[Form, Depends(form_of)]


@dataclass(frozen=True)
class Place:
    """Where a reviewer is: of which run and policy, after which item, one by one or in a grid.

    `policy` is "" where nobody chose one: then the run's manifest says.
    """

    run: str
    policy: str
    after: str
    grid: bool

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Place:
        """From an address or a form; what is not known is the usual."""
        policy, view = given.get("policy", ""), given.get("view") == "grid"
        return cls(given.get("run", "")[:80], policy if policy in POLICIES else "", given.get("after", "")[:80], view)

    def address(self, **changes: str) -> str:
        """The address of a place like this one."""
        here = {"run": self.run, "policy": self.policy, "view": "grid" if self.grid else "", "after": self.after}
        told = {name: value for name, value in (here | changes).items() if value}
        return f"/review?{urlencode(told)}" if told else "/review"


@router.get("/review")
def review(request: Request, who: Viewer, desk: TheDesk) -> Response:
    """What waits for a verdict."""
    return _page(request, desk, Place.of(request.query_params))


@router.post("/do/review")
def judge(request: Request, who: Reviewer, desk: TheDesk, form: Asked) -> Response:
    """Say what one thinks; answered by what comes next where it was said in a review, else by a line."""
    verdict, deliveries = form.get("verdict", ""), _deliveries(form)
    if verdict not in VERDICTS:
        raise Refused("BAD_VERDICT", f"'{verdict[:40]}' is no verdict", f"say {', '.join(VERDICTS)}")
    note = form.get("note", "").strip()[:2_000]
    if "next" not in form:
        return answered(request, desk, form, lambda: desk.actions.review(who.name, verdict, deliveries, note))
    try:
        desk.actions.review(who.name, verdict, deliveries, note)
    finally:
        desk.shared.forget()
    told = {"verdict": verdict, "title": form.get("title", "")[:200], "deliveries": deliveries}
    return _page(request, desk, Place.of(form), told)


@router.post("/do/reopen")
def reopen(request: Request, who: Reviewer, desk: TheDesk, form: Asked) -> Response:
    """Take verdicts back: the deliveries wait again."""
    deliveries = _deliveries(form)
    if "next" not in form:
        return answered(request, desk, form, lambda: desk.actions.reopen(who.name, deliveries, ""))
    try:
        desk.actions.reopen(who.name, deliveries, "")
    finally:
        desk.shared.forget()
    return _page(request, desk, Place.of(form))


def _deliveries(form: Form) -> list[str]:
    found = list(dict.fromkeys(form.many("delivery")))
    if not found:
        raise Refused("NO_DELIVERIES", "nothing was chosen", "tick some, or open one")
    if len(found) > MOST:
        raise Refused("TOO_MANY", f"{len(found)} at once", f"choose at most {MOST}")
    return found


def _page(request: Request, desk: Desk, place: Place, told: Mapping[str, Any] | None = None) -> Response:
    title = "Review"
    facts_of = desk.shared.get(("review", place), lambda: read(desk, place))
    return render(request, "review.html", {"title": title, "place": place, "told": told, **facts_of})


def read(desk: Desk, place: Place) -> Mapping[str, Any]:
    """The queue from this place on, and how far it has come."""
    run_id = place.run or None
    asked, known = policies_of(manifest_of(desk.catalog, place.run) if place.run else {})
    chosen = place.policy or asked
    policy = known[chosen][1]
    limit = GRID + 1 if place.grid else STRIP
    items = facts.review_queue(desk.catalog, run_id=run_id, policy=policy, after=place.after or None, limit=limit)
    return {
        "items": items[:GRID],
        "more": place.address(after=items[GRID - 1].cursor) if len(items) > GRID else "",
        "places": _places(place, items),
        "progress": facts.review_progress(desk.catalog, run_id=run_id, policy=policy),
        "policies": [
            (words, place.address(policy=name, after=""), name == chosen) for name, (words, _) in known.items()
        ],
        "other_view": place.address(view="" if place.grid else "grid", after=""),
        "skip": place.address(after=items[0].cursor) if items else "",
        "run": facts.run_card(desk.catalog, place.run) if place.run else None,
    }


def policies_of(manifest: Mapping[str, Any]) -> tuple[str, Mapping[str, tuple[str, Policy]]]:
    """What a manifest's `review:` asks for (`all`, `flagged` or `sample N%`), and all there are, by name."""
    name, _, share = str(manifest.get("review", "all")).partition(" ")
    sample = int(share.removesuffix("%")) if share.removesuffix("%").isdecimal() else SAMPLE
    return name if name in POLICIES else "all", {
        "all": ("Everything", facts.Everything()),
        "sample": (f"Flagged and {sample} of 100", facts.Sample(sample)),
        "flagged": ("Flagged", facts.Flagged()),
    }


def _places(place: Place, items: Sequence[ReviewItem]) -> list[str]:
    """The address at which each item comes first: after the one before it."""
    before = [place.after, *(item.cursor for item in items)]
    return [place.address(after=cursor) for cursor in before[: len(items)]]
