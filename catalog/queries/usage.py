"""Who uses some artifacts: deliveries, runs, running stages, publications under way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select
from sqlalchemy.orm import aliased

from catalog.dialect import clock
from catalog.ledger import chunks
from catalog.tables import Artifact, Delivery, Execution, ExecutionInput, ExecutionOutput, Run, Shot, ShotExecution

SILENT_SECONDS = 86_400.0
"""A running execution of no shot that has said nothing for so long is dead."""

_LIVE = ("planned", "running", "cancelling")

_READ: Any = ExecutionInput.artifact_sha256
_PRODUCER: Any = ExecutionInput.producer_id
"""Of each input one is empty; what is selected by them is not."""


@dataclass
class Usage:
    """Sets hold digests of the artifacts that were asked about.

    `explains`: sources of deliveries that are in the store. `of_live`: made of the given pictures, or linked to a shot
    of a run that has not ended. `busy`: read by a running stage. `made`: has a maker; `stands`: a maker is done.
    """

    current: set[str] = field(default_factory=set[str])
    superseded: dict[str, datetime] = field(default_factory=dict[str, datetime])
    explains: set[str] = field(default_factory=set[str])
    publishing: set[str] = field(default_factory=set[str])
    busy: set[str] = field(default_factory=set[str])
    of_live: set[str] = field(default_factory=set[str])
    of_run: set[str] = field(default_factory=set[str])
    made: set[str] = field(default_factory=set[str])
    stands: set[str] = field(default_factory=set[str])
    touched: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict[str, list[datetime]](list))


def usage_of(
    connection: Connection, artifacts: Sequence[tuple[str, bool]], run_id: str | None, pictures: set[str]
) -> Usage:
    """Usage of (SHA-256, is a source picture) pairs, a few hundred at a time.

    `run_id`: whose artifacts `of_run` tells. `pictures`: digests of sources whose descendants `of_live` tells.
    """
    wanted = [sha256 for sha256, _ in artifacts]
    usage = Usage(publishing=journalled(connection))
    _deliveries(connection, wanted, usage)
    _makers(connection, wanted, usage)
    _readers(connection, wanted, usage)
    linked = (
        select(ExecutionOutput.artifact_sha256)
        .join(ShotExecution, ShotExecution.execution_id == ExecutionOutput.execution_id)
        .join(Shot, Shot.id == ShotExecution.shot_id)
        .where(ExecutionOutput.artifact_sha256.in_(wanted))
    )
    read = (
        select(_READ)
        .join(ShotExecution, ShotExecution.execution_id == ExecutionInput.execution_id)
        .join(Shot, Shot.id == ShotExecution.shot_id)
        .where(_READ.in_(wanted))
    )
    for query in (linked, read):
        live = query.join(Run, Run.id == Shot.run_id).where(Run.state.in_(_LIVE))
        usage.of_live.update(connection.scalars(live))
        if run_id is not None:
            usage.of_run.update(connection.scalars(query.where(Shot.run_id == run_id)))
    if run_id is not None:
        usage.of_run.update(connection.scalars(_delivered_to(run_id, wanted, Delivery.artifact_sha256)))
        usage.of_run.update(connection.scalars(_delivered_to(run_id, wanted, Delivery.poster_sha256)))
    if pictures:
        made = [sha256 for sha256, is_source in artifacts if not is_source]
        usage.of_live.update(root for root, source in _ancestors(connection, made) if source in pictures)
    _explained(connection, [sha256 for sha256, is_source in artifacts if is_source], usage)
    return usage


def journalled(connection: Connection, what: str = "sha256") -> set[str]:
    """What every publication under way has in its journal: digests of files that may be here before their rows are,
    or their temporary names (`temp`)."""
    pending = connection.scalars(select(Execution.pending).where(Execution.state == "publishing"))
    return {line[what] for journal in pending if journal for line in journal["files"]}


def _delivered_to(run_id: str, wanted: Sequence[str], column: Any) -> Select[Any]:
    return select(column).join(Shot, Shot.id == Delivery.shot_id).where(column.in_(wanted), Shot.run_id == run_id)


def _deliveries(connection: Connection, wanted: Sequence[str], usage: Usage) -> None:
    later = aliased(Delivery)
    columns: tuple[Any, ...] = (Delivery.artifact_sha256, Delivery.poster_sha256)
    for column in columns:
        query = (
            select(
                column,
                Delivery.state,
                func.coalesce(
                    later.created_at, Delivery.retired_at, Delivery.created_at, type_=Delivery.created_at.type
                ),
            )
            .outerjoin(later, later.id == Delivery.superseded_by)
            .where(column.in_(wanted))
        )
        for sha256, state, since in connection.execute(query):
            if state == "current":
                usage.current.add(sha256)
            else:
                usage.superseded[sha256] = max(since, usage.superseded.get(sha256, since))


def _makers(connection: Connection, wanted: Sequence[str], usage: Usage) -> None:
    query = (
        select(ExecutionOutput.artifact_sha256, Execution.state, Execution.ended_at)
        .join(Execution, Execution.id == ExecutionOutput.execution_id)
        .where(ExecutionOutput.artifact_sha256.in_(wanted))
    )
    for sha256, state, ended in connection.execute(query):
        usage.made.add(sha256)
        if state == "done":
            usage.stands.add(sha256)
        if ended is not None:
            usage.touched[sha256].append(ended)


def _readers(connection: Connection, wanted: Sequence[str], usage: Usage) -> None:
    running = Execution.state.in_(("running", "publishing"))
    query = (
        select(
            _READ,
            Execution.ended_at,
            (running & (Execution.touched_at > clock(-SILENT_SECONDS))).label("busy"),
        )
        .join(Execution, Execution.id == ExecutionInput.execution_id)
        .where(_READ.in_(wanted))
    )
    for sha256, ended, busy in connection.execute(query):
        if busy:
            usage.busy.add(sha256)
        if ended is not None:
            usage.touched[sha256].append(ended)


def _ancestors(connection: Connection, wanted: Sequence[str]) -> Sequence[Any]:
    """(artifact, a file that it was made of, however far back) pairs."""
    made = select(ExecutionOutput.artifact_sha256.label("root"), ExecutionOutput.execution_id.label("maker"))
    up = made.where(ExecutionOutput.artifact_sha256.in_(wanted)).cte("up", recursive=True)
    before = aliased(ExecutionOutput)
    maker = func.coalesce(_PRODUCER, before.execution_id)
    up = up.union(
        select(up.c.root, maker)
        .select_from(up)
        .join(ExecutionInput, ExecutionInput.execution_id == up.c.maker)
        .outerjoin(before, before.artifact_sha256 == _READ)
        .where(maker.is_not(None))
    )
    files = (
        select(up.c.root, _READ)
        .join(ExecutionInput, ExecutionInput.execution_id == up.c.maker)
        .where(_READ.is_not(None))
        .distinct()
    )
    return connection.execute(files).all()


def _explained(connection: Connection, sources: Sequence[str], usage: Usage) -> None:
    """Follow each source to the executions that came of it, level by level, and see which were delivered."""
    owners: defaultdict[str, set[str]] = defaultdict(set[str])
    fresh: dict[str, set[str]] = {}
    read = select(ExecutionInput.execution_id, _READ)
    for execution, source in connection.execute(read.where(_READ.in_(sources))):
        fresh.setdefault(execution, set()).add(source)
    while fresh:
        for execution, roots in fresh.items():
            owners[execution] |= roots
        following: dict[str, set[str]] = {}
        for part in chunks(sorted(fresh)):
            streamed = select(_PRODUCER, ExecutionInput.execution_id).where(_PRODUCER.in_(part))
            stored = (
                select(ExecutionOutput.execution_id, ExecutionInput.execution_id)
                .join(ExecutionInput, ExecutionOutput.artifact_sha256 == _READ)
                .where(ExecutionOutput.execution_id.in_(part))
            )
            for query in (streamed, stored):
                for before, after in connection.execute(query):
                    if not fresh[before] <= owners.get(after, set()):
                        following.setdefault(after, set()).update(fresh[before])
        fresh = following
    there = or_(Delivery.state == "current", Artifact.state == "present")
    for part in chunks(sorted(owners)):
        delivered = select(Delivery.execution_id).join(Artifact, Artifact.sha256 == Delivery.artifact_sha256)
        for execution in connection.scalars(delivered.where(Delivery.execution_id.in_(part), there).distinct()):
            usage.explains |= owners[execution]
