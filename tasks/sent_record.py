"""What a folder of approved deliveries has been sent: written down in it, and listed for whoever takes it in."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from manifests.errors import InputError, Problem
from tasks.out_index import harmless
from tasks.receivers import Receiver
from tasks.whole import sha256_of, write_whole

RECORD: Final = ".dailies-sent.json"

Change = Literal["new", "replaced", "withdrawn"]


class Known(BaseModel):
    """A file the folder was sent: of which delivery, with which bytes, what lies beside it, and its row in our index.

    `beside`: digests of a scene's subtitles and storyboard by file name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delivery: str
    sha256: str
    poster_sha256: str | None = None
    beside: dict[str, str] = Field(default_factory=dict[str, str])
    row: dict[str, Any]

    def differs(self, other: Known | None) -> bool:
        """Whether the files are others."""
        return other is None or (self.sha256, self.poster_sha256) != (other.sha256, other.poster_sha256)


class _Record(RootModel[dict[str, Known]]):
    """By file name."""


@dataclass(frozen=True)
class Lists:
    """`index.csv` has everything the folder was sent, `changes.csv` what changed this time."""

    index: Path
    changes: Path


def read_record(folder: Path) -> dict[str, Known]:
    """What the folder was sent so far, by file name. Raises InputError (`BAD_RECORD`)."""
    path = folder / RECORD
    try:
        return _Record.model_validate_json(path.read_bytes()).root
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        found = f"'{path}' is not what an export wrote: {error.error_count()} faults"
        raise InputError(Problem("BAD_RECORD", found, "delete it, and everything approved is sent again")) from error


def write_record(
    folder: Path,
    sent: Mapping[str, Known],
    changes: Sequence[tuple[Change, Known]],
    receiver: Receiver,
    columns: Sequence[str],
) -> Lists:
    """Write the record, and both lists with the receiver's columns; `columns` are ours. Raises OSError."""
    head = receiver.header(columns)
    lines = [receiver.line(known.row, columns) for known in sent.values()]
    told = [[change, *receiver.line(known.row, columns)] for change, known in changes]
    index = _written(folder / "index.csv", head, lines)
    listed = _written(folder / "changes.csv", ["change", *head], told)
    write_whole(folder / RECORD, _Record(dict(sent)).model_dump_json(indent=1).encode())
    return Lists(index, listed)


def take_back(folder: Path, name: str, known: Known) -> None:
    """Remove a file, its poster and what lies beside it, unless somebody put another one in its place."""
    poster = str(Path(name).with_suffix(".jpg"))
    for file, sha256 in ((name, known.sha256), (poster, known.poster_sha256), *known.beside.items()):
        path = (folder / file).resolve()
        if path.is_relative_to(folder.resolve()) and sha256 and sha256_of(path) == sha256:
            path.unlink()


def _written(path: Path, head: Sequence[str], lines: Sequence[Sequence[Any]]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for line in (head, *lines):
        writer.writerow([harmless(cell) for cell in line])
    write_whole(path, text.getvalue().encode())
    return path
