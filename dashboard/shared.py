"""What pages read from the catalog, read once for all who look at the same thing at the same time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from dashboard.live import Live

T = TypeVar("T")

ALONE_SECONDS = 1.0
"""How old an answer may be while nobody watches for changes."""
WATCHED_SECONDS = 5.0
"""And while the version it was read at still holds: some facts age though nothing is written, such as silences."""
_KEPT = 256


class Shared:
    """Answers by what was asked. Whoever asks while another one reads waits for that answer. Safe for many threads."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._reading: WeakValueDictionary[Hashable, threading.Lock] = WeakValueDictionary()
        """Turns; each is kept by those who wait for it, and by nobody after them."""
        self._answers: OrderedDict[Hashable, tuple[str, float, Any]] = OrderedDict()

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """What `read` returned for `key`, not long ago; errors are raised to whoever asked and are not kept."""
        with self._lock:
            turn = self._reading.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                known = self._answers.get(key)
            if known is not None and self._fresh(*known[:2]):
                return known[2]
            version = self._live.version
            answer = read()
            with self._lock:
                self._answers[key] = (version, time.monotonic(), answer)
                self._answers.move_to_end(key)
                while len(self._answers) > _KEPT:
                    self._answers.popitem(last=False)
            return answer

    def forget(self) -> None:
        """Somebody did something: whoever asks next reads again."""
        with self._lock:
            self._answers.clear()

    def _fresh(self, version: str, at: float) -> bool:
        age = time.monotonic() - at
        if self._live.watching and self._live.version == version:
            return age < WATCHED_SECONDS
        return not self._live.watching and age < ALONE_SECONDS
