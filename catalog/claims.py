"""Claims: a lease says until when a worker has a shot, a fencing token says who had it last.

Claims make double execution harmless: whoever wakes up late holds an older token, and nothing it publishes is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, case, or_, select, tuple_, update

from catalog.dialect import clock, upsert
from catalog.errors import StaleClaim
from catalog.failpoints import reach
from catalog.ledger import Ledger, chunks
from catalog.runs import NewRendition
from catalog.tables import Execution, Rendition, Run, Shot


@dataclass(frozen=True)
class Claim:
    """One shot held by one worker until `expires` (database clock); `token` grows with every claim of that shot."""

    shot_id: str
    token: int
    owner: str
    expires: datetime


def check_claim(connection: Connection, claim: Claim) -> None:
    """Refuse what is written under a claim that no longer holds, and hold the shot until the transaction ends.

    A lease that ran out but was taken by nobody still holds: the token is the truth. Raises StaleClaim.
    """
    held = connection.scalar(select(Shot.id).where(_held([claim])).with_for_update())
    if held is None:
        raise StaleClaim(
            f"shot '{claim.shot_id}': the claim of '{claim.owner}' (token {claim.token}) no longer holds; "
            "another worker has the shot, or it was ended; drop this work"
        )


def _held(claims: Sequence[Claim]) -> ColumnElement[bool]:
    pairs = [(claim.shot_id, claim.token) for claim in claims]
    return and_(tuple_(Shot.id, Shot.lease_token).in_(pairs), Shot.state == "claimed")


def _expired() -> ColumnElement[bool]:
    return and_(Shot.state == "claimed", Shot.lease_expires_at < clock())


class ClaimLedger(Ledger):
    """Claiming, renewing, giving back and finishing shots."""

    def claim(self, batch_id: str | None, shot_ids: Sequence[str], worker: str, lease_seconds: float) -> list[Claim]:
        """Take those of `shot_ids` that are waiting, or whose lease ran out, for `lease_seconds`.

        All in one step: of any number of workers asking for one shot, exactly one gets it. A lease that ran out counts
        as a death of the shot (`deaths`), not as an attempt.
        """
        claims: list[Claim] = []
        with self.database.write() as connection:
            for part in chunks(shot_ids):
                free = and_(Shot.id.in_(part), or_(Shot.state == "waiting", _expired()))
                # SKIP LOCKED is PostgreSQL's; on SQLite, where it is dropped, BEGIN IMMEDIATE has made us alone.
                taken = connection.scalars(select(Shot.id).where(free).with_for_update(skip_locked=True)).all()
                if not taken:
                    continue
                _abandon(connection, taken, "a new claim took over its shot")
                rows = connection.execute(
                    update(Shot)
                    .where(Shot.id.in_(taken))
                    .values(
                        state="claimed",
                        batch_id=batch_id,
                        lease_owner=worker,
                        lease_token=Shot.lease_token + 1,
                        lease_expires_at=clock(lease_seconds),
                        deaths=Shot.deaths + case((Shot.state == "claimed", 1), else_=0),
                        error_code=None,
                        error_message=None,
                    )
                    .returning(Shot.id, Shot.lease_token, Shot.lease_expires_at)
                )
                for shot, token, expires in rows:
                    assert expires is not None  # set by this very statement
                    claims.append(Claim(shot, token, worker, expires))
        reach("claim.taken")
        return sorted(claims, key=lambda claim: claim.shot_id)

    def renew(self, claims: Sequence[Claim], lease_seconds: float) -> list[Claim]:
        """Extend the leases that still hold and return them; a claim missing from the answer is lost."""
        renewed: list[Claim] = []
        with self.database.write() as connection:
            for part in chunks(claims):
                owners = {claim.shot_id: claim.owner for claim in part}
                rows = connection.execute(
                    update(Shot)
                    .where(_held(part))
                    .values(lease_expires_at=clock(lease_seconds))
                    .returning(Shot.id, Shot.lease_token, Shot.lease_expires_at)
                )
                for shot, token, expires in rows:
                    assert expires is not None  # set by this very statement
                    renewed.append(Claim(shot, token, owners[shot], expires))
        return sorted(renewed, key=lambda claim: claim.shot_id)

    def release(self, claims: Sequence[Claim]) -> list[str]:
        """Give shots back unworked, without an attempt or a death; returns those that were still held.

        In a run that is being cancelled they become `cancelled`, for nobody will claim them again.
        """
        released: list[str] = []
        with self.database.write() as connection:
            for part in chunks(claims):
                released += _give_back(connection, _held(part), died=False)
        return sorted(released)

    def finish_shot(
        self,
        claim: Claim,
        state: Literal["done", "quarantined", "failed", "cancelled", "waiting"],
        error_code: str | None = None,
        error_message: str | None = None,
        attempts: int = 1,
    ) -> None:
        """End the work on a shot; `attempts` are added to its count, `waiting` puts it up for another try.

        Raises StaleClaim, and changes nothing, if the claim no longer holds.
        """
        with self.database.write() as connection:
            check_claim(connection, claim)
            connection.execute(
                update(Shot)
                .where(Shot.id == claim.shot_id)
                .values(
                    state=state,
                    error_code=error_code,
                    error_message=error_message,
                    attempts=Shot.attempts + attempts,
                    lease_owner=None,
                    lease_expires_at=None,
                    ended_at=None if state == "waiting" else clock(),
                )
            )
            reach("shot.finishing")
        reach("shot.finished")

    def replan(self, claim: Claim, plan: Mapping[str, Any], renditions: Sequence[NewRendition]) -> None:
        """Give a claimed shot another plan: its picture changed. Renditions it had stay listed. Raises StaleClaim."""
        with self.database.write() as connection:
            check_claim(connection, claim)
            connection.execute(update(Shot).where(Shot.id == claim.shot_id).values(plan=dict(plan)))
            rows = [{"shot_id": claim.shot_id, **asdict(rendition)} for rendition in renditions]
            if rows:
                connection.execute(upsert(connection, Rendition).on_conflict_do_nothing(), rows)

    def reclaim_expired(self, run_id: str | None = None) -> list[str]:
        """Put shots whose lease ran out back to `waiting` (one death each); returns their ids.

        What their workers left running is marked failed. Safe to call by anyone at any time.
        """
        mine = _expired() if run_id is None else and_(_expired(), Shot.run_id == run_id)
        with self.database.write() as connection:
            return _reclaim(connection, mine, "the lease of its shot ran out")

    def reclaim_dead(self, run_id: str, gone: Callable[[str], bool]) -> list[str]:
        """The same at once for shots of a run whose lease still holds, but whose owner is `gone`; returns their ids."""
        held = and_(Shot.run_id == run_id, Shot.state == "claimed")
        with self.database.write() as connection:
            owners = connection.scalars(select(Shot.lease_owner).where(held).distinct()).all()
            dead = [owner for owner in owners if owner is not None and gone(owner)]
            return _reclaim(connection, and_(held, Shot.lease_owner.in_(dead)), "its process died")


def _reclaim(connection: Connection, which: ColumnElement[bool], why: str) -> list[str]:
    lost = connection.scalars(select(Shot.id).where(which).with_for_update(skip_locked=True)).all()
    for part in chunks(lost):
        _abandon(connection, part, why)
        _give_back(connection, Shot.id.in_(part), died=True)
    return sorted(lost)


def _give_back(connection: Connection, which: ColumnElement[bool], *, died: bool) -> list[str]:
    cancelling = select(Run.id).where(Run.state.in_(("cancelling", "cancelled")))
    stopped = Shot.run_id.in_(cancelling)
    values: dict[str, Any] = {
        "state": case((stopped, "cancelled"), else_="waiting"),
        "lease_owner": None,
        "lease_expires_at": None,
        "deaths": Shot.deaths + (1 if died else 0),
    }
    return list(connection.scalars(update(Shot).where(which).values(values).returning(Shot.id)).all())


def _abandon(connection: Connection, shot_ids: Sequence[str], why: str) -> None:
    """What an earlier holder of these shots left running will never end: say so."""
    connection.execute(
        update(Execution)
        .where(Execution.shot_id.in_(shot_ids), Execution.state == "running")
        .values(state="failed", error_code="WORKER_LOST", error_message=why, ended_at=clock())
    )
