"""Hours of work, added up: what ended is counted once, in order, up to a moment that is written down.

Adding up as executions end would make every worker of a run wait for the same row, and would be left out by an older
Dailies beside this one. So the ends themselves are the log (`ix_executions_ended`, `ix_shots_ended`): `roll_up` adds
what came since, and who reads adds what ended after that. Nothing newer than LAG_SECONDS is added up: a transaction
that has stamped its end may not have committed yet.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, case, cast, func, select, update

from catalog.dialect import clock, hour_of, upsert
from catalog.ledger import Ledger
from catalog.tables import Execution, Rolled, RunWeights, Shot, ShotHour, StageHour

EDGES = (*(step * 10**power for power in range(-2, 4) for step in (1.0, 1.5, 2.2, 3.3, 4.7, 6.8)), float("inf"))
"""Seconds: an execution counts in the first bucket whose edge is no less."""
LAG_SECONDS = 120.0
"""Twice as long as PostgreSQL lets a transaction sleep (catalog/connection.py)."""
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before anything that can have ended: a new catalog, or one that was restored, begins there."""
AT_ONCE = 20_000
"""Ends that are added up in one transaction: others wait to write meanwhile."""

_COUNTED = ("done", "failed", "void")
_KEYS = ("run_id", "hour", "stage", "engine", "state", "bucket")
_SUMS = ("executions", "seconds", "gpu_seconds")


class RollupLedger(Ledger):
    """Adding up what has ended."""

    def roll_up(self) -> int:
        """Add up executions and shots that ended since the last time; returns how many. Anybody may, at any time.

        A minute's worth takes milliseconds, a whole old catalog a minute, others writing in between.
        """
        done = 0
        for name in ("executions", "shots"):
            while some := self._some(name):
                done += some
        return done

    def _some(self, name: str) -> int:
        ended: Any = Execution.ended_at if name == "executions" else Shot.ended_at
        with self.database.write() as connection:
            connection.execute(upsert(connection, Rolled).values(name=name, until=_BEGINNING).on_conflict_do_nothing())
            since = connection.execute(select(Rolled.until).where(Rolled.name == name).with_for_update()).scalar_one()
            new = select(ended).where(ended > since, ended <= clock(-LAG_SECONDS)).order_by(ended).limit(AT_ONCE)
            count, until = connection.execute(
                select(func.count(), func.max(new.subquery().c.ended_at, type_=ended.type))
            ).one()
            if not count:
                return 0
            if name == "executions":
                _add_executions(connection, since, until)
                _add_weights(connection, since, until)
            else:
                _add_shots(connection, since, until)
            connection.execute(update(Rolled).where(Rolled.name == name).values(until=until))
        return count


def rolled_until(connection: Connection, name: str) -> datetime:
    """Until when `executions` or `shots` are added up."""
    return connection.scalar(select(Rolled.until).where(Rolled.name == name)) or _BEGINNING


def bucket_of(seconds: float | None) -> int:
    """Which of `EDGES` a time falls under; -1 where nobody knows it."""
    return -1 if seconds is None else bisect_left(EDGES, seconds)


def ended_executions(*wanted: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Executions that ended, grouped as `stage_hours` has them; without `run_id` where it is of no shot."""
    bucket = case(
        (Execution.seconds.is_(None), -1),
        *((Execution.seconds <= edge, place) for place, edge in enumerate(EDGES[:-1])),
        else_=len(EDGES) - 1,
    )
    columns = (
        func.coalesce(Shot.run_id, "").label("run_id"),
        hour_of(Execution.ended_at).label("hour"),  # type: ignore[arg-type]
        Execution.stage,
        Execution.engine,
        Execution.state,
        bucket.label("bucket"),
    )
    return (
        select(
            *columns,
            func.count().label("executions"),
            func.coalesce(func.sum(Execution.seconds), 0.0).label("seconds"),
            func.coalesce(func.sum(Execution.gpu_seconds), 0.0).label("gpu_seconds"),
        )
        .outerjoin(Shot, Shot.id == Execution.shot_id)
        .where(Execution.ended_at.is_not(None), Execution.state.in_(_COUNTED), *wanted)
        .group_by(*columns)
    )


def _between(column: Any, since: datetime, until: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return column > since, column <= until


def _add_executions(connection: Connection, since: datetime, until: datetime) -> None:
    ended = ended_executions(*_between(Execution.ended_at, since, until))
    new = upsert(connection, StageHour).from_select([*_KEYS, *_SUMS], ended)
    sums = {name: getattr(StageHour, name) + new.excluded[name] for name in _SUMS}
    connection.execute(new.on_conflict_do_update(index_elements=_KEYS, set_=sums))


def _add_shots(connection: Connection, since: datetime, until: datetime) -> None:
    hour = hour_of(Shot.ended_at)  # type: ignore[arg-type]
    ended = (
        select(hour.label("hour"), Shot.state, func.count().label("shots"))
        .where(Shot.ended_at.is_not(None), *_between(Shot.ended_at, since, until))
        .group_by(hour, Shot.state)
    )
    new = upsert(connection, ShotHour).from_select(["hour", "state", "shots"], ended)
    more = {"shots": ShotHour.shots + new.excluded.shots}
    connection.execute(new.on_conflict_do_update(index_elements=["hour", "state"], set_=more))


def _add_weights(connection: Connection, since: datetime, until: datetime) -> None:
    text: Any = cast(Execution.weights, String)
    sets = (
        select(Shot.run_id, func.min(Execution.id))
        .join(Shot, Shot.id == Execution.shot_id)
        .where(Execution.ended_at.is_not(None), *_between(Execution.ended_at, since, until), text != "{}")
        .group_by(Shot.run_id, text)
    )
    examples = {example: run_id for run_id, example in connection.execute(sets).all()}
    if not examples:
        return
    weights = connection.execute(select(Execution.id, Execution.weights).where(Execution.id.in_(list(examples))))
    rows = [
        {"sha256": sha256, "run_id": examples[example], "name": name}
        for example, used in weights
        for name, sha256 in used.items()
    ]
    connection.execute(upsert(connection, RunWeights).on_conflict_do_nothing(), rows)
