"""What ran, what runs, what failed, how fast it goes and what waits: the page of the morning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select

from catalog.dialect import clock, hour_of
from catalog.errors import NotFound, StoreUnavailable
from catalog.facts.runs import CARD, REFUSED, RunCard, run_cards
from catalog.keeping import GOING
from catalog.ledger import Ledger
from catalog.tables import Batch, BatchShot, Delivery, Run, Shot, StoreTally

LIVE = (*GOING, "cancelling")
_EXAMPLES = 5
_PACE = timedelta(minutes=15)


@dataclass(frozen=True)
class FailureGroup:
    """Shots that failed or were quarantined for one reason; `examples` are up to five of them, the newest first.

    `message` and `newest_at` are of the newest.
    """

    code: str
    message: str
    shots: int
    runs: tuple[str, ...]
    examples: tuple[str, ...]
    newest_at: datetime


@dataclass(frozen=True)
class Hour:
    """One hour, by its beginning in UTC: shots that were made, and deliveries."""

    begins: datetime
    shots: int
    deliveries: int


@dataclass(frozen=True)
class Throughput:
    """Every hour of those asked about, oldest first, the last one not over yet; and what an hour came to on average."""

    shots_per_hour: float
    deliveries_per_hour: float
    hours: tuple[Hour, ...]


@dataclass(frozen=True)
class QueueDepth:
    """Batches that wait for a worker in one queue of one pool, and their shots."""

    pool: str
    queue: str
    batches: int
    shots: int
    oldest_at: datetime


@dataclass(frozen=True)
class Stored:
    """Artifacts of one kind in one state (present, collected, damaged)."""

    kind: str
    state: str
    files: int
    bytes: int


@dataclass(frozen=True)
class StoreUse:
    """What the store holds; totals are of what is present.

    `free_bytes`, and `used_share` (0 to 1, of what it lies on, by everything there), are None where it has no limit, or
    is away.
    """

    kinds: tuple[Stored, ...]
    files: int
    bytes: int
    free_bytes: int | None
    used_share: float | None


def runs_today(catalog: Ledger, *, since: datetime | None = None, limit: int = 50) -> Sequence[RunCard]:
    """Runs that have not ended, then those that were submitted `since` (or ever), both newest first."""
    newest = (Run.created_at.desc(), Run.id.desc())
    with catalog.database.read() as connection:
        live = select(*CARD).where(Run.state.in_(LIVE)).order_by(*newest).limit(limit)
        rows: list[Any] = list(connection.execute(live))
        if len(rows) < limit:
            rest = select(*CARD).where(Run.state.not_in(LIVE)).order_by(*newest).limit(limit - len(rows))
            rows.extend(connection.execute(rest if since is None else rest.where(Run.created_at >= since)))
        return run_cards(connection, rows)


def run_card(catalog: Ledger, run_id: str) -> RunCard:
    """One run. Raises NotFound."""
    with catalog.database.read() as connection:
        rows = connection.execute(select(*CARD).where(Run.id == run_id)).all()
        if not rows:
            raise NotFound(f"no run '{run_id}' in this catalog")
        return run_cards(connection, rows)[0]


def failures_today(
    catalog: Ledger, *, since: datetime, run_id: str | None = None, limit: int = 20
) -> Sequence[FailureGroup]:
    """Failures of the runs that were submitted or ended `since`, or go on (or of one run), the most frequent first."""
    recent = or_(Run.created_at >= since, Run.ended_at >= since, Run.state.in_(LIVE))
    with catalog.database.read() as connection:
        runs = connection.scalars(select(Run.id).where(recent)).all() if run_id is None else [run_id]
        counted: dict[str | None, dict[str, int]] = {}
        counts = select(Shot.error_code, Shot.run_id, func.count()).where(Shot.run_id.in_(runs), REFUSED)
        for code, of, count in connection.execute(counts.group_by(Shot.error_code, Shot.run_id)):
            counted.setdefault(code, {})[of] = count
        most = sorted(counted.items(), key=lambda group: (-sum(group[1].values()), group[0] or ""))[:limit]
        return [_failures(connection, code, shots) for code, shots in most]


def _failures(connection: Connection, code: str | None, shots: dict[str, int]) -> FailureGroup:
    rows: list[tuple[str, str, datetime]] = []
    for run_id in sorted(shots, reverse=True):
        ended = func.coalesce(Shot.ended_at, Shot.created_at, type_=Shot.created_at.type)
        query = (
            select(Shot.id, func.coalesce(Shot.error_message, ""), ended)
            .where(Shot.run_id == run_id, REFUSED, Shot.error_code == code)
            .order_by(Shot.id.desc())
            .limit(_EXAMPLES - len(rows))
        )
        rows += [(shot, message, at) for shot, message, at in connection.execute(query)]
        if len(rows) == _EXAMPLES:
            break
    return FailureGroup(
        code=code or "UNKNOWN",
        message=rows[0][1],
        shots=sum(shots.values()),
        runs=tuple(sorted(shots, reverse=True)),
        examples=tuple(shot for shot, _, _ in rows),
        newest_at=rows[0][2],
    )


def throughput(catalog: Ledger, *, hours: int = 24) -> Throughput:
    """What was made in the last `hours` hours, by the hour: shots that ended `done`, and deliveries."""
    with catalog.database.read() as connection:
        now: datetime = connection.execute(select(clock())).scalar_one()
        first = (now - timedelta(hours=hours - 1)).replace(minute=0, second=0, microsecond=0)
        hour = hour_of(Shot.ended_at)  # type: ignore[arg-type]
        done = select(hour, func.count()).where(Shot.ended_at >= first, Shot.state == "done").group_by(hour)
        shots = dict[str, int](connection.execute(done).all())
        # Ids of deliveries begin with when they were made: `d261121-07...`.
        named = func.substr(Delivery.id, 2, 9)
        made = select(named, func.count()).where(Delivery.id >= f"d{first:%y%m%d-%H}", Delivery.id < "e")
        deliveries = dict[str, int](connection.execute(made.group_by(named)).all())
    begins = [first + timedelta(hours=n) for n in range(hours)]
    told = [Hour(one, shots.get(f"{one:%Y-%m-%d %H}", 0), deliveries.get(f"{one:%y%m%d-%H}", 0)) for one in begins]
    passed = (now - first).total_seconds() / 3600
    return Throughput(
        sum(one.shots for one in told) / passed, sum(one.deliveries for one in told) / passed, tuple(told)
    )


def queue_depth(catalog: Ledger) -> Sequence[QueueDepth]:
    """Batches that were cut and not taken up, by pool and queue."""
    sizes = (
        select(Batch.id, Batch.pool, Batch.queue, Batch.created_at, func.count(BatchShot.shot_id).label("shots"))
        .outerjoin(BatchShot, BatchShot.batch_id == Batch.id)
        .where(Batch.state == "planned")
        .group_by(Batch.id, Batch.pool, Batch.queue, Batch.created_at)
        .subquery()
    )
    oldest = func.min(sizes.c.created_at, type_=Batch.created_at.type)
    counts = (sizes.c.pool, sizes.c.queue, func.count(), func.sum(sizes.c.shots), oldest)
    query = select(*counts).group_by(sizes.c.pool, sizes.c.queue).order_by(sizes.c.pool, sizes.c.queue)
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
    return [QueueDepth(pool, queue, batches, int(shots), at) for pool, queue, batches, shots, at in rows]


def eta(catalog: Ledger, run_id: str) -> float | None:
    """Seconds until a run's shots have ended, at the pace of its last quarter of an hour, else of all its time.

    None while nothing of it has ended, or where it is paused, over or unknown.
    """
    with catalog.database.read() as connection:
        row = connection.execute(
            select(Run.state, Run.paused_code, Run.started_at, clock().label("now")).where(Run.id == run_id)
        ).one_or_none()
        if row is None or row.state not in GOING or row.paused_code is not None or row.started_at is None:
            return None
        left = connection.scalar(
            select(func.count()).where(Shot.run_id == run_id, Shot.state.in_(("waiting", "claimed")))
        )
        for since in (max(row.started_at, row.now - _PACE), row.started_at):
            ended = connection.scalar(select(func.count()).where(Shot.run_id == run_id, Shot.ended_at >= since))
            if ended:
                return (left or 0) * (row.now - since).total_seconds() / ended
    return None


def store_use(catalog: Ledger) -> StoreUse:
    """What the store holds by kind and state, and what room it has."""
    key = (StoreTally.kind, StoreTally.state)
    query = select(*key, func.sum(StoreTally.files), func.sum(StoreTally.bytes)).group_by(*key).order_by(*key)
    with catalog.database.read() as connection:
        rows = connection.execute(query).all()
    kinds = [Stored(kind, state, int(files), int(size)) for kind, state, files, size in rows if files]
    try:
        free, share = catalog.store.free_bytes(), catalog.store.used_share()
    except StoreUnavailable:
        free = share = None
    there = [one for one in kinds if one.state == "present"]
    return StoreUse(tuple(kinds), sum(one.files for one in there), sum(one.bytes for one in there), free, share)
