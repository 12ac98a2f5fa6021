"""Waiting for a database or a store that is away: again and again, less and less often, up to a limit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from catalog.errors import StoreUnavailable

T = TypeVar("T")
Told = Callable[[StoreUnavailable, float], None]
"""Hears of every failed try: why, and how many seconds have passed since the first."""

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


def patiently(call: Callable[[], T], *, seconds: float, told: Told | None = None) -> T:
    """`call()`, repeated while it raises StoreUnavailable, for up to `seconds`; then that is raised.

    Pauses double from 0.2 s to 5 s, each shortened by chance to as little as half, so that a hundred workers do not
    come back in the same moment. Only for calls that may be repeated (the ledger's say so).
    """
    began, pause = time.monotonic(), FIRST_PAUSE_SECONDS
    while True:
        try:
            return call()
        except StoreUnavailable as error:
            passed = time.monotonic() - began
            if passed >= seconds:
                raise
            if told is not None:
                told(error, passed)
            time.sleep(min(pause * random.uniform(0.5, 1.0), seconds - passed))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
