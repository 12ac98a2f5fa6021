"""YAML as plain data that knows its lines: a safe subset, read from the parser's events.

Read from events and not through PyYAML's constructors for three reasons: aliases and tags are refused before anything
is built, duplicate keys are seen, and ten thousand rows take half a second. Plain scalars follow YAML 1.2: `no`, `off`,
`12:30`, `007` and dates stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from manifests.errors import Problem

DEEPEST = 12
"""Levels of mappings and lists a manifest may nest."""
MOST_NODES = 5_000_000

TEXT_KEYS = frozenset(
    {"id", "title", "shot", "panel", "dialogue", "action", "notes", "prompt", "name", "path", "source", "tags"}
)
"""Keys whose plain scalars stay as written: an id of 1.50 is not 1.5."""

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_COLOR_COMMENT = re.compile(r"[\[,:]\s+#[0-9a-fA-F]{3}|\[#")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")


class Marked(dict[str, Any]):
    """A mapping that knows the line it starts on and the line of each key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class MarkedList(list[Any]):
    """A list that knows the line of each element, and by its index what was wrong inside one."""

    __slots__ = ("faults", "line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []
        self.faults: dict[int, tuple[Problem, ...]] = {}


class YamlError(ValueError):
    """The text is not YAML we read; nothing of it can be used."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass
class Document:
    """What a text said, and what was wrong that need not stop the reading (duplicate keys)."""

    value: Any
    problems: list[Problem] = field(default_factory=list[Problem])


def read(text: str, file: str) -> Document:
    """The text's one document; a `value` of None where it is empty.

    Raises:
        YamlError: not YAML (`YAML_BROKEN`), an alias or anchor (`YAML_ALIAS`), a tag (`YAML_TAG`), nested deeper than
            `DEEPEST` or larger than `MOST_NODES` (`YAML_TOO_DEEP`, `TOO_LARGE`), more than one document.
    """
    parse = cast(Any, yaml.parse)  # pyright: ignore[reportUnknownMemberType]
    events: Iterator[yaml.Event] = parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        return _Builder(events, file).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise YamlError(_broken(str(error.problem or error.context), line, text, file)) from error
    except UnicodeEncodeError as error:
        raise YamlError(_broken("half a character pair", None, text, file)) from error
    except yaml.YAMLError as error:  # a character YAML does not allow
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise YamlError(_broken(str(error).split("\n")[0], line, text, file)) from error


def _broken(what: str, line: int | None, text: str, file: str) -> Problem:
    lines = text.split("\n")
    until = lines[: line or len(lines)]
    comment = next((n for n, written in enumerate(until, 1) if _COLOR_COMMENT.search(written)), None)
    if comment:
        line, remedy = comment, 'put colours in quotes: "#ff0000"; a bare # starts a comment'
    elif until and re.match(r" *\t", until[-1]):
        remedy = "indent with spaces, not tabs"
    else:
        remedy = "mend the line; text with : or # in it goes in quotes"
    return Problem("YAML_BROKEN", f"this is no YAML: {what}", remedy, file, line)


class _Builder:
    def __init__(self, events: Iterator[yaml.Event], file: str) -> None:
        self.events = events
        self.file = file
        self.problems: list[Problem] = []
        self.nodes = 0

    def stop(self, code: str, message: str, remedy: str, line: int) -> YamlError:
        return YamlError(Problem(code, message, remedy, self.file, line))

    def document(self) -> Document:
        root: Any = None
        found = False
        for event in self.events:
            if not isinstance(event, yaml.NodeEvent):
                continue
            if found:
                line = event.start_mark.line + 1
                raise self.stop("YAML_BROKEN", "a second document starts here", "one manifest per file", line)
            root, found = self.value(event, "", 0), True
        return Document(root, self.problems)

    def value(self, event: yaml.Event, key: str, depth: int) -> Any:
        """The value this event starts; recursion is bounded by `DEEPEST`."""
        line = event.start_mark.line + 1
        self.refuse(event, line, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items = MarkedList(line)
            while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
                items.lines.append(event.start_mark.line + 1)
                before = len(self.problems)
                items.append(self.value(event, key, depth + 1))
                if len(self.problems) > before:
                    items.faults[len(items) - 1] = tuple(self.problems[before:])
            return items
        if isinstance(event, yaml.MappingStartEvent):
            mapping = Marked(line)
            while not isinstance(event := next(self.events), yaml.MappingEndEvent):
                self.pair(mapping, event, depth)
            return mapping
        assert isinstance(event, yaml.ScalarEvent)
        if "\0" in event.value:  # no database keeps one, and no path has one
            self.problems.append(Problem("BAD_ENCODING", "a NUL character", "leave it out", self.file, line))
            return event.value.replace("\0", "")
        return scalar(event.value, as_text=key in TEXT_KEYS) if event.implicit[0] else event.value

    def pair(self, mapping: Marked, event: yaml.Event, depth: int) -> None:
        line = event.start_mark.line + 1
        self.refuse(event, line, depth)
        if not isinstance(event, yaml.ScalarEvent):
            raise self.stop("YAML_BROKEN", "a key is plain text here", "write key: value", line)
        if "\0" in event.value:
            raise self.stop("BAD_ENCODING", "a key with a NUL character", "leave it out", line)
        name = event.value
        value = self.value(next(self.events), name, depth + 1)
        if name in mapping:
            first = mapping.lines[name]
            message = f"the key '{name}' is here and in line {first}"
            self.problems.append(Problem("DUPLICATE_KEY", message, "keep one of the two", self.file, line))
            return
        mapping[name] = value
        mapping.lines[name] = line

    def refuse(self, event: yaml.Event, line: int, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise self.stop("TOO_LARGE", f"more than {MOST_NODES} values", "put the rows in a CSV file", line)
        if depth > DEEPEST:
            raise self.stop("YAML_TOO_DEEP", f"nested deeper than {DEEPEST} levels", "a manifest needs four", line)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            remedy = "write it out; shared settings belong in defaults: or profiles:"
            raise self.stop("YAML_ALIAS", "anchors (&) and aliases (*) are not read", remedy, line)
        tag = getattr(event, "tag", None)
        if tag and tag != "!":
            raise self.stop("YAML_TAG", f"tags are not read: {tag}", "write the plain value", line)


def scalar(text: str, *, as_text: bool = False) -> object:
    """What a plain scalar means: a number, true, false, null, or text; with `as_text` only null and text."""
    word = text.lower()
    if word in ("", "~", "null"):
        return None
    if as_text:
        return text
    if word in ("true", "false"):
        return word == "true"
    if _INT.fullmatch(text) and len(text) < 40:
        return int(text)
    if _FLOAT.fullmatch(text) and not _LEADING_ZERO.match(text):
        return float(text)
    return text
