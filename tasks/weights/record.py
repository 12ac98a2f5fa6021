"""What came, written down beside it: `weights.json` in each folder, for a later look to compare with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from catalog.store.folder import flush_folder
from models.errors import EngineError
from tasks.weights.checksum import Sums
from tasks.weights.known import Part
from tasks.whole import write_whole

RECORD: Final = "weights.json"

Stated = Literal["known", "server", "nobody"]
"""Who said beforehand what the bytes should be: our own table, the server, or nobody."""


class Line(BaseModel):
    """One file as it came and as it was last found good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """Of the weights it was brought for."""
    sha256: str
    bytes: int
    source: str
    revision: str = ""
    stated: Stated
    pulled_at: datetime
    verified_at: datetime


def read_record(folder: Path) -> dict[str, Line]:
    """The files written down in `folder`, by place. Raises EngineError (`RECORD_UNREADABLE`)."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {place: Line.model_validate(line) for place, line in found["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(
            f"weights: {path} cannot be read ({error})",
            remedy="remove it; `dailies weights verify` writes it again",
            code="RECORD_UNREADABLE",
        ) from error


def write_record(folder: Path, lines: Mapping[str, Line]) -> None:
    """Add to or replace what is written down in `folder`; whole or not at all."""
    kept = read_record(folder) | dict(lines)
    content = {place: line.model_dump(mode="json") for place, line in sorted(kept.items())}
    write_whole(folder / RECORD, (json.dumps({"files": content}, indent=2) + "\n").encode())
    flush_folder(folder)


def line_of(part: Part, name: str, sums: Sums, source: str = "found here", revision: str = "") -> Line:
    """A line for a file that has just been summed up; by this machine's time, for a record is for people."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Line(
        name=name,
        sha256=sums.sha256,
        bytes=sums.bytes,
        source=source,
        revision=revision or part.origin.revision or "",
        stated="known" if part.file.sha256 or part.file.git_blob else "nobody",
        pulled_at=now,
        verified_at=now,
    )
