"""Names for rows: short, sortable by time, readable aloud: `r261121-072433-7kq2m4a` is a run of 21 November 2026."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Literal

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u

Letter = Literal["r", "b", "x", "d", "w", "g", "n"]
"""run, batch, execution, delivery, worker, grant, notice"""


_CHANCE: dict[str, int] = {"x": 8, "d": 8}
"""Letters of chance, five bits each; elsewhere five. Executions and deliveries are named by the ten thousand, hundreds
in one millisecond: of twenty such runs 25 bits fail one, 40 one of a million."""


def new_id(letter: Letter) -> str:
    """A fresh name: letter, UTC date, time, two digits of milliseconds, then chance."""
    now = datetime.now(UTC)
    millisecond = now.microsecond // 1000
    order = _ALPHABET[millisecond // 32] + _ALPHABET[millisecond % 32]
    letters = _CHANCE.get(letter, 5)
    bits = secrets.randbits(5 * letters)
    chance = "".join(_ALPHABET[bits >> 5 * place & 31] for place in range(letters))
    return f"{letter}{now:%y%m%d-%H%M%S}-{order}{chance}"


def shot_id(run_id: str, position: int) -> str:
    """A shot is its run and its place in it, from 1: `r261121-072433-7kq2m4a.00012`."""
    return f"{run_id}.{position:05d}"
