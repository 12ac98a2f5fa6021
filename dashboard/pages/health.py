"""Health: whether everything is there that has to be, what was survived of late, and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from catalog import facts
from catalog.facts import Health
from dashboard.auth import Viewer
from dashboard.desk import Desk, desk_of
from dashboard.pages.today import is_away
from dashboard.render import render
from dashboard.words import size

router = APIRouter()

LINES = 30


@dataclass(frozen=True)
class Check:
    """One thing that has to be well; `remedy` where it is not."""

    name: str
    well: bool
    found: str
    remedy: str = ""


@router.get("/health")
def health(request: Request, who: Viewer, desk: Annotated[Desk, Depends(desk_of)]) -> Response:
    """How the house is."""
    found = desk.shared.get("health", lambda: facts.health(desk.catalog))
    lines = desk.shared.get("audit", lambda: facts.audit_rows(desk.catalog, limit=LINES))
    facts_of = {"title": "Health", "health": found, "checks": checks(found), "audit": lines}
    facts_of["workers"] = [one for one in found.workers if not is_away(one.worker)]
    return render(request, "health.html", facts_of)


def _told(targets: int) -> str:
    return f"{targets} told of what happens" if targets else "nobody is to be told"


def checks(found: Health) -> Sequence[Check]:
    """What is looked at first in the morning."""
    lost = [one.worker.name for one in found.workers if not one.lives and not is_away(one.worker)]
    live = sum(one.lives for one in found.workers)
    cards = [one.worker for one in found.workers if one.worker.gpu is not None and one.lives]
    gone = [one.name for one in cards if one.gpu and one.gpu["lost"]]
    untold = [one.name for one in found.targets if one.state != "well"]
    workers = f"{live} live" + (f", silent: {', '.join(lost)}" if lost else "")
    return [
        Check("Database", True, f"{found.dialect}, revision {found.revision}"),
        Check(
            "Store",
            found.store_fault is None,
            found.store_fault or f"{size(found.free_bytes)} free",
            "mount or start it again; work goes on by itself",
        ),
        Check("Files", not found.damaged, f"{found.damaged} damaged", "`dailies verify` says which run mends them"),
        *(
            [Check("GPUs", not gone, _cards(len(cards), gone), "drain the worker, then reset the card or its machine")]
            if cards
            else []
        ),
        Check("Workers", not lost, workers, "look at the machine; its shots go to others by themselves"),
        Check(
            "Leases",
            not found.expired_leases,
            f"{found.expired_leases} ran out",
            "`reconcile` takes them back where `dailies up` runs; else `dailies resume`",
        ),
        Check(
            "Being told",
            not untold,
            f"{', '.join(untold)} cannot be told" if untold else _told(len(found.targets)),
            "`dailies notify test` says what is wrong",
        ),
    ]


def _cards(count: int, gone: Sequence[str]) -> str:
    return f"{count} seen" + (f", lost: {', '.join(gone)}" if gone else "")
