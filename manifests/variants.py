"""A matrix of settings makes several shots of one item."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from manifests.keys import OPEN, ask_keys, path_of

UNVARIED = frozenset(
    {
        *("source", "title", "tags", "deliver", "scene", "transition", "sound"),
        *("shot", "panel", "dialogue", "action", "notes"),
        *OPEN,
    }
)
"""Keys that belong to the item, not to one of its shots."""


def variable(key: str) -> bool:
    """True for a key that variants may set."""
    return key in ask_keys() and key.partition(".")[0] not in UNVARIED


def variables() -> list[str]:
    """Every key that variants may set."""
    return [key for key in ask_keys() if variable(key)]


def combinations(matrix: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every combination as (name, layer), the last key changing fastest; one empty combination for an empty matrix.

    The name tells the settings, `seed=2,move=orbit`: by a key's last part where that is clear, else the whole key.
    """
    ends = [key.rpartition(".")[2] for key in matrix]
    names = [end if ends.count(end) == 1 else key for key, end in zip(matrix, ends, strict=True)]
    for values in itertools.product(*matrix.values()):
        layer: dict[str, Any] = {}
        for key, value in zip(matrix, values, strict=True):
            *parents, last = path_of(key)
            below = layer
            for parent in parents:
                below = below.setdefault(parent, {})
            below[last] = value
        yield ",".join(f"{name}={_told(value)}" for name, value in zip(names, values, strict=True)), layer


def _told(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=("+", ":")).strip("[]")
