"""What waits for a person's verdict, the measured outliers first, and how far a review has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from catalog.errors import CatalogError
from catalog.facts.shot_page import Measured, measured
from catalog.ledger import Ledger
from catalog.tables import Card, Delivery, ReviewEntry, Run, Shot


@dataclass(frozen=True)
class Flagged:
    """What has a measurement beyond its threshold."""


@dataclass(frozen=True)
class Sample:
    """The same, and `percent` (0 to 100) of the others, drawn by their bytes: asked again it is the same sample."""

    percent: float


@dataclass(frozen=True)
class Everything:
    """All of it."""


Policy = Flagged | Sample | Everything


@dataclass(frozen=True)
class ReviewClip:
    """One current delivery of what is reviewed."""

    id: str
    rendition: str
    preset: str
    clip_sha256: str
    poster_sha256: str | None
    measurements: tuple[Measured, ...]


@dataclass(frozen=True)
class ReviewItem:
    """What one verdict covers: a shot of an item in all its renditions and presets. `cursor`: the page after it.

    `score`: how far the worst measurement is beyond its threshold, as a share of that; below 0 how near the nearest is,
    and None where nothing was measured against one.
    """

    shot_id: str
    run_id: str
    run_name: str
    manifest: str
    kind: str
    shot_key: str
    item: str
    variant: str
    title: str
    score: float | None
    flagged: bool
    clips: tuple[ReviewClip, ...]
    cursor: str


@dataclass(frozen=True)
class ReviewProgress:
    """How many there are, how many wait, and what was said of the others."""

    total: int
    waiting: int
    approved: int
    rejected: int
    redo: int


def review_queue(
    catalog: Ledger,
    *,
    run_id: str | None = None,
    policy: Policy = Everything(),
    after: str | None = None,
    limit: int = 50,
) -> Sequence[ReviewItem]:
    """What waits for a verdict, in a run or anywhere, the furthest outlier first; `after` is a cursor of this list.

    Raises CatalogError (`BAD_CURSOR`).
    """
    query = (
        select(
            ReviewEntry,
            Card.title,
            Shot.item,
            Shot.variant,
            Run.name.label("run_name"),
        )
        .join(Shot, Shot.id == ReviewEntry.shot_id)
        .join(Card, Card.shot_id == ReviewEntry.shot_id)
        .join(Run, Run.id == ReviewEntry.run_id)
        .where(ReviewEntry.verdict.is_(None), *_wanted(run_id, policy))
        .order_by(ReviewEntry.score.desc(), ReviewEntry.shot_id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(_beyond(after))
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
        clips = _clips(connection, rows) if rows else {}
    return [
        ReviewItem(
            shot_id=row.shot_id,
            run_id=row.run_id,
            run_name=row.run_name,
            manifest=row.manifest,
            kind=row.kind,
            shot_key=row.shot_key,
            item=row.item,
            variant=row.variant,
            title=row.title,
            score=row.score if row.score > _UNMEASURED else None,
            flagged=row.score >= 0,
            clips=tuple(clips.get((row.manifest, row.kind, row.shot_key), ())),
            cursor=f"{row.score!r} {row.shot_id}",
        )
        for row in rows
    ]


def review_progress(catalog: Ledger, *, run_id: str | None = None, policy: Policy = Everything()) -> ReviewProgress:
    """How far the review of a run, or of everything, has come."""
    counted = select(ReviewEntry.verdict, func.count()).where(*_wanted(run_id, policy)).group_by(ReviewEntry.verdict)
    with catalog.database.read() as connection:
        counts = dict[str | None, int](connection.execute(counted).all())
    return ReviewProgress(
        total=sum(counts.values()),
        waiting=counts.get(None, 0),
        approved=counts.get("approved", 0),
        rejected=counts.get("rejected", 0),
        redo=counts.get("redo", 0),
    )


_UNMEASURED = -1e8
"""Scores below are of what no threshold says anything about."""


def _wanted(run_id: str | None, policy: Policy) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [] if run_id is None else [ReviewEntry.run_id == run_id]
    match policy:
        case Flagged():
            wanted.append(ReviewEntry.score >= 0)
        case Sample(percent) if percent < 100:
            drawn = ReviewEntry.draw < f"{round(max(0.0, percent) * 655.36):04x}"
            wanted.append(or_(ReviewEntry.score >= 0, drawn))
        case _:
            pass
    return wanted


def _beyond(cursor: str) -> ColumnElement[bool]:
    score, _, shot_id = cursor.partition(" ")
    try:
        last = float(score)
    except ValueError as error:
        raise CatalogError(f"'{cursor[:40]}' is no place in a review; begin it again", code="BAD_CURSOR") from error
    return and_(ReviewEntry.score <= last, or_(ReviewEntry.score < last, ReviewEntry.shot_id < shot_id))


def _clips(connection: Connection, rows: Sequence[Any]) -> dict[tuple[str, str, str], list[ReviewClip]]:
    query = (
        select(Delivery)
        .where(
            # Column by column, which finds some more: SQLite looks a list of tuples up by no index.
            Delivery.manifest.in_({row.manifest for row in rows}),
            Delivery.kind.in_({row.kind for row in rows}),
            Delivery.shot_key.in_({row.shot_key for row in rows}),
            Delivery.state == "current",
        )
        .order_by(Delivery.rendition, Delivery.preset)
    )
    found = connection.execute(query).all()
    asked = {(row.manifest, row.kind, row.shot_key) for row in rows}
    mine = [one for one in found if (one.manifest, one.kind, one.shot_key) in asked]
    figures = measured(connection, [one.artifact_sha256 for one in mine])
    clips: dict[tuple[str, str, str], list[ReviewClip]] = {}
    for one in mine:
        clip = ReviewClip(
            id=one.id,
            rendition=one.rendition,
            preset=one.preset,
            clip_sha256=one.artifact_sha256,
            poster_sha256=one.poster_sha256,
            measurements=figures.get(one.artifact_sha256, ()),
        )
        clips.setdefault((one.manifest, one.kind, one.shot_key), []).append(clip)
    return clips
