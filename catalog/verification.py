"""Verification: what was read again and found good, and what is written down where it was not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, tuple_, union, update

from catalog.artifacts import ArtifactLedger
from catalog.dialect import clock
from catalog.ledger import chunks, write_audit
from catalog.queries.damage import damaged_shots
from catalog.retention import HELD, PRESENT, Held
from catalog.tables import (
    Artifact,
    Delivery,
    ExecutionInput,
    ExecutionOutput,
    Picture,
    Run,
    Shot,
    ShotDelivery,
    ShotExecution,
)

PAGE = 200


@dataclass(frozen=True)
class Unread:
    """How much is to be read: files and bytes."""

    files: int
    bytes: int


class VerificationLedger(ArtifactLedger):
    """Which artifacts to read, and what came of it."""

    def unread(self, run_id: str | None = None) -> Unread:
        """What the store should hold, of one run or of all."""
        count = select(func.count(), func.coalesce(func.sum(Artifact.bytes), 0))
        with self.database.read() as connection:
            files, size = connection.execute(count.where(Artifact.state == "present", *_of(run_id))).one()
        return Unread(files, int(size))

    def longest_unread(self, bytes_wanted: int | None = None, run_id: str | None = None) -> Iterator[Held]:
        """Present artifacts, those never read again first, then by when they were; about `bytes_wanted` of them.

        Those that are stamped while this is read do not come again.
        """
        with self.database.read() as connection:
            began = connection.execute(select(clock())).scalar_one()
        taken = 0
        for read_before in (False, True):
            last: tuple[Any, ...] | None = None
            while page := self._unread_page(began, run_id, last, read_before=read_before):
                for one, _ in page:
                    if bytes_wanted is not None and taken >= bytes_wanted:
                        return
                    taken += one.bytes
                    yield one
                held, verified = page[-1]
                last = (verified, held.sha256)

    def _unread_page(
        self, began: datetime, run_id: str | None, last: tuple[Any, ...] | None, *, read_before: bool
    ) -> list[tuple[Held, datetime | None]]:
        query = HELD.add_columns(Artifact.verified_at).where(*_of(run_id))
        if read_before:
            old = (Artifact.state == "present", Artifact.verified_at <= began)
            query = query.where(*old).order_by(Artifact.verified_at, Artifact.sha256)
            if last is not None:
                query = query.where(tuple_(Artifact.verified_at, Artifact.sha256) > tuple_(*last))
        else:
            query = query.where(PRESENT, Artifact.verified_at.is_(None)).order_by(Artifact.sha256)
            if last is not None:
                query = query.where(Artifact.sha256 > last[1])
        with self.database.read() as connection:
            return [(Held(*row[:-1]), row[-1]) for row in connection.execute(query.limit(PAGE))]

    def stamp_verified(self, digests: Sequence[str]) -> None:
        """These were read whole and were right."""
        with self.database.write() as connection:
            for part in chunks(digests):
                connection.execute(update(Artifact).where(Artifact.sha256.in_(part)).values(verified_at=clock()))

    def still_present(self, sha256: str) -> bool:
        """Whether the row vouches for the file at this moment: one that was just collected is no damage."""
        with self.database.read() as connection:
            return connection.scalar(select(Artifact.state).where(Artifact.sha256 == sha256)) == "present"

    def originals(self, sha256: str) -> list[str]:
        """Paths at which a source picture with these bytes was last seen outside the store."""
        with self.database.read() as connection:
            return list(connection.scalars(select(Picture.path).where(Picture.sha256 == sha256).distinct()))

    def reopen_damaged(self, run_id: str, who: str) -> int:
        """Put a run's finished shots whose current deliveries lost their files back to `waiting`; returns how many."""
        shots = damaged_shots(self, run_id)
        if not shots:
            return 0
        with self.database.write() as connection:
            reopened = 0
            for part in chunks(shots):
                again = update(Shot).where(Shot.id.in_(part), Shot.state == "done").returning(Shot.id)
                fresh = {"state": "waiting", "attempts": 0, "ended_at": None}
                reopened += len(connection.execute(again.values(fresh)).all())
            if reopened:
                ended = Run.state.in_(("done", "failed", "cancelled"))
                connection.execute(update(Run).where(Run.id == run_id, ended).values(state="planned", ended_at=None))
                connection.execute(update(Run).where(Run.id == run_id).values(reported_at=None))
                write_audit(connection, who, "reopen", run_id, {"shots": reopened, "damaged": True})
        return reopened


def _of(run_id: str | None) -> list[ColumnElement[bool]]:
    """Artifacts that a run's shots were served with, stand on, or were made of."""
    if run_id is None:
        return []
    stood = (
        select(ShotExecution.execution_id)
        .join(Shot, Shot.id == ShotExecution.shot_id)
        .where(Shot.run_id == run_id)
        .union(
            select(Delivery.execution_id)
            .join(ShotDelivery, ShotDelivery.delivery_id == Delivery.id)
            .join(Shot, Shot.id == ShotDelivery.shot_id)
            .where(Shot.run_id == run_id)
        )
        .subquery()
    )
    made = select(ExecutionOutput.artifact_sha256).join(stood, stood.c.execution_id == ExecutionOutput.execution_id)
    read = select(ExecutionInput.artifact_sha256).join(stood, stood.c.execution_id == ExecutionInput.execution_id)
    return [Artifact.sha256.in_(union(made, read.where(ExecutionInput.artifact_sha256.is_not(None))))]
