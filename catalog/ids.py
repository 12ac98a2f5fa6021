"""Names for rows: short, sortable by time, readable aloud: `r261121-072433-7kq2m4` is a run of 21 November 2026."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Literal

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u

Letter = Literal["r", "b", "x", "d", "w", "g"]
"""run, batch, execution, delivery, worker, grant"""


def new_id(letter: Letter) -> str:
    """A fresh name: letter, UTC date, time, two digits of milliseconds, five of chance (1 in 33 million per ms)."""
    now = datetime.now(UTC)
    millisecond = now.microsecond // 1000
    order = _ALPHABET[millisecond // 32] + _ALPHABET[millisecond % 32]
    bits = secrets.randbits(25)
    chance = "".join(_ALPHABET[bits >> shift & 31] for shift in (20, 15, 10, 5, 0))
    return f"{letter}{now:%y%m%d-%H%M%S}-{order}{chance}"


def shot_id(run_id: str, position: int) -> str:
    """A shot is its run and its place in it, from 1: `r261121-072433-7kq2m4.00012`."""
    return f"{run_id}.{position:05d}"
