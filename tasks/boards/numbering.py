"""Names of shots in steps of ten, so that a board drawn later finds a number between its neighbours."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Sequence

STEP = 10
"""Between the numbers of two shots: there is room for others."""
_NAME = re.compile(r"(?P<sequence>[A-Za-z0-9_-]{1,40})_SH(?P<number>[0-9]{4,})[A-Za-z0-9]*")


def sequence_name(place: int) -> str:
    """`SQ010` for the first scene (place 1), `SQ020` for the second."""
    return f"SQ{place * STEP:03d}"


def next_sequence(taken: set[str]) -> str:
    """The sequence after all in `taken`: existing ones keep theirs, wherever a new scene was put."""
    numbers = [int(name[2:]) for name in taken if re.fullmatch(r"SQ\d{3,6}", name)]
    return sequence_name(max(numbers, default=0) // STEP + 1)


def shot_names(sequence: str, items: Sequence[str]) -> list[str]:
    """`SQ010_SH0010`, `SQ010_SH0020` ...: rows that are called so keep their names, others take what is free."""
    taken = {item for item in items if _number(sequence, item) is not None}
    names: list[str] = []
    number = 0
    for item in items:
        if (own := _number(sequence, item)) is not None:
            names.append(item)
            number = own // STEP * STEP
            continue
        number += STEP
        while (name := _shot(sequence, number)) in taken:
            number += STEP
        taken.add(name)
        names.append(name)
    return names


def free_name(sequence: str, before: str | None, after: str | None, taken: set[str]) -> str:
    """A shot's name that nobody has, between the names of its neighbours; None where there is no neighbour.

    At the end it is the next full ten; between two numbers, the middle, or the free one nearest to it; where none is
    free, the number before and a letter. `taken` holds every name ever given.
    """
    low = _number(sequence, before) or 0
    high = _number(sequence, after)
    if high is None:
        last = max([low, *(number for name in taken if (number := _number(sequence, name)) is not None)])
        return _shot(sequence, (last // STEP + 1) * STEP)
    if low < high:
        middle = (low + high) // 2
        between = sorted(range(low + 1, high), key=lambda number: (abs(number - middle), number))
        for number in between:
            if (name := _shot(sequence, number)) not in taken:
                return name
    return _lettered(_shot(sequence, low), taken)


def _lettered(name: str, taken: set[str]) -> str:
    for size in range(1, 5):
        for letters in itertools.product(string.ascii_uppercase, repeat=size):
            if (found := name + "".join(letters)) not in taken:
                return found
    raise AssertionError("half a million boards in one gap")


def _shot(sequence: str, number: int) -> str:
    return f"{sequence}_SH{number:04d}"


def _number(sequence: str, name: str | None) -> int | None:
    found = _NAME.fullmatch(name) if name else None
    return int(found["number"]) if found and found["sequence"] == sequence else None
