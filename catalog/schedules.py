"""Schedules: the rules by which a manifest is run by itself, and how its last start went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, delete, insert, select, update

from catalog.dialect import clock
from catalog.errors import CatalogError, NotFound
from catalog.incidents import write_incident
from catalog.ledger import Ledger, write_audit
from catalog.notices import write_notice
from catalog.tables import Run, Schedule


@dataclass(frozen=True)
class NewSchedule:
    """A manifest's `schedule:` as it is applied. `manifest`: absolute path; `next_at`: when its next start is due."""

    name: str
    manifest: str
    kind: str
    cron: str
    timezone: str
    done_by: str | None
    budget_gpu_seconds: float | None
    budget_bytes: int | None
    late_seconds: float
    overlap: str
    shrink: float
    ping: str | None
    next_at: datetime | None


@dataclass(frozen=True)
class Scheduled:
    """What a run of a schedule carries.

    `after`: the schedule's last run, as whoever submits this one has seen it. `next_at`: the start after this one.
    """

    schedule: str
    after: str | None
    done_by: datetime | None
    budget_gpu_seconds: float | None
    budget_bytes: int | None
    next_at: datetime | None = None


class ScheduleLedger(Ledger):
    """Writes of schedules."""

    def put_schedule(self, wanted: NewSchedule, who: str) -> bool:
        """Apply a schedule; True where it is new or something of it is. What was paused stays paused.

        Raises CatalogError (`SCHEDULE_TAKEN`: another manifest has the name).
        """
        facts = asdict(wanted)
        with self.database.write() as connection:
            old = connection.execute(
                select(Schedule).where(Schedule.name == wanted.name).with_for_update()
            ).one_or_none()
            if old is None:
                connection.execute(insert(Schedule).values(facts))
            elif old.manifest != wanted.manifest:
                raise taken_schedule(wanted.name, old.manifest, wanted.manifest)
            if old is not None and (not old.active or (old.cron, old.timezone) == (wanted.cron, wanted.timezone)):
                facts["next_at"] = old.next_at  # a start that is overdue stays so
            changed = [name for name, value in facts.items() if old is None or getattr(old, name) != value]
            if old is not None:
                connection.execute(
                    update(Schedule).where(Schedule.name == wanted.name).values(facts | {"applied_at": clock()})
                )
            if set(changed) - {"next_at"}:
                write_audit(connection, who, "schedule", wanted.name, {"cron": wanted.cron, "zone": wanted.timezone})
        return bool(set(changed) - {"next_at"})

    def switch_schedule(self, name: str, next_at: datetime | None, who: str) -> None:
        """Pause a schedule (`next_at` None), or have it start again, next then. Raises NotFound."""
        self._change(name, {"active": next_at is not None, "next_at": next_at}, who, "resume" if next_at else "pause")

    def remove_schedule(self, name: str, who: str) -> None:
        """Forget a schedule; its runs and what they delivered stay. Raises NotFound."""
        with self.database.write() as connection:
            gone = delete(Schedule).where(Schedule.name == name).returning(Schedule.name)
            if connection.execute(gone).one_or_none() is None:
                raise unknown_schedule(name)
            write_audit(connection, who, "unschedule", name, {})

    def begin_schedule(self, name: str) -> None:
        """A start of it has come. It stays due until it comes to a run or is said to come to none. Raises NotFound."""
        self._change(name, {"last_started_at": clock(), "last_code": None, "last_note": None})

    def note_schedule(
        self,
        name: str,
        code: str,
        why: str,
        *,
        next_at: datetime | None = None,
        subject: str = "",
        body: Mapping[str, Any] | None = None,
    ) -> None:
        """Why a start comes to no run, or what else it has to say: an incident, and the schedule's own note.

        With `next_at` this start is over, and the next one due then. With `body`, JSON, people are told it as a notice
        of `report` under the title `subject`. Raises NotFound.
        """
        with self.database.write() as connection:
            self._set(connection, name, {"last_code": code, "last_note": why, **_due(next_at)})
            write_incident(connection, code, f"schedule '{name}': {why}")
            if body is not None:
                write_notice(connection, "report", subject, body)

    def report_run(self, run_id: str, subject: str, body: Mapping[str, Any]) -> bool:
        """Its report is written, and told as a notice of `report` under the title `subject`, `body` being its JSON.

        True, and told, for the first who says so since the run began or was taken up again.
        """
        first = update(Run).where(Run.id == run_id, Run.reported_at.is_(None)).values(reported_at=clock())
        with self.database.write() as connection:
            if connection.execute(first.returning(Run.id)).one_or_none() is None:
                return False
            write_notice(connection, "report", subject, body, run_id)
        return True

    def lift_budget(self, run_id: str, who: str) -> None:
        """Have a run take what it needs: a person has said so."""
        free = {"budget_gpu_seconds": None, "budget_bytes": None}
        with self.database.write() as connection:
            connection.execute(update(Run).where(Run.id == run_id).values(free))
            write_audit(connection, who, "lift budget", run_id, {})

    def _change(self, name: str, values: dict[str, Any], who: str = "", what: str = "") -> None:
        with self.database.write() as connection:
            self._set(connection, name, values)
            if who:
                write_audit(connection, who, f"{what} schedule", name, {})

    @staticmethod
    def _set(connection: Connection, name: str, values: dict[str, Any]) -> None:
        changed = update(Schedule).where(Schedule.name == name).values(values).returning(Schedule.name)
        if connection.execute(changed).one_or_none() is None:
            raise unknown_schedule(name)


def unknown_schedule(name: str) -> NotFound:
    """What to say of a schedule that is not there."""
    return NotFound(f"no schedule '{name}' in this catalog; `dailies schedule list` lists them", code="NO_SCHEDULE")


def taken_schedule(name: str, by: str, manifest: str) -> CatalogError:
    """What to say of a manifest whose name is another one's."""
    return CatalogError(
        f"schedule '{name}' is that of {by}, not of {manifest}; give one of them another name:, or `dailies schedule "
        f"remove` the old one",
        code="SCHEDULE_TAKEN",
    )


def take_turn(connection: Connection, wanted: Scheduled, run_id: str) -> None:
    """Make `run_id` the schedule's last run, inside the transaction that submits it.

    Raises CatalogError (`SCHEDULE_OVERLAP`: another start came first), NotFound.
    """
    row = select(Schedule.last_run_id).where(Schedule.name == wanted.schedule).with_for_update()
    last = connection.execute(row).one_or_none()
    if last is None:
        raise unknown_schedule(wanted.schedule)
    if last.last_run_id != wanted.after:
        raise CatalogError(
            f"schedule '{wanted.schedule}': another start has begun run {last.last_run_id}; this one is not needed",
            code="SCHEDULE_OVERLAP",
        )
    taken = update(Schedule).where(Schedule.name == wanted.schedule)
    connection.execute(taken.values(last_run_id=run_id, **_due(wanted.next_at)))


def _due(next_at: datetime | None) -> dict[str, Any]:
    """The next start, where there is one to tell; a schedule that was paused meanwhile has none."""
    return {"next_at": case((Schedule.active, next_at))} if next_at is not None else {}
