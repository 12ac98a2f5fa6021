"""Runs and shots as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from catalog.dialect import clock
from catalog.errors import NotFound
from catalog.ids import shot_id
from catalog.keeping import GOING
from catalog.ledger import Ledger
from catalog.tables import BatchShot, Run, Shot

PAGE = 250
"""Shots drawn at once, with everything planned for them."""


@dataclass(frozen=True)
class RunRow:
    """One run in a list; `shots` counts them by state.

    `state` is `paused` while nothing of it is claimed because of `paused_code`. `keeper` is the process that keeps it.
    """

    id: str
    name: str
    kind: str
    state: str
    triggered_by: str
    out_folder: str
    flow_run_id: str | None
    manifest_sha256: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    priority: str
    code_version: str | None
    paused_code: str | None
    paused_why: str | None
    keeper: str | None
    shots: Mapping[str, int]


@dataclass(frozen=True)
class ShotRow:
    """One shot of a run with everything asked and planned for it."""

    id: str
    run_id: str
    key: str
    item: str
    variant: str
    line: int | None
    ask: Mapping[str, Any]
    plan: Mapping[str, Any]
    meta: Mapping[str, Any]
    state: str
    attempts: int
    deaths: int
    error_code: str | None
    error_message: str | None


def list_runs(catalog: Ledger, *, limit: int = 20, name: str | None = None, kind: str | None = None) -> list[RunRow]:
    """The newest runs first."""
    wanted = [column == value for column, value in ((Run.name, name), (Run.kind, kind)) if value is not None]
    return _runs(catalog, *wanted, limit=limit)


def latest_run(catalog: Ledger, name: str | None = None) -> str | None:
    """Id of the newest run (of the manifest `name`), or None."""
    runs = list_runs(catalog, limit=1, name=name)
    return runs[0].id if runs else None


def run(catalog: Ledger, run_id: str) -> RunRow:
    """One run. Raises NotFound."""
    for found in _runs(catalog, Run.id == run_id, limit=1):
        return found
    raise NotFound(f"no run '{run_id}' in this catalog; `dailies status` lists the runs")


def unkept_runs(catalog: Ledger) -> list[str]:
    """Ids of the runs somebody has to go on with: unfinished, not paused, and nobody keeps them; oldest first."""
    alone = or_(Run.keeper.is_(None), Run.keeper_expires_at.is_(None), Run.keeper_expires_at < clock())
    query = select(Run.id).where(Run.state.in_((*GOING, "cancelling")), Run.paused_code.is_(None), alone)
    with catalog.database.read() as connection:
        return list(connection.scalars(query.order_by(Run.created_at, Run.id)).all())


def manifest_of(catalog: Ledger, run_id: str) -> dict[str, Any]:
    """The resolved manifest a run was submitted with. Raises NotFound."""
    with catalog.database.read() as connection:
        manifest = connection.scalar(select(Run.manifest).where(Run.id == run_id))
    if manifest is None:
        raise NotFound(f"no run '{run_id}' in this catalog")
    return manifest


def shots_of(catalog: Ledger, run_id: str, states: Sequence[str] | None = None) -> list[ShotRow]:
    """A run's shots in the order of the manifest, all or those in `states`."""
    wanted = [Shot.run_id == run_id] + ([Shot.state.in_(states)] if states is not None else [])
    return _shots(catalog, *wanted)


def each_shot(catalog: Ledger, run_id: str) -> Iterator[ShotRow]:
    """The same, drawn from the catalog a page at a time: memory does not grow with the run."""
    for ids in pages_of(catalog, run_id):
        yield from _shots(catalog, Shot.id.in_(ids))


def pages_of(catalog: Ledger, run_id: str) -> Iterator[list[str]]:
    """Ids of a run's shots in the order of the manifest, some hundred at a time."""
    with catalog.database.read() as connection:
        last = connection.scalar(select(func.max(Shot.position)).where(Shot.run_id == run_id)) or 0
    for start in range(1, last + 1, PAGE):
        yield [shot_id(run_id, position) for position in range(start, min(start + PAGE, last + 1))]


def shot(catalog: Ledger, name: str) -> ShotRow:
    """One shot by its id. Raises NotFound."""
    for found in _shots(catalog, Shot.id == name):
        return found
    raise NotFound(f"no shot '{name}' in this catalog")


def shots_in_batch(catalog: Ledger, batch_id: str) -> Sequence[str]:
    """Ids of the shots that were cut into a batch, in the order of the manifest."""
    with catalog.database.read() as connection:
        query = select(BatchShot.shot_id).where(BatchShot.batch_id == batch_id).order_by(BatchShot.shot_id)
        return connection.scalars(query).all()


def batch_shots(catalog: Ledger, batch_id: str) -> list[ShotRow]:
    """The shots that were cut into a batch, in the order of the manifest."""
    return _shots(catalog, Shot.id.in_(select(BatchShot.shot_id).where(BatchShot.batch_id == batch_id)))


def _runs(catalog: Ledger, *wanted: ColumnElement[bool], limit: int) -> list[RunRow]:
    paused = and_(Run.paused_code.is_not(None), Run.state.in_(GOING))
    with catalog.database.read() as connection:
        query = select(
            Run.id,
            Run.name,
            Run.kind,
            case((paused, "paused"), else_=Run.state),
            Run.triggered_by,
            Run.out_folder,
            Run.flow_run_id,
            Run.manifest_sha256,
            Run.created_at,
            Run.started_at,
            Run.ended_at,
            Run.priority,
            Run.code_version,
            Run.paused_code,
            Run.paused_why,
            Run.keeper,
        )
        rows = connection.execute(
            query.where(*wanted).order_by(Run.created_at.desc(), Run.id.desc()).limit(limit)
        ).all()
        states = select(Shot.run_id, Shot.state, func.count()).where(Shot.run_id.in_([row.id for row in rows]))
        counts: dict[str, dict[str, int]] = {}
        for run_id, state, count in connection.execute(states.group_by(Shot.run_id, Shot.state)):
            counts.setdefault(run_id, {})[state] = count
    return [RunRow(*row, shots=counts.get(row.id, {})) for row in rows]


def _shots(catalog: Ledger, *wanted: ColumnElement[bool]) -> list[ShotRow]:
    query = (
        select(
            Shot.id,
            Shot.run_id,
            Shot.key,
            Shot.item,
            Shot.variant,
            Shot.line,
            Shot.ask,
            Shot.plan,
            Shot.meta,
            Shot.state,
            Shot.attempts,
            Shot.deaths,
            Shot.error_code,
            Shot.error_message,
        )
        .where(*wanted)
        .order_by(Shot.run_id, Shot.position)
    )
    with catalog.database.read() as connection:
        return [ShotRow(*row) for row in connection.execute(query)]
