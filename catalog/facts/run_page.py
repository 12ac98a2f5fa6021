"""One run: its shots as cards, what they can be narrowed by, and what its stages took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select, text

from catalog.dialect import shots_of_run
from catalog.facts.runs import REFUSED
from catalog.facts.spent import Spent, spent
from catalog.ledger import Ledger
from catalog.tables import (
    Card,
    Delivery,
    Execution,
    ReviewEntry,
    Shot,
    ShotDelivery,
    ShotExecution,
    ShotTag,
)

STAGES = ("prepare", "animate", "upscale", "interpolate", "encode", "inspect", "publish")
"""In the order in which a shot goes through them; others come after."""


@dataclass(frozen=True)
class ShotCard:
    """One shot in a grid. `poster_sha256` and `clip_sha256` are of its first delivery, `presets` of all.

    `verdict` is that on its deliveries: approved, rejected, redo, or None while they wait for one or are served from
    elsewhere.
    """

    id: str
    position: int
    key: str
    item: str
    variant: str
    title: str
    state: str
    error_code: str | None
    error_message: str | None
    engine: str
    attempts: int
    poster_sha256: str | None
    clip_sha256: str | None
    presets: tuple[str, ...]
    verdict: str | None


@dataclass(frozen=True)
class Facets:
    """What a run's shots can be narrowed by, and how many there are of each."""

    states: Mapping[str, int]
    errors: Mapping[str, int]
    engines: Mapping[str, int]
    presets: Mapping[str, int]
    tags: Mapping[str, int]


@dataclass(frozen=True)
class StageTiming:
    """One stage by one engine in one run: executions it made and those it found there; seconds of the former.

    `p50` and `p95` are as exact as the catalog's buckets (catalog/rollups.py); None where nothing was made.
    """

    stage: str
    engine: str
    made: int
    reused: int
    failed: int
    seconds: float
    p50: float | None
    p95: float | None
    gpu_seconds: float


def shot_cards(
    catalog: Ledger,
    run_id: str,
    *,
    state: str | None = None,
    error: str | None = None,
    engine: str | None = None,
    preset: str | None = None,
    tag: str | None = None,
    after: int = 0,
    limit: int = 60,
) -> Sequence[ShotCard]:
    """A run's shots from position `after` on, in the order of the manifest, narrowed by whatever is given."""
    query = (
        select(
            Shot.id,
            Shot.position,
            Shot.key,
            Shot.item,
            Shot.variant,
            Card.title,
            Shot.state,
            Shot.error_code,
            Shot.error_message,
            Card.engine,
            Shot.attempts,
        )
        .join(Shot, Shot.id == Card.shot_id)
        .where(Card.run_id == run_id, Card.position > after)
        .order_by(Card.position)
        .limit(limit)
    )
    for column, value in ((Shot.state, state), (Shot.error_code, error), (Card.engine, engine)):
        if value is not None:
            query = query.where(column == value)
    if tag is not None:
        query = query.where(select(ShotTag.tag).where(ShotTag.shot_id == Shot.id, ShotTag.tag == tag).exists())
    if preset is not None:
        served = select(ShotDelivery.shot_id).join(Delivery, Delivery.id == ShotDelivery.delivery_id)
        query = query.where(served.where(ShotDelivery.shot_id == Shot.id, Delivery.preset == preset).exists())
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
        files = _files(connection, [row.id for row in rows])
        verdicts = _verdicts(connection, [row.id for row in rows])
    return [
        ShotCard(
            *row,
            poster_sha256=files[row.id][0].poster_sha256 if row.id in files else None,
            clip_sha256=files[row.id][0].artifact_sha256 if row.id in files else None,
            presets=tuple(dict.fromkeys(one.preset for one in files.get(row.id, []))),
            verdict=verdicts.get(row.id),
        )
        for row in rows
    ]


def _files(connection: Connection, shots: Sequence[str]) -> dict[str, list[Any]]:
    query = (
        select(ShotDelivery.shot_id, Delivery.preset, Delivery.artifact_sha256, Delivery.poster_sha256)
        .join(Delivery, Delivery.id == ShotDelivery.delivery_id)
        .where(ShotDelivery.shot_id.in_(shots))
        .order_by(ShotDelivery.shot_id, case((Delivery.state == "current", 0), else_=1), Delivery.id)
    )
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        found.setdefault(row.shot_id, []).append(row)
    return found


def _verdicts(connection: Connection, shots: Sequence[str]) -> dict[str, str | None]:
    query = select(ReviewEntry.shot_id, ReviewEntry.verdict).where(ReviewEntry.shot_id.in_(shots))
    return dict(connection.execute(query).all())


def facets(catalog: Ledger, run_id: str) -> Facets:
    """What a run's shots can be narrowed by."""
    served = select(Delivery.preset, func.count(ShotDelivery.shot_id.distinct())).join(
        Delivery, Delivery.id == ShotDelivery.delivery_id
    )
    counted = {
        "states": select(Shot.state, func.count()).where(Shot.run_id == run_id).group_by(Shot.state),
        "errors": select(Shot.error_code, func.count())
        .where(Shot.run_id == run_id, REFUSED, Shot.error_code.is_not(None))
        .group_by(Shot.error_code),
        "engines": select(Card.engine, func.count())
        .where(Card.run_id == run_id, Card.engine != "")
        .group_by(Card.engine),
        "presets": served.where(shots_of_run(ShotDelivery.shot_id, run_id)).group_by(Delivery.preset),
        "tags": select(ShotTag.tag, func.count()).where(shots_of_run(ShotTag.shot_id, run_id)).group_by(ShotTag.tag),
    }
    with catalog.database.read() as connection:
        found = {
            name: dict(sorted(connection.execute(query).all(), key=lambda row: (-row[1], row[0])))
            for name, query in counted.items()
        }
    return Facets(**found)


def stage_chart(catalog: Ledger, run_id: str) -> Sequence[StageTiming]:
    """What a run's stages took, in the order of a shot's way, and how often an older result served."""
    reused = (
        select(Execution.stage, Execution.engine, func.count(Execution.id.distinct()))
        .join(ShotExecution, ShotExecution.execution_id == Execution.id)
        .where(shots_of_run(ShotExecution.shot_id, run_id), text("NOT shot_executions.made"))
        .group_by(Execution.stage, Execution.engine)
    )
    with catalog.database.read() as connection:
        made = spent(connection, ("stage", "engine"), runs=[run_id], buckets=True)
        again = {(stage, engine): count for stage, engine, count in connection.execute(reused)}
    order = {stage: place for place, stage in enumerate(STAGES)}
    named = sorted({*made, *again}, key=lambda name: (order.get(name[0], len(order)), name))
    return [_timing(name, made.get(name, Spent()), again.get((name[0], name[1]), 0)) for name in named]


def _timing(name: tuple[str, ...], used: Spent, reused: int) -> StageTiming:
    return StageTiming(
        stage=name[0],
        engine=name[1],
        made=used.executions - used.failed,
        reused=reused,
        failed=used.failed,
        seconds=used.seconds,
        p50=used.quantile(0.5),
        p95=used.quantile(0.95),
        gpu_seconds=used.gpu_seconds,
    )
