"""Guessing tokens is slow: so many wrong ones from one address, then a pause."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque

from dashboard.errors import Refused

TRIES = 5
SECONDS = 60.0
_ADDRESSES = 10_000


class LoginRate:
    """Wrong tokens by address, the last minute's; the addresses heard of longest ago are forgotten first."""

    def __init__(self, tries: int = TRIES, seconds: float = SECONDS) -> None:
        self._tries, self._seconds = tries, seconds
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, address: str) -> None:
        """Raises Refused (`SLOW_DOWN`, 429) where too many were wrong."""
        with self._lock:
            wrong = self._recent(address)
            if len(wrong) >= self._tries:
                wait = self._seconds - (time.monotonic() - wrong[0])
                raise Refused("SLOW_DOWN", "too many wrong tokens", f"try again in {max(1, round(wait))} s", 429)

    def failed(self, address: str) -> None:
        """One more was wrong."""
        with self._lock:
            wrong = self._recent(address)
            wrong.append(time.monotonic())
            self._wrong[address] = wrong
            self._wrong.move_to_end(address)
            while len(self._wrong) > _ADDRESSES:
                self._wrong.popitem(last=False)

    def _recent(self, address: str) -> deque[float]:
        wrong = self._wrong.get(address, deque[float]())
        while wrong and wrong[0] < time.monotonic() - self._seconds:
            wrong.popleft()
        return wrong
