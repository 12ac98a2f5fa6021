"""Claims: a lease says until when a worker has a shot, a fencing token says who had it last.

Claims make double execution harmless: whoever wakes up late holds an older token, and nothing it publishes is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, exists, not_, or_, select, tuple_, update

from catalog.database import HELD
from catalog.deaths import abandon, put_back, reclaim
from catalog.dialect import clock, upsert
from catalog.errors import StaleClaim
from catalog.failpoints import reach
from catalog.ledger import Ledger, chunks
from catalog.new_shots import NewRendition
from catalog.notices import notice_of_quarantine
from catalog.shot_order import alone
from catalog.statements import Lookup
from catalog.tables import Batch, Rendition, Run, Shot, Worker
from catalog.workers import others_alive


@dataclass(frozen=True)
class Claim:
    """One shot held by one worker until `expires` (database clock); `token` grows with every claim of that shot."""

    shot_id: str
    token: int
    owner: str
    expires: datetime


_MINE = and_(Shot.id == bindparam("shot"), Shot.lease_token == bindparam("token"))
_CLAIMED = Lookup(
    # In one order, so that two transactions never wait for each other's shots.
    select(Shot.id, Shot.lease_token, Shot.deaths).where(Shot.state == "claimed").order_by(Shot.id).with_for_update(),
    Shot.id,
)
_STATE = select(Shot.state).where(_MINE)


def check_claims(connection: Connection, claims: Iterable[Claim | None]) -> int:
    """Refuse what is written under claims that no longer hold, and hold their shots until the transaction ends.

    A lease that ran out but was taken by nobody still holds: the token is the truth. Returns the deaths of the shots;
    None is work that nobody claimed. Raises StaleClaim for the first that does not hold. A transaction that has asked
    once is not told otherwise before it ends the shot itself.
    """
    held: dict[tuple[str, int], int] = connection.info[HELD]
    asked = {(claim.shot_id, claim.token): claim for claim in claims if claim is not None}
    unknown = sorted({shot for shot, token in asked if (shot, token) not in held})
    for part in chunks(unknown):
        held |= {(shot, token): deaths for shot, token, deaths in _CLAIMED.execute(connection, part)}
    for name, claim in asked.items():
        if name not in held:
            raise stale(claim)
    return sum(held[name] for name in asked)


def check_claim(connection: Connection, claim: Claim) -> int:
    """The same for one."""
    return check_claims(connection, [claim])


def stale(claim: Claim) -> StaleClaim:
    """What its holder is told when a claim no longer holds."""
    return StaleClaim(
        f"shot '{claim.shot_id}': the claim of '{claim.owner}' (token {claim.token}) no longer holds; "
        "another worker has the shot, or it was ended; drop this work"
    )


EndState = Literal["done", "quarantined", "failed", "cancelled", "waiting"]


@dataclass(frozen=True)
class Ending:
    """How the work on a shot ended; `attempts` are added to its count, `waiting` puts it up for another try."""

    claim: Claim
    state: EndState
    error_code: str | None = None
    error_message: str | None = None
    attempts: int = 1


_SHOTS: Any = Shot.__table__
_END = (
    update(_SHOTS)
    .where(_SHOTS.c.id == bindparam("shot"))
    .values(
        state=bindparam("ended"),
        error_code=bindparam("code"),
        error_message=bindparam("message"),
        attempts=_SHOTS.c.attempts + bindparam("tries"),
        lease_owner=None,
        lease_expires_at=None,
        ended_at=case((bindparam("ended") == "waiting", None), else_=clock()),
    )
)


def _held(claims: Sequence[Claim]) -> ColumnElement[bool]:
    pairs = [(claim.shot_id, claim.token) for claim in claims]
    # The ids alone too: SQLite looks a pair up by no index.
    named = Shot.id.in_([claim.shot_id for claim in claims])
    return and_(named, tuple_(Shot.id, Shot.lease_token).in_(pairs), Shot.state == "claimed")


def _names(claim: Claim) -> dict[str, Any]:
    return {"shot": claim.shot_id, "token": claim.token}


def _still_held(connection: Connection, claims: Sequence[Claim]) -> list[Claim]:
    """Those that hold; their shots are held until the transaction ends."""
    shots = sorted({claim.shot_id for claim in claims})
    rows = {(row.id, row.lease_token) for part in chunks(shots) for row in _CLAIMED.execute(connection, part)}
    return [claim for claim in claims if (claim.shot_id, claim.token) in rows]


def _row(ending: Ending) -> dict[str, Any]:
    told = {"code": ending.error_code, "message": ending.error_message, "tries": ending.attempts}
    return {"shot": ending.claim.shot_id, "ended": ending.state} | told


def expired() -> ColumnElement[bool]:
    """Claimed shots whose lease ran out."""
    return and_(Shot.state == "claimed", Shot.lease_expires_at < clock())


def _free(worker_id: str | None) -> ColumnElement[bool]:
    """Shots a worker may take: waiting, due, of a run that goes on, and not failed by it while others could try."""
    goes_on = exists().where(Run.id == Shot.run_id, Run.paused_code.is_(None), Run.state.in_(("planned", "running")))
    free = and_(Shot.state == "waiting", or_(Shot.not_before.is_(None), Shot.not_before <= clock()), goes_on, alone())
    if worker_id is None:
        return free
    return and_(free, or_(Shot.failed_on.is_(None), Shot.failed_on != worker_id, not_(others_alive(worker_id))))


class ClaimLedger(Ledger):
    """Claiming, renewing, giving back and finishing shots."""

    def claim(self, batch_id: str | None, shot_ids: Sequence[str], worker: str, lease_seconds: float) -> list[Claim]:
        """Take those of `shot_ids` that are free, or whose lease ran out, for `lease_seconds`.

        All in one step: of any number of workers asking for one shot, exactly one gets it. A shot is free while it
        waits, is due, and its run is neither paused nor over nor being cancelled. `worker` is the process that holds
        the lease; the worker whose batch it is gets no shot that it failed while others could try.
        """
        claims: list[Claim] = []
        with self.database.write() as connection:
            worker_id = connection.scalar(select(Batch.worker_id).where(Batch.id == batch_id)) if batch_id else None
            for part in chunks(shot_ids):
                reclaim(connection, and_(Shot.id.in_(part), expired()), "a new claim took over its shot")
                # SKIP LOCKED is PostgreSQL's; on SQLite, where it is dropped, BEGIN IMMEDIATE has made us alone.
                free = select(Shot.id).where(Shot.id.in_(part), _free(worker_id)).with_for_update(skip_locked=True)
                taken = connection.scalars(free).all()
                if not taken:
                    continue
                rows = connection.execute(
                    update(Shot)
                    .where(Shot.id.in_(taken))
                    .values(
                        state="claimed",
                        batch_id=batch_id,
                        lease_owner=worker,
                        lease_token=Shot.lease_token + 1,
                        lease_expires_at=clock(lease_seconds),
                        not_before=None,
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
        """Extend the leases that still hold and return them; a claim missing from the answer is lost.

        The batches of those that hold are stamped as alive.
        """
        renewed: list[Claim] = []
        batches: set[str] = set()
        with self.database.write() as connection:
            for part in chunks(claims):
                owners = {claim.shot_id: claim.owner for claim in part}
                _still_held(connection, part)  # all lock in one order
                rows = connection.execute(
                    update(Shot)
                    .where(_held(part))
                    .values(lease_expires_at=clock(lease_seconds))
                    .returning(Shot.id, Shot.lease_token, Shot.lease_expires_at, Shot.batch_id)
                )
                for shot, token, expires, batch in rows:
                    assert expires is not None  # set by this very statement
                    renewed.append(Claim(shot, token, owners[shot], expires))
                    if batch is not None:
                        batches.add(batch)
            if batches:
                alive = and_(Batch.id.in_(sorted(batches)), Batch.state == "running")
                connection.execute(update(Batch).where(alive).values(heartbeat_at=clock()))
        return sorted(renewed, key=lambda claim: claim.shot_id)

    def release(self, claims: Sequence[Claim]) -> list[str]:
        """Give shots back unworked, without an attempt or a death; returns those that were still held.

        In a run that is being cancelled they become `cancelled`, for nobody will claim them again.
        """
        released: list[str] = []
        with self.database.write() as connection:
            for part in chunks(claims):
                held = [claim.shot_id for claim in _still_held(connection, part)]
                put_back(connection, held, "its shot was given back", died=False)
                released += held
        return sorted(released)

    def finish_shot(
        self,
        claim: Claim,
        state: EndState,
        error_code: str | None = None,
        error_message: str | None = None,
        attempts: int = 1,
        *,
        worker_id: str = "",
    ) -> None:
        """`finish_shots` for one. Raises StaleClaim, and changes nothing, if the claim no longer holds."""
        ending = Ending(claim, state, error_code, error_message, attempts)
        for lost in self.finish_shots([ending], worker_id=worker_id):
            raise stale(lost)

    def finish_shots(self, endings: Sequence[Ending], *, worker_id: str = "") -> list[Claim]:
        """End the work on shots, all at once; returns the claims that no longer hold, whose shots stay as they are.

        A shot `done` ends the streak of failures of `worker_id`. The same call again, after its answer was lost, does
        nothing.
        """
        lost: list[Claim] = []
        ended: list[Ending] = []
        with self.database.write() as connection:
            held = _still_held(connection, [ending.claim for ending in endings])
            for ending in endings:
                if ending.claim in held:
                    ended.append(ending)
                elif connection.scalar(_STATE, _names(ending.claim)) != ending.state:
                    lost.append(ending.claim)
            if ended:
                # Begun twice: the first answer was lost.
                abandon(connection, [ending.claim.shot_id for ending in ended], "its shot was ended")
                connection.execute(_END, [_row(ending) for ending in ended])
                notice_of_quarantine(connection, [one.claim.shot_id for one in ended if one.state == "quarantined"])
            connection.info[HELD].clear()
            if worker_id and any(ending.state == "done" for ending in ended):
                streak = and_(Worker.id == worker_id, Worker.state == "active", Worker.streak.is_not(None))
                connection.execute(update(Worker).where(streak).values(streak=None))
            reach("shot.finishing")
        reach("shot.finished")
        return lost

    def replan(self, claim: Claim, plan: Mapping[str, Any], renditions: Sequence[NewRendition]) -> None:
        """Give a claimed shot another plan: its picture changed. Renditions it had stay listed. Raises StaleClaim."""
        with self.database.write() as connection:
            check_claim(connection, claim)
            connection.execute(update(Shot).where(Shot.id == claim.shot_id).values(plan=dict(plan)))
            rows = [{"shot_id": claim.shot_id, **asdict(rendition)} for rendition in renditions]
            if rows:
                connection.execute(upsert(connection, Rendition).on_conflict_do_nothing(), rows)

    def reclaim_expired(self, run_id: str | None = None) -> list[str]:
        """Put shots whose lease ran out back to `waiting`; returns their ids. Those in flight are charged a death.

        What their workers left running is marked failed, and batches nobody holds a shot of any more are ended. Safe
        to call by anyone at any time.
        """
        mine = expired() if run_id is None else and_(expired(), Shot.run_id == run_id)
        with self.database.write() as connection:
            return reclaim(connection, mine, "the lease of its shot ran out")

    def reclaim_dead(self, run_id: str, gone: Callable[[str], bool]) -> list[str]:
        """The same at once for shots of a run whose lease still holds, but whose owner is `gone`; returns their ids."""
        held = and_(Shot.run_id == run_id, Shot.state == "claimed")
        with self.database.read() as connection:
            owners = connection.scalars(select(Shot.lease_owner).where(held).distinct()).all()
        dead = [owner for owner in owners if owner is not None and gone(owner)]
        if not dead:
            return []
        with self.database.write() as connection:
            return reclaim(connection, and_(held, Shot.lease_owner.in_(dead)), "its process died")
