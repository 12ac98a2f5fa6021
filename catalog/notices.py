"""Notices: that something happened, for people and programs elsewhere, written in the transaction that made it happen.

So none is lost and none is there twice: whoever ends a run writes that it ended, and of two who end it at once one
does. What is sent to whom is in `outbox.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select

from catalog.ids import new_id
from catalog.ledger import Ledger, chunks
from catalog.tables import Notice, Run, Shot

EVENTS: Final = ("run.finished", "run.failed", "run.cancelled", "run.paused", "shot.quarantined", "report")
_ENDED: Final = {"done": "run.finished", "failed": "run.failed", "cancelled": "run.cancelled"}

MOST_CODES = 20
"""Error codes that a notice of a run tells; the most frequent ones."""
MOST_SHOTS = 50
"""Shots that a notice names; all of them are counted."""


class NoticeLedger(Ledger):
    """Writes of notices that are about nothing the ledger does by itself."""

    def post_notice(self, event: str, subject: str, body: Mapping[str, Any]) -> str:
        """Tell everybody who listens to `event`, under the title `subject`; returns the notice's id.

        `body` is plain JSON; `markdown` in it is what people read.
        """
        with self.database.write() as connection:
            return write_notice(connection, event, subject, body)


def write_notice(
    connection: Connection, event: str, subject: str, body: Mapping[str, Any], run_id: str | None = None
) -> str:
    """The same, inside a transaction that does the thing itself."""
    notice_id = new_id("n")
    values = {"id": notice_id, "event": event, "subject": subject, "run_id": run_id, "body": dict(body)}
    connection.execute(insert(Notice).values(values))
    return notice_id


def notice_of_end(connection: Connection, run_id: str, state: str) -> None:
    """That a run has ended in `state`, which it has by now."""
    write_notice(connection, _ENDED[state], run_id, {"run": run_facts(connection, run_id)}, run_id)


def notice_of_pause(connection: Connection, run_id: str) -> None:
    """That a run was paused, by now."""
    write_notice(connection, "run.paused", run_id, {"run": run_facts(connection, run_id)}, run_id)


def notice_of_quarantine(connection: Connection, shot_ids: Collection[str]) -> None:
    """That shots were set aside, by now: one notice for each of their runs, however many they are."""
    by_run: dict[str, list[str]] = {}
    for shot_id in sorted(set(shot_ids)):
        by_run.setdefault(shot_id.partition(".")[0], []).append(shot_id)
    for run_id, shots in by_run.items():
        rows = [row for part in chunks(shots[:MOST_SHOTS]) for row in _shots(connection, Shot.id.in_(part))]
        _write_quarantine(connection, run_id, len(shots), rows)


def notice_of_refused(connection: Connection, run_id: str) -> None:
    """The same for the shots that a run was submitted with as quarantined."""
    refused = and_(Shot.run_id == run_id, Shot.state == "quarantined")
    if count := connection.scalar(select(func.count()).select_from(Shot).where(refused)):
        _write_quarantine(connection, run_id, count, _shots(connection, refused))


def run_facts(connection: Connection, run_id: str) -> dict[str, Any]:
    """What a notice says of a run, as JSON: names, times, shots by state, failures by code, where its folder is."""
    row = connection.execute(
        select(
            Run.id,
            Run.name,
            Run.kind,
            Run.state,
            Run.priority,
            Run.triggered_by,
            Run.out_folder,
            Run.error_code,
            Run.error_message,
            Run.paused_code,
            Run.paused_why,
            Run.created_at,
            Run.started_at,
            Run.ended_at,
        ).where(Run.id == run_id)
    )
    facts = {name: _plain(value) for name, value in row.mappings().one().items()}
    states = select(Shot.state, func.count()).where(Shot.run_id == run_id).group_by(Shot.state).order_by(Shot.state)
    codes = (
        select(Shot.error_code, func.count().label("shots"), func.min(Shot.id).label("first"))
        .where(Shot.run_id == run_id, Shot.state.in_(("failed", "quarantined")))
        .group_by(Shot.error_code)
        .order_by(func.count().desc(), Shot.error_code)
        .limit(MOST_CODES)
    )
    failures = connection.execute(codes).all()
    first = {row.id: row for row in _shots(connection, Shot.id.in_([row.first for row in failures]))}
    return facts | {
        "shots": dict[str, int](connection.execute(states).all()),
        "failures": [
            {"code": row.error_code, "shots": row.shots, "first": _shot_facts(first[row.first])} for row in failures
        ],
    }


def _write_quarantine(connection: Connection, run_id: str, count: int, rows: Sequence[Any]) -> None:
    about = connection.execute(select(Run.id, Run.name, Run.kind, Run.state).where(Run.id == run_id))
    body = {"run": dict(about.mappings().one()), "count": count, "shots": [_shot_facts(row) for row in rows]}
    write_notice(connection, "shot.quarantined", run_id, body, run_id)


def _shots(connection: Connection, which: ColumnElement[bool]) -> Sequence[Any]:
    query = select(Shot.id, Shot.item, Shot.variant, Shot.error_code, Shot.error_message).where(which)
    return connection.execute(query.order_by(Shot.id).limit(MOST_SHOTS)).all()


def _shot_facts(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "item": row.item,
        "variant": row.variant,
        "code": row.error_code,
        "message": row.error_message,
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
