"""Artifacts: files taken in from outside, figures measured on them, and what happens when one is damaged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from catalog.dialect import one_publisher
from catalog.errors import Damaged
from catalog.failpoints import reach
from catalog.ledger import Ledger, write_audit
from catalog.statements import Upsert
from catalog.store import hash_file
from catalog.tables import Artifact, Execution, ExecutionOutput, Measurement


@dataclass(frozen=True)
class Figure:
    """One measured quality figure, its threshold, and whether it passed (None: it is only listed)."""

    name: str
    value: float
    unit: str = ""
    threshold: float | None = None
    passed: bool | None = None


class ArtifactLedger(Ledger):
    """Writes about stored files."""

    def ingest(self, path: Path, kind: str = "source", media: Mapping[str, Any] | None = None) -> str:
        """Store a copy of a file from outside and return its SHA-256: the name of exactly the bytes that were copied.

        Raises OSError if the file cannot be read, StoreUnavailable if the store cannot be written.
        """
        sha256 = hash_file(path)
        if self.holds(sha256):
            return sha256
        temp, sha256 = self.store.copy_in(path)
        try:
            size = temp.stat().st_size
            reach("ingest.copied")
            location = self.store.settle(temp, sha256)
            reach("ingest.settled")
            with self.database.write() as connection:
                one_publisher(connection)
                if there := self.store.has(sha256, location):
                    file = {"sha256": sha256, "kind": kind, "bytes": size, "location": location}
                    vouch(connection, [file | {"media": dict(media or {})}])
        finally:
            self.store.discard(temp)
        # A collection removed the same bytes, which nobody needed, between the two: bring them again.
        return sha256 if there else self.ingest(path, kind, media)

    def holds(self, sha256: str) -> bool:
        """Whether the store has these bytes and the catalog knows it: after a restore, or a death, it may not."""
        with self.database.read() as connection:
            state = connection.scalar(_STATE, {"sha256": sha256})
        return state == "present" and self.has_file(sha256)

    def has_file(self, sha256: str) -> bool:
        """Whether the store holds a file of this name (its bytes are not re-read: see `verify`)."""
        return self.store.has(sha256)

    def verify(self, sha256: str, location: str = "", *, deep: bool = False) -> None:
        """Check a stored file (see `Store.verify`); damage is written down, so that it is made again, and raised."""
        try:
            self.store.verify(sha256, location, deep=deep)
        except Damaged as error:
            self.mark_damaged(sha256, str(error))
            raise

    def mark_damaged(self, sha256: str, why: str = "") -> list[str]:
        """A stored file lost its bytes: the executions that made it are `void`, so that it is made again; their ids.

        One that was collected is no damage: nothing is written then.
        """
        with self.database.write() as connection:
            one_publisher(connection)
            lost = update(Artifact).where(Artifact.sha256 == sha256, Artifact.state != "collected")
            if connection.execute(lost.values(state="damaged").returning(Artifact.sha256)).one_or_none() is None:
                return []
            makers = select(ExecutionOutput.execution_id).where(ExecutionOutput.artifact_sha256 == sha256)
            voided = connection.scalars(
                update(Execution)
                .where(Execution.id.in_(makers), Execution.state == "done")
                .values(state="void", error_code="ARTIFACT_DAMAGED", error_message=why or f"{sha256} is damaged")
                .returning(Execution.id)
            ).all()
            write_audit(connection, "catalog", "damaged", sha256, {"why": why, "void": list(voided)})
        return sorted(voided)


def vouch(connection: Connection, files: Sequence[Mapping[str, Any]]) -> None:
    """Write down settled files (`sha256`, `kind`, `bytes`, `location`, `media`) as present.

    Bytes that were known before keep their kind and facts and are `present` again.
    """
    connection.execute(_VOUCH.on(connection), [{**file, "state": "present", "collected_at": None} for file in files])


_PRESENT = ("state", "location", "collected_at")
_VOUCH = Upsert(
    Artifact,
    lambda new: new.on_conflict_do_update(
        index_elements=["sha256"], set_={name: new.excluded[name] for name in _PRESENT}
    ),
)
_STATE = select(Artifact.state).where(Artifact.sha256 == bindparam("sha256"))
_MEASURED = insert(Measurement)


def write_figures(connection: Connection, measured: Iterable[tuple[str, Sequence[Figure], str | None]]) -> None:
    """`measure` inside a transaction, for many (artifact, figures, execution)."""
    rows = [
        {"artifact_sha256": artifact, "execution_id": execution_id} | asdict(figure)
        for artifact, figures, execution_id in measured
        for figure in figures
    ]
    if rows:
        connection.execute(_MEASURED, rows)
