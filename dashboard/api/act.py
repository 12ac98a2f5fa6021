"""Submit, resume, cancel, retry, set aside, make another, review, send on: what the pages' buttons do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from dashboard.api.words import FAULTS, NAME, Id, Name, Said
from dashboard.auth import Operator, Reviewer
from dashboard.desk import Desk, desk_of

router = APIRouter(tags=["act"], responses=FAULTS)

TheDesk = Annotated[Desk, Depends(desk_of)]
_LONGEST_MANIFEST = 1_500_000


class Submission(BaseModel):
    """A manifest's text, or the absolute path of one on the dashboard's machine."""

    manifest: str = Field(min_length=1, max_length=_LONGEST_MANIFEST)


class Shots(BaseModel):
    """Some shots, by their ids, and why."""

    shots: list[Id] = Field(min_length=1, max_length=1_000)
    why: str = Field(default="", max_length=500)


class Changes(BaseModel):
    """What another one is to have instead."""

    changes: dict[Literal["seed", "motion.move", "motion.amount", "seconds"], str] = Field(min_length=1)


class Verdict(BaseModel):
    """What is thought of deliveries; each covers everything of the same shot."""

    deliveries: list[Annotated[str, Field(pattern=NAME)]] = Field(min_length=1, max_length=500)
    verdict: Literal["approved", "rejected", "redo"]
    note: str = Field(default="", max_length=2_000)


class Reopened(BaseModel):
    """Deliveries that are to be reviewed again."""

    deliveries: list[Annotated[str, Field(pattern=NAME)]] = Field(min_length=1, max_length=500)
    note: str = Field(default="", max_length=2_000)


@router.post("/runs", status_code=202)
def submit(who: Operator, desk: TheDesk, asked: Submission) -> Said:
    """Start a run; it is listed once it is planned."""
    return _done(desk, lambda: desk.actions.submit(who.name, asked.manifest))


@router.post("/runs/{run_id}/resume", status_code=202)
def resume(run_id: Name, who: Operator, desk: TheDesk) -> Said:
    """Go on with a run."""
    return _done(desk, lambda: desk.actions.resume(who.name, run_id))


@router.post("/runs/{run_id}/cancel", status_code=202)
def cancel(run_id: Name, who: Operator, desk: TheDesk) -> Said:
    """Stop a run."""
    return _done(desk, lambda: desk.actions.cancel(who.name, run_id))


@router.post("/runs/{run_id}/send", status_code=202)
def send(run_id: Name, who: Reviewer, desk: TheDesk) -> Said:
    """Export what is approved of a run, as it changed."""
    return _done(desk, lambda: desk.actions.send(who.name, run_id))


@router.post("/shots/retry", status_code=202)
def retry(who: Operator, desk: TheDesk, asked: Shots) -> Said:
    """Try shots again."""
    return _done(desk, lambda: desk.actions.retry(who.name, asked.shots))


@router.post("/shots/quarantine")
def quarantine(who: Operator, desk: TheDesk, asked: Shots) -> Said:
    """Set shots aside."""
    return _done(desk, lambda: desk.actions.quarantine(who.name, asked.shots, asked.why))


@router.post("/shots/{shot_id}/another", status_code=202)
def another(shot_id: Name, who: Operator, desk: TheDesk, asked: Changes) -> Said:
    """Make another one of a shot."""
    return _done(
        desk,
        lambda: desk.actions.make_another(
            who.name, shot_id, {str(name): value for name, value in asked.changes.items()}
        ),
    )


@router.post("/reviews")
def review(who: Reviewer, desk: TheDesk, asked: Verdict) -> Said:
    """Say what one thinks."""
    return _done(desk, lambda: desk.actions.review(who.name, asked.verdict, asked.deliveries, asked.note))


@router.post("/reviews/reopen")
def reopen(who: Reviewer, desk: TheDesk, asked: Reopened) -> Said:
    """Have deliveries wait for a verdict again."""
    return _done(desk, lambda: desk.actions.reopen(who.name, asked.deliveries, asked.note))


def _done(desk: Desk, act: Callable[[], str]) -> Said:
    try:
        return Said(said=act())
    finally:
        desk.shared.forget()
