"""Where the rows of a manifest lie in its text, so that they are moved and changed as text: what is not changed stays
byte for byte, with its comments, quotes and spacing, which no YAML writer keeps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import yaml

from manifests.errors import InputError, Problem
from manifests.marked import YamlError, read

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
"""What YAML 1.1 counts as the end of a line."""


@dataclass(frozen=True)
class Field:
    """A scalar of a row: offsets in the row's text of its key, and of its value's beginning and end."""

    key: int
    first: int
    last: int
    plain: bool
    """It is one scalar, and not a list or a mapping."""


@dataclass(frozen=True)
class Row:
    """One row: its id, its text with the comments directly above it and without the last line end, and its fields."""

    id: str
    text: str
    fields: Mapping[str, Field]
    flow: bool
    """Written as `{id: a, ...}`."""
    indent: int
    """Column of its keys."""


@dataclass(frozen=True)
class Rows:
    """A manifest's text: `head`, then each row followed by its part of `between` (line ends, blank lines)."""

    head: str
    rows: tuple[Row, ...]
    between: tuple[str, ...]
    line_end: str


def find_rows(text: str, file: str) -> Rows:
    """The rows in a manifest's text.

    Raises InputError: what `manifests.marked.read` finds, `ROWS_ELSEWHERE` where they lie in another file, `ROWS_FORM`
    where they are not written one after the other with `-`.
    """
    try:
        found = read(text, file)  # refuses anchors, tags and what nests too deeply
    except YamlError as error:
        raise InputError(error.problem) from error
    if found.problems:
        raise InputError(found.problems[0])
    compose = cast(Any, yaml.compose)  # pyright: ignore[reportUnknownMemberType]
    root: Any = compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    sequence = next((value for key, value in pairs if key.value == "rows"), None)
    if isinstance(sequence, yaml.MappingNode):
        message = "the rows lie in a file of their own"
        raise InputError(Problem("ROWS_ELSEWHERE", message, "order them there, or write them into the manifest", file))
    if not isinstance(sequence, yaml.SequenceNode) or sequence.flow_style or not sequence.value:
        raise _form(file, "the rows are not written one after the other", None)
    return _Finder(text, file, sequence).rows()


def scene_seconds(text: str, scene: str) -> tuple[int, int] | None:
    """Where in a manifest's text, that `find_rows` has read, `scenes: {scene: {seconds}}` stands; None: nowhere."""
    compose = cast(Any, yaml.compose)  # pyright: ignore[reportUnknownMemberType]
    node: Any = compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for name in ("scenes", scene, "seconds"):
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for key, value in pairs if key.value == name), None)
    if not isinstance(node, yaml.ScalarNode) or node.value.lower() in ("", "~", "null"):
        return None
    starts = [0, *(match.end() for match in _BREAK.finditer(text))]
    first, last = node.start_mark, node.end_mark
    return starts[first.line] + first.column, starts[last.line] + last.column


def _form(file: str, what: str, line: int | None) -> InputError:
    return InputError(
        Problem("ROWS_FORM", what, "write each row on lines of its own, beginning with - id:", file, line)
    )


class _Finder:
    def __init__(self, text: str, file: str, sequence: Any) -> None:
        self.text = text
        self.file = file
        self.nodes: list[Any] = sequence.value
        self.starts = [0, *(match.end() for match in _BREAK.finditer(text)), len(text)]
        self.end = self.starts[sequence.end_mark.line] if sequence.end_mark.column == 0 else len(text)

    def at(self, mark: Any) -> int:
        return self.starts[mark.line] + mark.column

    def rows(self) -> Rows:
        dashes = [self.dash(node) for node in self.nodes]
        begins = [self.starts[line] for line, _ in dashes]
        rows: list[Row] = []
        between: list[str] = []
        head, above = self.parted(0, begins[0], dashes[0][1])
        for number, node in enumerate(self.nodes):
            last = number + 1 == len(self.nodes)
            first, end = begins[number], self.end if last else begins[number + 1]
            stop = self.stop(first, end, dashes[number][1])
            gap, following = (self.text[stop:], 0) if last else self.parted(stop, end, dashes[number][1])
            rows.append(self.row(node, first - above, stop))
            between.append(gap)
            above = following
        line_end = "\r\n" if "\r\n" in self.text else "\n"
        return Rows(head, tuple(rows), tuple(between), line_end)

    def dash(self, node: Any) -> tuple[int, int]:
        """Line and column of the `-` before a row."""
        start = self.at(node.start_mark)
        before = self.text[:start].rstrip(" \t\r\n")
        if not isinstance(node, yaml.MappingNode) or not before.endswith("-"):
            raise _form(self.file, "a row is not written as - and its keys", node.start_mark.line + 1)
        line = len(_BREAK.findall(before))
        return line, len(before) - 1 - self.starts[line]

    def stop(self, first: int, end: int, column: int) -> int:
        """Where the text of a row that begins at `first` ends: before the line end of its last own line."""
        lines = [(match.start(), match.end()) for match in _BREAK.finditer(self.text, first, end)]
        if not lines or lines[-1][1] < end:
            lines.append((end, end))
        starts = [first, *(after for _, after in lines)]
        for start, (stop, _) in reversed(list(zip(starts, lines, strict=False))):
            written = self.text[start:stop]
            bare = written.strip()
            beside = bare.startswith("#") and len(written) - len(written.lstrip()) <= column
            if bare and not beside:
                return stop
        return end

    def parted(self, first: int, end: int, column: int) -> tuple[str, int]:
        """What lies between two rows, without the comments directly above the second; and how long those are."""
        text = self.text[first:end]
        lines = text.splitlines(keepends=True)
        above = 0
        # The first piece ends the line before it, or is the line of `rows:`.
        for line in reversed(lines[1:]):
            bare = line.strip()
            if not bare.startswith("#") or len(line) - len(line.lstrip()) > column:
                break
            above += len(line)
        return text[: len(text) - above], above

    def row(self, node: Any, first: int, stop: int) -> Row:
        fields = {
            key.value: Field(
                self.at(key.start_mark) - first,
                self.at(value.start_mark) - first,
                self.at(value.end_mark) - first,
                isinstance(value, yaml.ScalarNode),
            )
            for key, value in node.value
        }
        id_node = next((value for key, value in node.value if key.value == "id"), None)
        if not isinstance(id_node, yaml.ScalarNode):
            raise _form(self.file, "a row has no id", node.start_mark.line + 1)
        indent = node.value[0][0].start_mark.column
        return Row(str(id_node.value), self.text[first:stop], fields, bool(node.flow_style), indent)
