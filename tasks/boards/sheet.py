"""A manifest's text cut at its rows, so that rows can move, come and go while every other character stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from manifests.errors import ManifestError, Problem
from manifests.marked import Marked, MarkedList, YamlError, read

_DASH = re.compile(r"( *)-(?= |$)")


@dataclass
class SheetRow:
    """One row: the comments above it, its own lines (both with line ends), and what they say."""

    lead: str
    body: str
    values: Mapping[str, Any]

    @property
    def board(self) -> str | None:
        """The key of the board it came from; None for a row of the person's own."""
        meta = self.values.get("meta")
        board: object = cast("dict[str, object]", meta).get("board") if isinstance(meta, dict) else None
        return None if board is None else str(board)

    @property
    def id(self) -> str:
        """The row's id as text."""
        return str(self.values.get("id") or "")


@dataclass
class Sheet:
    """The text before the rows, the rows, and what follows them. `indent`: the column of the rows' dashes."""

    head: str
    rows: list[SheetRow]
    tail: str
    indent: int = 2
    spaced: bool = True
    """True where empty lines stand between rows."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    opening: SheetRow | None = None
    """The row that was first."""

    def text(self) -> str:
        """The whole again; an empty line goes before a row that came from the top, and from one that went there."""
        parts = [self.head]
        for index, row in enumerate(self.rows):
            lead = row.lead
            if index == 0 and row is not self.opening:
                lead = lead.lstrip("\n")
            elif index > 0 and self.spaced and not lead.startswith("\n"):
                lead = "\n" + lead if row is self.opening else lead
            parts += [lead, row.body]
        return "".join(parts) + self.tail


def parse_sheet(text: str, file: str) -> Sheet:
    """The sheet of a manifest's text, whose lines end in `\\n`.

    Raises:
        ManifestError: it is no YAML, or its rows are not a list of their own lines (`ROWS_NOT_LISTED`).
    """
    values = read_manifest(text, file)
    rows = values.get("rows")
    if not isinstance(rows, MarkedList) or not all(isinstance(row, Marked) for row in rows):
        raise _not_listed(file, values.lines.get("rows"))
    lines = [line + "\n" for line in text.removesuffix("\n").split("\n")]
    first = values.lines["rows"]
    end = min((line - 1 for line in values.lines.values() if line > first), default=len(lines))
    starts = [_dash_line(lines, line - 1, first, file) for line in rows.lines]
    if len(set(starts)) < len(starts):
        raise _not_listed(file, first)
    indent = _indent(lines[starts[0]]) if starts else 2
    if starts:
        while end > starts[-1] + 1 and _idle(lines[end - 1], indent):
            end -= 1
    else:
        end = first
    sheet: list[SheetRow] = []
    tops = [_lead_start(lines, start, indent, starts[n - 1] + 1 if n else first) for n, start in enumerate(starts)]
    for n, start in enumerate(starts):
        until = tops[n + 1] if n + 1 < len(starts) else end
        row = cast("Mapping[str, Any]", rows[n])
        sheet.append(SheetRow("".join(lines[tops[n] : start]), "".join(lines[start:until]), row))
    head = "".join(lines[: tops[0] if tops else first])
    spaced = len(sheet) < 2 or any(row.lead.startswith("\n") for row in sheet[1:])
    return Sheet(head, sheet, "".join(lines[end:]), indent, spaced, values, sheet[0] if sheet else None)


def read_manifest(text: str, file: str) -> Marked:
    """What a manifest's text says. Raises ManifestError where it is no YAML, or no mapping."""
    try:
        document = read(text, file)
    except YamlError as error:
        raise ManifestError([error.problem]) from error
    if document.problems:
        raise ManifestError(document.problems)
    if not isinstance(document.value, Marked):
        found = "a manifest is a mapping with version: and rows:"
        raise ManifestError([Problem("WRONG_TYPE", found, "mend it, or import into an empty folder", file, 1)])
    return document.value


def is_idle(line: str) -> bool:
    """True for an empty line and for a comment alone."""
    return not line.strip() or line.lstrip().startswith("#")


def _idle(line: str, indent: int) -> bool:
    return is_idle(line) and (not line.strip() or _indent(line) <= indent)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _dash_line(lines: list[str], index: int, first: int, file: str) -> int:
    """The line of the dash before a row whose first key is in line `index`."""
    at = index
    while at >= first and not _DASH.match(lines[at]):
        if at != index and not is_idle(lines[at]):
            raise _not_listed(file, index + 1)
        at -= 1
    if at < first:
        raise _not_listed(file, index + 1)
    return at


def _lead_start(lines: list[str], start: int, indent: int, least: int) -> int:
    """Where the empty lines and comments right above a row begin."""
    at = start
    while at > least and _idle(lines[at - 1], indent):
        at -= 1
    return at


def _not_listed(file: str, line: int | None) -> ManifestError:
    remedy = "write each row as - id: ... below rows:, or import into an empty folder"
    return ManifestError([Problem("ROWS_NOT_LISTED", "its rows are not listed line by line", remedy, file, line)])
