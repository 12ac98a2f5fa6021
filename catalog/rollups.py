"""Hours of work, added up: what ended is counted once, in order, up to a moment that is written down.

Adding up as executions end would make every worker of a run wait for the same row, and would be left out by an older
Dailies beside this one. So the ends themselves are the log (`ix_executions_ended`, `ix_shots_ended`): `roll_up` adds
what came since, and who reads adds what ended after that. Nothing newer than LAG_SECONDS is added up: a transaction
that has stamped its end may not have committed yet.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from catalog.dialect import UtcDateTime, clock, hour_of, upsert
from catalog.ledger import Ledger
from catalog.tables import Execution, Rolled, RunWeights, Shot, ShotHour, StageHour, StoreTally

_STEPS = (1.0, 1.5, 2.2, 3.3, 4.7, 6.8)
EDGES = (*(round(step * 10**power, 3) for power in range(-2, 4) for step in _STEPS), float("inf"))
"""Seconds: an execution counts in the first bucket whose edge is no less."""
LAG_SECONDS = 120.0
"""Twice as long as PostgreSQL lets a transaction sleep (catalog/connection.py)."""
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before anything that can have ended: a new catalog, or one that was restored, begins there."""
AT_ONCE = 20_000
"""Ends that are added up in one transaction: others wait to write meanwhile."""

FEW_TALLIES = 100
"""Rows of the store's tallies that are left as they are."""

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
        self._tally()
        return done

    def _tally(self) -> None:
        """Make one row again of all that was said of artifacts of one kind and state."""
        with self.database.write() as connection:
            if (connection.scalar(select(func.count()).select_from(StoreTally)) or 0) < FEW_TALLIES:
                return
            said = delete(StoreTally).returning(StoreTally.kind, StoreTally.state, StoreTally.files, StoreTally.bytes)
            sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
            for kind, state, files, size in connection.execute(said):
                sums[kind, state][0] += files
                sums[kind, state][1] += size
            connection.execute(
                insert(StoreTally),
                [
                    {"kind": kind, "state": state, "files": files, "bytes": size}
                    for (kind, state), (files, size) in sums.items()
                ],
            )

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


def _ended(bucket: ColumnElement[int], *, grouped: bool) -> Select[*tuple[Any, ...]]:
    columns = (
        func.coalesce(Shot.run_id, "").label("run_id"),
        hour_of(Execution.ended_at).label("hour"),  # type: ignore[arg-type]
        Execution.stage,
        Execution.engine,
        Execution.state,
    )
    return (
        select(
            *columns,
            bucket.label("bucket"),
            func.count().label("executions"),
            func.coalesce(func.sum(Execution.seconds), 0.0).label("seconds"),
            func.coalesce(func.sum(Execution.gpu_seconds), 0.0).label("gpu_seconds"),
        )
        .outerjoin(Shot, Shot.id == Execution.shot_id)
        .where(*_between(Execution.ended_at), Execution.state.in_(_COUNTED))
        .group_by(*columns, *([bucket] if grouped else []))
    )


def _between(column: Any) -> tuple[ColumnElement[bool], ...]:
    """Bound to `since` (left out) and `until`."""
    kind = UtcDateTime()
    return column.is_not(None), column > bindparam("since", type_=kind), column <= bindparam("until", type_=kind)


# Built once: the buckets make a statement of many parts.
_BUCKET = case(
    (Execution.seconds.is_(None), -1),
    *((Execution.seconds <= edge, place) for place, edge in enumerate(EDGES[:-1])),
    else_=len(EDGES) - 1,
)
ENDED = _ended(_BUCKET, grouped=True)
"""Executions that ended after `since`, until `until`, grouped as `stage_hours` has them."""
ENDED_UNTIMED = _ended(literal_column("-1"), grouped=False)
"""The same without looking how long each took."""
ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)
"""An `until` that leaves nothing out."""


def _add_executions(connection: Connection, since: datetime, until: datetime) -> None:
    new = upsert(connection, StageHour).from_select([*_KEYS, *_SUMS], ENDED)
    sums = {name: getattr(StageHour, name) + new.excluded[name] for name in _SUMS}
    added = new.on_conflict_do_update(index_elements=_KEYS, set_=sums)
    connection.execute(added, {"since": since, "until": until})


def _add_shots(connection: Connection, since: datetime, until: datetime) -> None:
    hour = hour_of(Shot.ended_at)  # type: ignore[arg-type]
    ended = (
        select(hour.label("hour"), Shot.state, func.count().label("shots"))
        .where(*_between(Shot.ended_at))
        .group_by(hour, Shot.state)
    )
    new = upsert(connection, ShotHour).from_select(["hour", "state", "shots"], ended)
    more = {"shots": ShotHour.shots + new.excluded.shots}
    added = new.on_conflict_do_update(index_elements=["hour", "state"], set_=more)
    connection.execute(added, {"since": since, "until": until})


def _add_weights(connection: Connection, since: datetime, until: datetime) -> None:
    text: Any = cast(Execution.weights, String)
    sets = (
        select(Shot.run_id, func.min(Execution.id))
        .join(Shot, Shot.id == Execution.shot_id)
        .where(*_between(Execution.ended_at), text != "{}")
        .group_by(Shot.run_id, text)
    )
    examples = {example: run_id for run_id, example in connection.execute(sets, {"since": since, "until": until})}
    if not examples:
        return
    weights = connection.execute(select(Execution.id, Execution.weights).where(Execution.id.in_(list(examples))))
    rows = [
        {"sha256": sha256, "run_id": examples[example], "name": name}
        for example, used in weights
        for name, sha256 in used.items()
    ]
    connection.execute(upsert(connection, RunWeights).on_conflict_do_nothing(), rows)
