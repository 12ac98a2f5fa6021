"""The outbox: each notice on its way to each target, told at least once and with one id.

A sender takes what is due for a while, tries it, and writes down how it went. One that dies in between leaves it due
again: whoever comes next sends the same notice with the same id, by which a receiver knows it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, literal, select, update

from catalog.dialect import clock, upsert
from catalog.errors import NotFound
from catalog.failpoints import reach
from catalog.incidents import write_incident
from catalog.ledger import Ledger
from catalog.tables import Notice, NoticeDelivery, NoticeTarget

TRY_SECONDS = 60.0
"""How long a sender has what it took: longer than any answer is waited for."""
GIVE_UP_SECONDS = 86_400.0
NEWS_SECONDS = 3 * 86_400.0
"""What is older when somebody first looks is no news any more."""
SURE = 3
"""Failures of one notice after which its target is said to fail."""

_THERE: Final = ("well", "failing")
"""States of a target that is told anything."""


@dataclass(frozen=True)
class Due:
    """One notice to be sent to one target now; `attempt` counts from 1."""

    notice_id: str
    target: str
    event: str
    subject: str
    run_id: str | None
    body: Mapping[str, Any]
    at: datetime
    attempt: int


class OutboxLedger(Ledger):
    """Writes of senders."""

    def know_target(self, name: str, kind: str) -> None:
        """Have a target told what happens from now on; one that is known stays as it is."""
        known = and_(NoticeTarget.name == name, NoticeTarget.kind == kind, NoticeTarget.state != "forgotten")
        with self.database.read() as connection:
            if connection.scalar(select(NoticeTarget.name).where(known)) is not None:
                return
        again = NoticeTarget.state == "forgotten"
        with self.database.write() as connection:
            values = {
                "kind": kind,
                "state": case((again, "well"), else_=NoticeTarget.state),
                "since": case((again, clock()), else_=NoticeTarget.since),
            }
            row = upsert(connection, NoticeTarget).values(name=name, kind=kind)
            connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))

    def forget_target(self, name: str) -> None:
        """Tell a target nothing more, and show it no more, until somebody names it again. Raises NotFound."""
        with self.database.write() as connection:
            forgotten = update(NoticeTarget).where(NoticeTarget.name == name)
            rows = connection.execute(forgotten.values(state="forgotten", reason=None).returning(NoticeTarget.name))
            if not rows.all():
                raise NotFound(f"nobody called '{name}' was ever told anything")
            _give_up(connection, name, "forgotten")

    def take_notice(self, target: str, events: Collection[str]) -> Due | None:
        """What this target is to be told of next, taken for `TRY_SECONDS`: nobody else gets it meanwhile.

        Nothing is written where there is none. None too for a target that is gone, or that `know_target` never named.
        """
        with self.database.read() as connection:
            if not _anything(connection, target, events):
                return None
        with self.database.write() as connection:
            for notice_id in connection.scalars(_new(target, events)).all():
                row = upsert(connection, NoticeDelivery).values(notice_id=notice_id, target=target)
                connection.execute(row.on_conflict_do_nothing())
            due = (
                select(NoticeDelivery.notice_id)
                .join(Notice, Notice.id == NoticeDelivery.notice_id)
                .where(_due(target), _there(target))
                .order_by(Notice.at, Notice.id)
                .limit(1)
                .with_for_update(of=NoticeDelivery, skip_locked=True)
            )
            notice_id = connection.scalar(due)
            if notice_id is None:
                return None
            mine = and_(NoticeDelivery.notice_id == notice_id, NoticeDelivery.target == target)
            taken = {"attempts": NoticeDelivery.attempts + 1, "next_at": clock(TRY_SECONDS)}
            connection.execute(update(NoticeDelivery).where(mine).values(taken))
            return Due(*connection.execute(_taken(mine)).one())

    def notice_told(self, due: Due, answer: str) -> None:
        """It has arrived; its target is well, unless it wanted no more or was forgotten meanwhile."""
        reach("notice.sent")
        with self.database.write() as connection:
            told = {"state": "told", "answer": answer, "ended_at": clock()}
            connection.execute(update(NoticeDelivery).where(_is(due)).values(told))
            well = {"told_at": clock(), "reason": None, "state": "well"}
            there = and_(NoticeTarget.name == due.target, NoticeTarget.state.in_(_THERE))
            connection.execute(update(NoticeTarget).where(there).values(well))

    def notice_failed(self, due: Due, answer: str, pause_seconds: float) -> None:
        """It did not arrive: it is tried again after a pause, until a day after it was first due. Then nobody does.

        An incident says that a target fails, and each notice that is given up.
        """
        with self.database.write() as connection:
            over = NoticeDelivery.created_at <= clock(-GIVE_UP_SECONDS)
            values = {
                "state": case((over, "given_up"), else_="due"),
                "ended_at": case((over, clock()), else_=None),
                "next_at": clock(pause_seconds),
                "answer": answer,
            }
            mine = and_(_is(due), NoticeDelivery.state == "due", NoticeDelivery.attempts == due.attempt)
            failed = update(NoticeDelivery).where(mine).values(values).returning(NoticeDelivery.state)
            state = connection.scalar(failed)
            if state is None:  # somebody else has taken it since
                return
            if state == "given_up":
                told = f"'{due.target}' was not told of {due.event} ({due.subject}): {due.attempt} tries, then {answer}"
                write_incident(connection, "NOTICE_GIVEN_UP", told, run_id=due.run_id)
            was = connection.scalar(select(NoticeTarget.state).where(NoticeTarget.name == due.target))
            failing = due.attempt >= SURE and was == "well"
            if failing:
                told = f"'{due.target}' cannot be told of anything: {answer}; it is tried again for a day"
                write_incident(connection, "NOTIFY_FAILING", told, run_id=due.run_id)
            now = {"reason": answer, "state": "failing" if failing else was}
            connection.execute(update(NoticeTarget).where(NoticeTarget.name == due.target).values(now))

    def target_gone(self, due: Due, answer: str) -> None:
        """The target wants to be told no more: what waits for it is given up, and nothing more is sent."""
        with self.database.write() as connection:
            gone = and_(NoticeTarget.name == due.target, NoticeTarget.state.in_(_THERE))
            values = {"state": "gone", "reason": answer}
            if connection.execute(update(NoticeTarget).where(gone).values(values).returning(NoticeTarget.name)).all():
                told = f"'{due.target}' answered {answer}: it is told nothing more; `dailies notify test` asks it again"
                write_incident(connection, "NOTIFY_GONE", told, run_id=due.run_id)
            _give_up(connection, due.target, answer)

    def target_back(self, name: str) -> None:
        """A target that answers again: one that was gone is told what happens from now on."""
        with self.database.write() as connection:
            since = case((NoticeTarget.state == "gone", clock()), else_=NoticeTarget.since)
            well = {"state": "well", "reason": None, "told_at": clock(), "since": since}
            connection.execute(update(NoticeTarget).where(NoticeTarget.name == name).values(well))


def _give_up(connection: Connection, target: str, why: str) -> None:
    """What is on its way to a target goes no further."""
    waits = and_(NoticeDelivery.target == target, NoticeDelivery.state == "due")
    given_up = {"state": "given_up", "answer": why, "ended_at": clock()}
    connection.execute(update(NoticeDelivery).where(waits).values(given_up))


def _anything(connection: Connection, target: str, events: Collection[str]) -> bool:
    due = select(literal(1)).select_from(NoticeDelivery).where(_due(target), _there(target)).limit(1)
    return any(connection.scalar(query) is not None for query in (due, _new(target, events).limit(1)))


def _new(target: str, events: Collection[str]) -> Select[str]:
    """Notices that nobody has put on their way to it yet."""
    already = exists().where(NoticeDelivery.notice_id == Notice.id, NoticeDelivery.target == target)
    since = select(NoticeTarget.since).where(NoticeTarget.name == target).scalar_subquery()
    news = and_(Notice.at >= since, Notice.at > clock(-NEWS_SECONDS), Notice.event.in_(events))
    return select(Notice.id).where(news, ~already, _there(target)).order_by(Notice.at)


def _there(target: str) -> ColumnElement[bool]:
    return exists().where(NoticeTarget.name == target, NoticeTarget.state.in_(_THERE))


def _due(target: str) -> ColumnElement[bool]:
    return and_(NoticeDelivery.target == target, NoticeDelivery.state == "due", NoticeDelivery.next_at <= clock())


def _is(due: Due) -> ColumnElement[bool]:
    return and_(NoticeDelivery.notice_id == due.notice_id, NoticeDelivery.target == due.target)


def _taken(which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Notice.id,
            NoticeDelivery.target,
            Notice.event,
            Notice.subject,
            Notice.run_id,
            Notice.body,
            Notice.at,
            NoticeDelivery.attempts,
        )
        .join(NoticeDelivery, NoticeDelivery.notice_id == Notice.id)
        .where(which)
    )
