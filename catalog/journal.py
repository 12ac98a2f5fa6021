"""What is published: staged files, how their execution ended, and the journal that outlives the process.

`executions.pending` holds the journal from before the first rename until the end: `recover` needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from catalog.artifacts import Figure, vouch, write_figures
from catalog.claims import Claim
from catalog.tables import ExecutionOutput

_OUTPUTS: Any = ExecutionOutput.__table__
_KEEP = insert(_OUTPUTS)


def _no_media() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class StagedFile:
    """One file under a temporary name from `store.stage_file`, read back and found good by its stage.

    `role` is unique within the execution (`still`, `product`, `file`, `poster`); `media` are its facts.
    """

    path: Path
    role: str
    kind: str
    media: Mapping[str, Any] = field(default_factory=_no_media)


@dataclass(frozen=True)
class Publication:
    """The end of one execution: its files, what ran, how long, how much. `measurements` are of the first file.

    `claim` is what it was begun under; without files its frames streamed on.
    """

    execution_id: str
    files: Sequence[StagedFile]
    ran: Mapping[str, Any]
    seconds: float
    work: float | None = None
    gpu_seconds: float | None = None
    peak_vram_bytes: int | None = None
    measurements: Sequence[Figure] = ()
    claim: Claim | None = None

    @property
    def figures(self) -> dict[str, Any]:
        """Columns of the execution that are known at its end."""
        values: dict[str, Any] = {"ran": dict(self.ran), "seconds": self.seconds, "gpu_seconds": self.gpu_seconds}
        values["peak_vram_bytes"] = self.peak_vram_bytes
        return values if self.work is None else values | {"work": self.work}


@dataclass(frozen=True)
class Line:
    """One file in the journal; `temp` is its name in the store's `incoming`."""

    temp: str
    role: str
    kind: str
    sha256: str
    bytes: int
    media: dict[str, Any]

    @property
    def artifact(self) -> dict[str, Any]:
        """Its row of the catalog, but for where it lies."""
        return {"sha256": self.sha256, "kind": self.kind, "bytes": self.bytes, "media": self.media}


@dataclass(frozen=True)
class Journal:
    """What `executions.pending` holds: enough to finish a publication without its process."""

    files: list[Line]
    figures: list[Figure]

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> Journal:
        """From `executions.pending`; of nothing where that is None."""
        if stored is None:
            return cls([], [])
        return cls([Line(**line) for line in stored["files"]], [Figure(**figure) for figure in stored["figures"]])


def vouch_for(connection: Connection, journals: Mapping[str, Journal], locations: Mapping[str, str]) -> None:
    """Write down the settled files of executions, what they are of, and what was measured on them."""
    lines = {line.sha256: line for journal in journals.values() for line in journal.files}
    vouch(connection, [line.artifact | {"location": locations[line.sha256]} for line in lines.values()])
    outputs = [
        {"execution_id": execution_id, "role": line.role, "artifact_sha256": line.sha256}
        for execution_id, journal in journals.items()
        for line in journal.files
    ]
    connection.execute(_KEEP, outputs)
    measured = [(journal.files[0].sha256, journal.figures, one) for one, journal in journals.items()]
    write_figures(connection, measured)
