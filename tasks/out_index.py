"""`index.csv` and `index.json` of an out folder: every delivery with its columns, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import json
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from tasks.whole import beside

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet run a cell as a formula; some take the full-width forms of East Asian keyboards too."""

_FIRST = ["id", "variant", "state", "preset", "file", "poster", "width", "height", "rate", "frames", "seconds"]
_LAST = ["bytes", "sha256", "delivery", "error_code", "error"]


class Index:
    """Takes rows one by one and writes both files at the end; between them the rows lie in a temporary file.

    Columns that only some rows have (`meta.*`) stand between those of every row, in the order they first came.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: dict[str, None] = {}
        self._count = 0

    def __enter__(self) -> Index:
        self._spool = tempfile.TemporaryFile("w+", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """One line of the index: columns and their values."""
        self._own.update((key, None) for key in row if key not in _FIRST and key not in _LAST)
        self._count += 1
        self._spool.write(json.dumps(row, ensure_ascii=False) + "\n")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row so far, in order."""
        self._spool.seek(0)
        for line in self._spool:
            yield json.loads(line)

    def written(self) -> tuple[Path, Path]:
        """Write both files, each whole or not at all; their paths, CSV first."""
        columns = [*_FIRST, *self._own, *_LAST]
        with _whole(self._folder / "index.csv") as file:
            writer = csv.writer(file)
            writer.writerow([harmless(column) for column in columns])
            for row in self.rows():
                writer.writerow([harmless("" if row.get(column) is None else row[column]) for column in columns])
        with _whole(self._folder / "index.json") as file:
            for number, row in enumerate(self.rows()):
                file.write(",\n" if number else "[\n")
                file.write(textwrap.indent(json.dumps(row, indent=1, ensure_ascii=False), " "))
            file.write("\n]\n" if self._count else "[]\n")
        return self._folder / "index.csv", self._folder / "index.json"


def harmless(value: object) -> object:
    """A cell no spreadsheet runs: text that would be a formula, also after white space, gets a `'` before it."""
    if isinstance(value, str) and value.strip()[:1] in FORMULA and value.strip():
        return f"'{value}"
    return value


@contextmanager
def _whole(path: Path) -> Iterator[IO[str]]:
    """A file that takes its name when all of it is written."""
    with beside(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield file
