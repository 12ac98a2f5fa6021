"""Who is told of what happens, and how far that has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from catalog.dialect import clock
from catalog.ledger import Ledger
from catalog.tables import Notice, NoticeDelivery, NoticeTarget

LATELY_SECONDS = 30 * 86_400.0


@dataclass(frozen=True)
class TargetRow:
    """One target: `well`, `failing` or `gone`, what it answered last where that was no success, what waits for it."""

    name: str
    kind: str
    state: str
    reason: str | None
    told_at: datetime | None
    waiting: int


@dataclass(frozen=True)
class Telling:
    """One notice on its way to one target: `due`, `told` or `given_up`."""

    notice_id: str
    event: str
    target: str
    state: str
    attempts: int
    answer: str | None
    next_at: datetime


def notice_targets(catalog: Ledger) -> list[TargetRow]:
    """Everybody who was told something, or is waited for, within a month."""
    waits = and_(NoticeDelivery.target == NoticeTarget.name, NoticeDelivery.state == "due")
    waiting = select(func.count()).select_from(NoticeDelivery).where(waits).scalar_subquery()
    columns = (NoticeTarget.name, NoticeTarget.kind, NoticeTarget.state, NoticeTarget.reason, NoticeTarget.told_at)
    month_ago = clock(-LATELY_SECONDS)
    lately = or_(NoticeTarget.told_at > month_ago, NoticeTarget.since > month_ago)
    shown = and_(lately, NoticeTarget.state != "forgotten")
    with catalog.database.read() as connection:
        rows = connection.execute(select(*columns, waiting).where(shown).order_by(NoticeTarget.name))
        return [TargetRow(*row) for row in rows]


def tellings_of(catalog: Ledger, run_id: str) -> list[Telling]:
    """What was told of a run, or is to be, the oldest first."""
    query = (
        select(
            Notice.id,
            Notice.event,
            NoticeDelivery.target,
            NoticeDelivery.state,
            NoticeDelivery.attempts,
            NoticeDelivery.answer,
            NoticeDelivery.next_at,
        )
        .join(NoticeDelivery, NoticeDelivery.notice_id == Notice.id)
        .where(Notice.run_id == run_id)
        .order_by(Notice.at, Notice.id, NoticeDelivery.target)
    )
    with catalog.database.read() as connection:
        return [Telling(*row) for row in connection.execute(query)]
