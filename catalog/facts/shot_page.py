"""One shot: what was asked and planned, what was made of it and how, and what a person said of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, union

from catalog.errors import NotFound
from catalog.facts.runs import CARD, RunCard, run_cards
from catalog.ledger import Ledger
from catalog.tables import (
    Artifact,
    Card,
    Delivery,
    Execution,
    ExecutionInput,
    ExecutionOutput,
    Measurement,
    Rendition,
    Review,
    Run,
    Shot,
    ShotDelivery,
    ShotExecution,
    ShotTag,
)

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class ShotRendition:
    """One aspect, size and rate; `rate` is a fraction as text."""

    name: str
    width: int
    height: int
    rate: str
    frames: int


@dataclass(frozen=True)
class Measured:
    """One figure against its threshold; None where it has none."""

    name: str
    value: float
    unit: str
    threshold: float | None
    passed: bool | None


@dataclass(frozen=True)
class Said:
    """One verdict on a delivery: approved, rejected or redo."""

    verdict: str
    note: str
    reviewer: str
    at: datetime


@dataclass(frozen=True)
class ShotFile:
    """One delivery that serves the shot. `made`: this shot's own work made it. `clip_state` is of its file.

    `verdict` is None while it waits for one.
    """

    id: str
    state: str
    rendition: str
    preset: str
    clip_sha256: str
    clip_state: str
    clip_bytes: int
    poster_sha256: str | None
    made: bool
    placed_path: str | None
    superseded_by: str | None
    created_at: datetime
    measurements: tuple[Measured, ...]
    verdict: Said | None


@dataclass(frozen=True)
class ShotStage:
    """One execution for the shot, or that it stands on. `made`: this shot's work, not something it found there."""

    id: str
    stage: str
    rendition: str
    made: bool
    state: str
    engine: str
    engine_versions: Mapping[str, str]
    weights: Mapping[str, str]
    ran: Mapping[str, Any]
    worker: str | None
    host: str
    device: str
    progress: float
    seconds: float | None
    gpu_seconds: float | None
    peak_vram_bytes: int | None
    error_code: str | None
    error_message: str | None
    evidence: str | None
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class ShotFacts:
    """One shot with everything about it. Digests are None where the picture or still was never stored, or is gone."""

    run: RunCard
    id: str
    position: int
    key: str
    item: str
    variant: str
    line: int | None
    title: str
    engine: str
    tags: tuple[str, ...]
    ask: Mapping[str, Any]
    plan: Mapping[str, Any]
    meta: Mapping[str, Any]
    state: str
    attempts: int
    deaths: int
    error_code: str | None
    error_message: str | None
    created_at: datetime
    ended_at: datetime | None
    source_sha256: str | None
    still_sha256: str | None
    renditions: tuple[ShotRendition, ...]
    deliveries: tuple[ShotFile, ...]
    executions: tuple[ShotStage, ...]


def shot_facts(catalog: Ledger, shot_id: str) -> ShotFacts:
    """One shot. Raises NotFound."""
    shot = select(Shot, Card.title, Card.engine).join(Card, Card.shot_id == Shot.id).where(Shot.id == shot_id)
    with catalog.database.read() as connection:
        row = connection.execute(shot).one_or_none()
        if row is None:
            raise NotFound(f"no shot '{shot_id}' in this catalog")
        (run,) = run_cards(connection, connection.execute(select(*CARD).where(Run.id == row.run_id)).all())
        tags = connection.scalars(select(ShotTag.tag).where(ShotTag.shot_id == shot_id).order_by(ShotTag.tag)).all()
        stages = _stages(connection, shot_id)
        source, still = _pictures(connection, [one.id for one in stages if one.stage == "prepare"])
        return ShotFacts(
            run=run,
            id=row.id,
            position=row.position,
            key=row.key,
            item=row.item,
            variant=row.variant,
            line=row.line,
            title=row.title,
            engine=row.engine,
            tags=tuple(tags),
            ask=row.ask,
            plan=row.plan,
            meta=row.meta,
            state=row.state,
            attempts=row.attempts,
            deaths=row.deaths,
            error_code=row.error_code,
            error_message=row.error_message,
            created_at=row.created_at,
            ended_at=row.ended_at,
            source_sha256=source,
            still_sha256=still,
            renditions=_renditions(connection, shot_id),
            deliveries=_deliveries(connection, shot_id),
            executions=stages,
        )


def _renditions(connection: Connection, shot_id: str) -> tuple[ShotRendition, ...]:
    columns = (Rendition.name, Rendition.width, Rendition.height, Rendition.rate, Rendition.frames)
    query = select(*columns).where(Rendition.shot_id == shot_id).order_by(Rendition.name)
    return tuple(ShotRendition(*row) for row in connection.execute(query))


def _deliveries(connection: Connection, shot_id: str) -> tuple[ShotFile, ...]:
    query = (
        select(Delivery, ShotDelivery.made, ShotDelivery.placed_path, Artifact.state.label("clip"), Artifact.bytes)
        .join(ShotDelivery, ShotDelivery.delivery_id == Delivery.id)
        .join(Artifact, Artifact.sha256 == Delivery.artifact_sha256)
        .where(ShotDelivery.shot_id == shot_id)
        .order_by(Delivery.state, Delivery.rendition, Delivery.preset, Delivery.id)
    )
    rows = connection.execute(query).all()
    figures = measured(connection, [row.artifact_sha256 for row in rows])
    verdicts = verdicts_of(connection, [row.id for row in rows])
    return tuple(
        ShotFile(
            id=row.id,
            state=row.state,
            rendition=row.rendition,
            preset=row.preset,
            clip_sha256=row.artifact_sha256,
            clip_state=row.clip,
            clip_bytes=row.bytes,
            poster_sha256=row.poster_sha256,
            made=row.made,
            placed_path=row.placed_path,
            superseded_by=row.superseded_by,
            created_at=row.created_at,
            measurements=figures.get(row.artifact_sha256, ()),
            verdict=verdicts.get(row.id),
        )
        for row in rows
    )


def measured(connection: Connection, artifacts: Sequence[str]) -> dict[str, tuple[Measured, ...]]:
    """The newest figure of every name of these files."""
    query = select(Measurement).where(Measurement.artifact_sha256.in_(artifacts)).order_by(Measurement.id)
    found: dict[str, dict[str, Measured]] = {}
    for row in connection.execute(query):
        figure = Measured(row.name, row.value, row.unit, row.threshold, row.passed)
        found.setdefault(row.artifact_sha256, {})[row.name] = figure
    return {sha256: tuple(figures.values()) for sha256, figures in found.items()}


def verdicts_of(connection: Connection, deliveries: Sequence[str]) -> dict[str, Said]:
    """What was said last of these deliveries and not withdrawn."""
    query = select(Review).where(Review.delivery_id.in_(deliveries), Review.withdrawn_at.is_(None))
    return {
        row.delivery_id: Said(row.verdict, row.note, row.reviewer, row.reviewed_at)
        for row in connection.execute(query.order_by(Review.id))
    }


def _stages(connection: Connection, shot_id: str) -> tuple[ShotStage, ...]:
    linked = select(ShotExecution.execution_id, ShotExecution.rendition, ShotExecution.made)
    links: dict[str, tuple[str, bool]] = {
        execution: (rendition, made)
        for execution, rendition, made in connection.execute(linked.where(ShotExecution.shot_id == shot_id))
    }
    own = select(Execution.id).where(Execution.shot_id == shot_id)
    stood_on = select(ShotExecution.execution_id).where(ShotExecution.shot_id == shot_id)
    query = select(Execution).where(Execution.id.in_(union(own, stood_on)))
    return tuple(
        ShotStage(
            id=row.id,
            stage=row.stage,
            rendition=links.get(row.id, ("", True))[0],
            made=links.get(row.id, ("", True))[1],
            state=row.state,
            engine=row.engine,
            engine_versions=row.engine_versions,
            weights=row.weights,
            ran=row.ran or {},
            worker=row.worker,
            host=row.host,
            device=row.device,
            progress=row.progress,
            seconds=row.seconds,
            gpu_seconds=row.gpu_seconds,
            peak_vram_bytes=row.peak_vram_bytes,
            error_code=row.error_code,
            error_message=row.error_message,
            evidence=row.evidence,
            started_at=row.started_at,
            ended_at=row.ended_at,
        )
        for row in connection.execute(query.order_by(Execution.started_at, Execution.id))
    )


def _pictures(connection: Connection, prepared: Sequence[str]) -> tuple[str | None, str | None]:
    """The picture that was photographed and the still that came of it, where they are in the store."""
    source = (
        select(Artifact.sha256)
        .join(ExecutionInput, ExecutionInput.artifact_sha256 == Artifact.sha256)
        .where(ExecutionInput.execution_id.in_(prepared), Artifact.kind == "source", Artifact.state == "present")
        .order_by(ExecutionInput.execution_id, ExecutionInput.position)
    )
    still = (
        select(Artifact.sha256, Artifact.location)
        .join(ExecutionOutput, ExecutionOutput.artifact_sha256 == Artifact.sha256)
        .where(ExecutionOutput.execution_id.in_(prepared), Artifact.kind == "still", Artifact.state == "present")
        .order_by(ExecutionOutput.execution_id, ExecutionOutput.role)
    )
    stills = [sha256 for sha256, location in connection.execute(still) if location.endswith(_PICTURES)]
    return connection.scalars(source.limit(1)).first(), stills[0] if stills else None
