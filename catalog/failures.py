"""Failures: whose fault was it, the shot's or the worker's, and who is to try again.

A worker on which five shots in a row failed with the same code is the likelier culprit: it is drained and the shots
get their attempts back. Where a second worker goes the same way, or nobody is left, the fault is neither's: the run
pauses until a person has looked.
"""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import Connection, and_, case, exists, or_, select, update

from catalog.claims import Claim, check_claim
from catalog.database import HELD
from catalog.deaths import abandon, put_back
from catalog.dialect import clock
from catalog.errors import StaleClaim
from catalog.incidents import write_incident
from catalog.keeping import GOING, pause
from catalog.ledger import Ledger
from catalog.shot_order import reopen_awaiting
from catalog.tables import Run, Shot, Worker
from catalog.workers import others_alive

ATTEMPTS = 3
"""Workers that try a shot before it is failed."""
BACKOFF_SECONDS = 2.0
"""Before the second of them; four times as long before the third."""
STREAK = 5
"""Shots that fail one after the other with one code on one worker before it is drained."""

Ended = Literal["failed", "waiting"]


class FailureLedger(Ledger):
    """Ending shots that an engine, a worker or a death kept from being made."""

    def fail_shot(self, claim: Claim, code: str, message: str, *, worker_id: str, attempts: int) -> Ended:
        """End a shot that failed for a reason its worker may have given; returns its state.

        `waiting`, one attempt more, while other workers of the pool may try it; else `failed`, `attempts` more. The
        worker is drained and the run paused as the module says; a worker that is leaving charges nothing. `worker_id`
        "" is nobody's process, where a failure is just one. Raises StaleClaim.
        """
        with self.database.write() as connection:
            try:
                check_claim(connection, claim)
            except StaleClaim:
                if (ended := _ended_before(connection, claim)) is None:
                    raise
                return ended  # the answer to an earlier call was lost
            abandon(connection, [claim.shot_id], "its shot was ended")
            shot = connection.execute(
                select(Shot.run_id, Shot.attempts, Run.paused_code).join(Run).where(Shot.id == claim.shot_id)
            ).one()
            worker = connection.execute(select(Worker).where(Worker.id == worker_id).with_for_update()).one_or_none()
            told = {"error_code": code, "error_message": message, "failed_on": worker_id or None}
            if worker is not None and (worker.state != "active" or shot.paused_code is not None):
                return _end(connection, claim, "waiting", told)
            others = worker is not None and bool(connection.scalar(select(others_alive(worker_id))))
            if others and shot.attempts + 1 < ATTEMPTS:
                charged = 1
                due = clock(BACKOFF_SECONDS * 4**shot.attempts)
                state = _end(connection, claim, "waiting", told | {"attempts": Shot.attempts + 1, "not_before": due})
            else:
                charged = attempts
                state = _end(connection, claim, "failed", told | {"attempts": Shot.attempts + attempts})
            if worker is None:
                return state
            streak = _longer(worker.streak, code, claim.shot_id, charged)
            connection.execute(update(Worker).where(Worker.id == worker_id).values(streak=streak))
            if len(streak["shots"]) < STREAK:
                return state
            back = _refund(connection, worker_id, streak)
            _drain(connection, worker, shot.run_id, code, message, back, others)
            return "waiting"

    def give_back_dead(self, claim: Claim, why: str) -> None:
        """Give back a shot whose engine was killed from outside again and again: one death, no attempt.

        Nothing happens if the claim no longer holds.
        """
        with self.database.write() as connection:
            try:
                check_claim(connection, claim)
            except StaleClaim:
                return
            put_back(connection, [claim.shot_id], why, died=True)


def _end(connection: Connection, claim: Claim, state: Ended, values: dict[str, Any]) -> Ended:
    ended = {"state": state, "lease_owner": None, "lease_expires_at": None}
    values = ended | values | {"ended_at": clock() if state == "failed" else None}
    connection.execute(update(Shot).where(Shot.id == claim.shot_id).values(values))
    connection.info[HELD].clear()
    return state


def _ended_before(connection: Connection, claim: Claim) -> Ended | None:
    same = and_(Shot.id == claim.shot_id, Shot.lease_token == claim.token, Shot.error_code.is_not(None))
    state = connection.scalar(select(Shot.state).where(same))
    return state if state in ("failed", "waiting") else None


def _longer(streak: dict[str, Any] | None, code: str, shot_id: str, charged: int) -> dict[str, Any]:
    """The streak with one more shot, or a new one; a shot counts once, `charged` are the attempts to give back."""
    if streak is None or streak["code"] != code:
        return {"code": code, "shots": [shot_id], "charged": [charged]}
    shots, charges = list(streak["shots"]), list(streak["charged"])
    if shot_id in shots:
        charges[shots.index(shot_id)] += charged
    else:
        shots.append(shot_id)
        charges.append(charged)
    return {"code": code, "shots": shots, "charged": charges}


def _refund(connection: Connection, worker_id: str, streak: dict[str, Any]) -> int:
    """Give a streak's shots their attempts back; those nobody took since wait again. Returns how many do."""
    charged = dict(zip(streak["shots"], streak["charged"], strict=True))
    left = Shot.attempts - case(charged, value=Shot.id, else_=0)
    goes_on = exists().where(Run.id == Shot.run_id, Run.state.in_(GOING))  # a streak may span runs that are over
    here = and_(Shot.failed_on == worker_id, Shot.state.in_(("waiting", "failed")))
    rows = connection.execute(
        update(Shot)
        .where(Shot.id.in_(streak["shots"]), or_(here, Shot.state.in_(("waiting", "claimed"))), goes_on)
        .values(
            attempts=case((left > 0, left), else_=0),
            state=case((here, "waiting"), else_=Shot.state),
            not_before=case((here, None), else_=Shot.not_before),
            ended_at=None,
        )
        .returning(Shot.state, Shot.run_id)
    ).all()
    reopen_awaiting(connection, {row.run_id for row in rows})
    return sum(row.state == "waiting" for row in rows)


def _drain(connection: Connection, worker: Any, run_id: str, code: str, message: str, back: int, others: bool) -> None:
    """Drain a worker after its streak (one in this very process is none to drain), and pause the run if need be."""
    name = worker.name or worker.id
    happened = f"{STREAK} shots in a row failed on worker {name} with {code}"
    local = worker.pool == "local"
    if local:
        connection.execute(update(Worker).where(Worker.id == worker.id).values(streak=None))
    else:
        drained = f"{happened}, such as: {message}"
        connection.execute(update(Worker).where(Worker.id == worker.id).values(state="draining", reason=drained))
        told = f"{drained}; it takes no more, {back} shots were put back unharmed"
        write_incident(connection, "WORKER_DRAINED", told, run_id=run_id, worker=name)
    if others and not _drained_before(connection, worker.id, run_id, code):
        return
    why = happened if local else f"{happened}, and " + ("on another before it" if others else "no other is left")
    why = f"{why}: {message}; mend that, then `dailies resume {run_id}`; {back} shots were put back unharmed"
    pause(connection, run_id, code, why, name)


def _drained_before(connection: Connection, worker_id: str, run_id: str, code: str) -> bool:
    """Whether another worker was drained in this run by the same code."""
    gone = select(Worker.streak).where(
        Worker.id != worker_id, Worker.state.in_(("draining", "drained")), Worker.streak.is_not(None)
    )
    return any(
        streak["code"] == code and len(streak["shots"]) >= STREAK and _of_run(streak["shots"], run_id)
        for streak in connection.scalars(gone)
        if streak
    )


def _of_run(shot_ids: list[str], run_id: str) -> bool:
    return any(shot.startswith(f"{run_id}.") for shot in shot_ids)
