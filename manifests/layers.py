"""Layers of an ask, lowest first: built-in, header defaults, profile, row, overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from manifests.faults import Path, Place
from manifests.marked import Marked, MarkedList
from manifests.source import spelled_out

Values = Mapping[str, Any]

WHOLE = frozenset({"variants"})
"""Mappings a higher layer replaces instead of adding to."""


@dataclass(frozen=True)
class Layer:
    """What one place says, with where it says it."""

    values: Values
    file: str = ""
    item: str = ""


def overlaid(lower: Values, upper: Values) -> dict[str, Any]:
    """`upper` over `lower`, neither changed: mappings merge key by key, lists are replaced, null says nothing.

    `seconds` and `frames` answer one question, so the upper layer's one displaces the lower layer's other.
    """
    result = dict(lower)
    if upper.get("seconds") is not None:
        result.pop("frames", None)
    if upper.get("frames") is not None:
        result.pop("seconds", None)
    for key, value in upper.items():
        if value is None:
            continue
        if key == "source":
            value = spelled_out(value)
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and key not in WHOLE:
            value = overlaid(cast(Values, below), cast(Values, value))
        elif isinstance(value, Mapping) and key != "meta":
            value = overlaid({}, cast(Values, value))
        result[key] = value
    return result


def place_of(path: Path, layers: Sequence[Layer], home: Layer) -> Place:
    """Where the value at `path` was written: the highest layer that has all of it, else most of it, else `home`.

    `layers` rise; `home` is where a missing key would be written.
    """
    best, depth = home, 0
    for layer in reversed(layers):
        reached = _reach(path, layer.values)
        if reached > depth:
            best, depth = layer, reached
    return Place(best.file, _line(path, best.values), best.item)


def _reach(path: Path, value: object) -> int:
    for depth, step in enumerate(path):
        if not _has(value, step):
            return depth
        value = cast(Any, value)[step]
    return len(path)


def _has(value: object, step: str | int) -> bool:
    if isinstance(value, Mapping):
        return step in cast("Mapping[object, object]", value)
    return isinstance(value, list) and isinstance(step, int) and step < len(cast("list[object]", value))


def _line(path: Path, value: object) -> int | None:
    line: int | None = getattr(value, "line", None)
    for step in path:
        if not _has(value, step):
            break
        if isinstance(value, Marked):
            line = value.lines.get(str(step), line)
        elif isinstance(value, MarkedList) and isinstance(step, int):
            line = value.lines[step] if step < len(value.lines) else line
        value = cast(Any, value)[step]
    return line
