"""Deaths: what becomes of the shots of a worker that died, and which shot may have killed it.

Only a shot in flight can have killed its worker: one with an execution under way beneath its current token. A stage
whose files are published sets its deaths back, because whatever kills workers by chance lets a shot get on at times,
and a shot that kills them itself never does. After LONE deaths in a row it runs alone; after LIMIT it fails, unless
shots that are not under suspicion died meanwhile too (then the killer is outside, and MOST is the end).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, exists, func, select, update

from catalog.batches import end_lost
from catalog.database import HELD
from catalog.dialect import clock
from catalog.ledger import chunks
from catalog.tables import Execution, Run, Shot

LONE = 3
"""Deaths after which a shot is worked in a batch of its own."""
LIMIT = 6
"""Deaths after which a shot is taken for the killer."""
MOST = 20
"""The same where others died beside it."""

LOST = "WORKER_LOST"
KILLS = "SHOT_KILLS_WORKERS"


def reclaim(connection: Connection, which: ColumnElement[bool], why: str) -> list[str]:
    """Put back the claimed shots `which`, charge those in flight, and end the batches that were theirs."""
    query = select(Shot.id, Shot.batch_id, _in_flight().label("in_flight")).where(which)
    lost = connection.execute(query.with_for_update(skip_locked=True)).all()
    put_back(connection, [row.id for row in lost if row.in_flight], why, died=True)
    put_back(connection, [row.id for row in lost if not row.in_flight], why, died=False)
    for batch_id in sorted({row.batch_id for row in lost if row.batch_id is not None}):
        held = select(Shot.id).where(Shot.batch_id == batch_id, Shot.state == "claimed")
        if connection.scalar(held.limit(1)) is None:
            end_lost(connection, batch_id, why)
    return sorted(row.id for row in lost)


def put_back(connection: Connection, shot_ids: Sequence[str], why: str, *, died: bool) -> None:
    """End what these shots left running and give them back; those that `died` are charged, and may fail by it."""
    for part in chunks(shot_ids):
        abandon(connection, part, why)
        give_back(connection, Shot.id.in_(part), died=died)
        if died:
            suspects = and_(Shot.id.in_(part), Shot.deaths >= LIMIT, Shot.state == "waiting")
            for row in connection.execute(select(Shot.id, Shot.run_id, Shot.deaths).where(suspects)).all():
                _judge(connection, row.id, row.run_id, row.deaths)


def give_back(connection: Connection, which: ColumnElement[bool], *, died: bool = False) -> list[str]:
    """Shots back to `waiting`; to `cancelled` in a run that is being cancelled, where nobody will claim them again."""
    stopped = exists().where(Run.id == Shot.run_id, Run.state.in_(("cancelling", "cancelled")))
    values: dict[str, Any] = {
        "state": case((stopped, "cancelled"), else_="waiting"),
        "ended_at": case((stopped, clock()), else_=None),
        "lease_owner": None,
        "lease_expires_at": None,
    }
    if died:
        values["deaths"] = Shot.deaths + 1
    connection.info[HELD].clear()  # a claim of theirs holds no longer
    return list(connection.scalars(update(Shot).where(which).values(values).returning(Shot.id)).all())


def abandon(connection: Connection, shot_ids: Sequence[str], why: str) -> None:
    """What an earlier holder of these shots left running will never end: say so."""
    connection.execute(_ABANDON, {"shots": shot_ids, "why": why})


_ABANDON = (
    update(Execution)
    .where(Execution.shot_id.in_(bindparam("shots", expanding=True)), Execution.state == "running")
    .values(state="failed", error_code=LOST, error_message=bindparam("why"), ended_at=clock())
)


def forget_deaths(connection: Connection, execution_id: str) -> None:
    """The shot of this execution has got on: no death before it counts any more."""
    shot = select(Execution.shot_id).where(Execution.id == execution_id).scalar_subquery()
    connection.execute(update(Shot).where(Shot.id == shot, Shot.deaths > 0).values(deaths=0))


def _in_flight() -> ColumnElement[bool]:
    return exists().where(
        Execution.shot_id == Shot.id,
        Execution.lease_token == Shot.lease_token,
        Execution.state.in_(("running", "publishing")),
    )


def _judge(connection: Connection, shot_id: str, run_id: str, deaths: int) -> None:
    """Fail a shot that died often enough, unless somebody else seems to be killing."""
    mine = Execution.shot_id == shot_id
    tokens = connection.scalars(
        select(Execution.lease_token)
        .where(mine, Execution.error_code == LOST)
        .distinct()
        .order_by(Execution.lease_token.desc())
        .limit(LIMIT - LONE)
    ).all()
    alone = connection.execute(
        select(Execution.stage, Execution.worker, Execution.host, Execution.started_at)
        .where(mine, Execution.lease_token.in_(tokens))
        .order_by(Execution.id.desc())
    ).all()
    if not alone:
        return
    others = (
        select(Execution.id)
        .join(Shot, Shot.id == Execution.shot_id)
        .where(
            Shot.run_id == run_id,
            Shot.id != shot_id,
            Shot.deaths < LONE,
            Execution.error_code == LOST,
            Execution.ended_at >= min(row.started_at for row in alone),
        )
    )
    if deaths < MOST and connection.scalar(others.limit(1)) is not None:
        return
    workers = ", ".join(dict.fromkeys(row.worker or row.host for row in alone))
    message = (
        f"its worker died {deaths} times in a row while it was made, the last time in {alone[0].stage}, on {workers}; "
        "look at its picture, ask for less of it or give the worker more memory, then `dailies resume`"
    )
    connection.execute(
        update(Shot)
        .where(Shot.id == shot_id)
        .values(state="failed", error_code=KILLS, error_message=message, ended_at=func.coalesce(Shot.ended_at, clock()))
    )
