"""Single values changed in a row's or a scene's text; comments, quotes and line breaks around them stay."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from manifests.marked import Marked, read
from tasks.boards.record import SceneRecord
from tasks.boards.row import FROM_NOTES, ORDER, as_block, is_plain
from tasks.boards.sheet import is_idle


def edit_row(body: str, indent: int, changes: Mapping[str, Any], comment: str) -> str:
    """The lines of a row with some of its keys set, or taken out where the value is None.

    `indent`: the column of its dash. `comment` goes behind `motion`, unless a person wrote another one there.
    """
    yaml, tree = _loaded("rows:\n" + body, sequence=_key_column(body) or indent + 2, offset=indent)
    row = cast(CommentedMap, cast(Any, tree)["rows"][0])
    for key, value in changes.items():
        if value is None:
            row.pop(key, None)
        else:
            row[key] = _node(value)
    if changes.get("motion") is not None and comment:
        _note(row, comment, _key_column(body) or indent + 2)
    after = _dumped(yaml, tree).removeprefix("rows:\n")
    if body.lstrip(" -\n").startswith("{"):
        return after
    return _spliced(body, after, changes)


def edit_scenes(text: str, block: tuple[int, int], changes: Mapping[str, SceneRecord | None]) -> str:
    """The manifest's text with scenes set below `scenes:`, or taken out where None; only their changed keys change.

    `block`: the first line of `scenes:` and the one after its last, from 0.
    """
    lines = text.split("\n")
    start, end = block
    while end > start + 1 and is_idle(lines[end - 1]):
        end -= 1
    own = "\n".join(lines[start:end]) + "\n"
    nested = next((len(line) - len(line.lstrip()) for line in lines[start + 1 : end] if not is_idle(line)), 2)
    yaml, tree = _loaded(own, mapping=nested or 2)
    scenes = cast(CommentedMap, cast(Any, tree)["scenes"])
    for slug, scene in changes.items():
        if scene is None:
            scenes.pop(slug, None)
            continue
        there = scenes.get(slug)
        if not isinstance(there, CommentedMap):
            there = scenes[slug] = CommentedMap()
        rate = float(scene.rate) if "." in scene.rate else int(scene.rate)
        for key, value in (("title", _node(scene.title)), ("sequence", _node(scene.sequence)), ("rate", rate)):
            if there.get(key) != value:
                there[key] = value
    return "\n".join([*lines[:start], _dumped(yaml, tree).removesuffix("\n"), *lines[end:]])


def _loaded(text: str, mapping: int = 2, sequence: int = 4, offset: int = 2) -> tuple[YAML, object]:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000  # or it would fold what people wrote on one line
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    return yaml, cast(Any, yaml).load(text)


def _dumped(yaml: YAML, tree: object) -> str:
    file = io.StringIO()
    cast(Any, yaml).dump(tree, file)
    return file.getvalue()


def _node(value: object) -> object:
    """The value as it is written by an import: in quotes where it could be read as anything else."""
    if isinstance(value, dict):
        flow = CommentedMap({key: _node(one) for key, one in cast("dict[str, object]", value).items()})
        cast(Any, flow).fa.set_flow_style()
        return flow
    if isinstance(value, str):
        if as_block(value):
            return LiteralScalarString(value)
        return value if is_plain(value) else DoubleQuotedScalarString(value)
    return value


def _note(row: CommentedMap, comment: str, column: int) -> None:
    """Put the comment behind `motion`, three spaces off, unless another stands there."""
    tokens = cast(Any, row).ca.items.get("motion")
    token = tokens[2] if tokens else None
    pairs = ", ".join(f"{key}: {value}" for key, value in cast("dict[str, Any]", row["motion"]).items())
    at = column + len("motion: {}") + len(pairs) + 3
    if token is None:
        cast(Any, row).yaml_add_eol_comment(comment, "motion", column=at)
    elif token.value.lstrip("# ").startswith(FROM_NOTES):
        token.value = f"# {comment}\n{token.value.partition(chr(10))[2]}"
        token.column = at


def _spliced(before: str, after: str, changes: Mapping[str, Any]) -> str:
    """`before`, with the lines of the changed keys as they are in `after`."""
    old, new = _parts(before), _parts(after)
    first = next(iter(old), "")
    if first in changes and changes[first] is None:
        return after  # its line carries the row's dash
    for key, value in changes.items():
        if value is None:
            if key in old:
                old = _without(old, key)
        elif key in old:
            old[key] = (new[key][0], old[key][1])
        else:
            old = _with(old, key, new[key][0])
    return "".join(line for value, idle in old.values() for line in (*value, *idle))


_Parts = dict[str, tuple[Sequence[str], Sequence[str]]]
"""Of each key, in their order: its lines, and the empty lines and comments between it and the next."""


def _parts(body: str) -> _Parts:
    rows = cast("dict[str, Any]", read("rows:\n" + body, "").value)["rows"]
    starts = sorted((line - 2, key) for key, line in cast(Marked, rows[0]).lines.items())
    lines = body.splitlines(keepends=True)
    column = _key_column(body)
    parts: _Parts = {}
    for n, (start, key) in enumerate(starts):
        end = starts[n + 1][0] if n + 1 < len(starts) else len(lines)
        start = 0 if n == 0 else start
        stop = end
        while stop > start + 1 and is_idle(lines[stop - 1]) and _within(lines[stop - 1], column):
            stop -= 1
        parts[key] = (lines[start:stop], lines[stop:end])
    return parts


def _within(line: str, column: int) -> bool:
    return not line.strip() or len(line) - len(line.lstrip()) <= column


def _with(parts: _Parts, key: str, lines: Sequence[str]) -> _Parts:
    """A key set in behind the last of those that an import writes before it."""
    ahead = {"id", *ORDER[: ORDER.index(key)]} if key in ORDER else set(parts)
    behind = next((name for name in reversed(parts) if name in ahead), next(iter(parts)))
    out: _Parts = {}
    for name, (value, idle) in parts.items():
        out[name] = (value, idle)
        if name == behind:
            out[name], out[key] = (value, []), (lines, idle)
    return out


def _without(parts: _Parts, key: str) -> _Parts:
    """A key left out; the comments below it stay."""
    out: _Parts = {}
    last = ""
    for name, (value, idle) in parts.items():
        if name == key:
            out[last] = (out[last][0], [*out[last][1], *idle])
        else:
            out[name] = (value, idle)
            last = name
    return out


def _key_column(body: str) -> int:
    """The column of a row's keys."""
    for line in body.split("\n"):
        if found := re.match(r" *(?:- +)?(?=[^\s#-])", line):
            return found.end()
    return 0
