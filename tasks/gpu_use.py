"""How a stage used its card, looked at once a second while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol

from tasks.card import CardLost, Sample

EVERY_SECONDS = 1.0
PATIENCE_SECONDS = 2.0
"""A driver that hangs shall not keep a stage that is over; whoever looks ends with the process."""
POINTS = 120
"""A series that grows so long is halved: two neighbours become one, and from then on a point stands for twice as many
samples. Even."""

log = logging.getLogger("dailies.card")


class Watched(Protocol):
    """What of a card is asked (tasks/card.py: Card)."""

    uuid: str
    name: str
    memory_bytes: int

    def sample(self) -> Sample:
        """How it is now. Raises CardLost."""
        ...


CardOf = Callable[[str], Watched | None]
"""The card of a device as torch names it; None where there is none, or none that tells."""


class Series:
    """Samples at even distances, fewer than POINTS however many came; means and peaks are of all that came."""

    def __init__(self, every_seconds: float) -> None:
        self.every_seconds = every_seconds
        self.points: list[Sample] = []
        self._each = 1
        """How many samples a point stands for."""
        self._some: list[Sample] = []
        self._busy, self._busy_count, self._busy_peak = 0.0, 0, 0.0
        self._memory, self._count, self._memory_peak = 0, 0, 0

    def add(self, sample: Sample) -> None:
        """One more."""
        if sample.busy is not None:
            self._busy += sample.busy
            self._busy_count += 1
            self._busy_peak = max(self._busy_peak, sample.busy)
        self._memory += sample.memory_bytes
        self._count += 1
        self._memory_peak = max(self._memory_peak, sample.memory_bytes)
        self._some.append(sample)
        if len(self._some) == self._each:
            self.points.append(_together(self._some))
            self._some = []
        if len(self.points) == POINTS:
            self.points = [_together(self.points[n : n + 2]) for n in range(0, POINTS, 2)]
            self._each *= 2
            self.every_seconds *= 2

    def record(self) -> Mapping[str, Any]:
        """For the catalog: shares of 1 and bytes; what the card does not tell is None."""
        if not self._count:
            return {}
        busy = [None if one.busy is None else round(one.busy, 2) for one in self.points]
        told = self._busy_count > 0
        return {
            "every_seconds": self.every_seconds,
            "samples": self._count,
            "busy": busy if told else None,
            "busy_mean": round(self._busy / self._busy_count, 4) if told else None,
            "busy_peak": self._busy_peak if told else None,
            "memory_bytes": [one.memory_bytes for one in self.points],
            "memory_mean_bytes": self._memory // self._count,
            "memory_peak_bytes": self._memory_peak,
        }


def _together(some: list[Sample]) -> Sample:
    """One for several: busy on average, memory at most."""
    busy = [one.busy for one in some if one.busy is not None]
    return Sample(sum(busy) / len(busy) if busy else None, max(one.memory_bytes for one in some))


class GpuUse:
    """A context: while it is open a thread looks at the card. Without a card nothing is looked at."""

    def __init__(self, card: Watched | None, every_seconds: float = 0.0) -> None:
        every_seconds = every_seconds or EVERY_SECONDS
        self._card = card
        self._series = Series(every_seconds)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(every_seconds,), name="gpu use", daemon=True)

    @property
    def ran(self) -> Mapping[str, Any]:
        """What to write down of it: `{"gpu": ...}`, or nothing where nothing was seen."""
        with self._lock:
            found = self._series.record()
        if self._card is None or not found:
            return {}
        return {"gpu": {"card": self._card.name, "memory_total_bytes": self._card.memory_bytes, **found}}

    def __enter__(self) -> GpuUse:
        if self._card is not None:
            self._look()  # a stage of less than a second was seen too
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._card is not None:
            self._thread.join(PATIENCE_SECONDS)

    def _watch(self, every_seconds: float) -> None:
        while not self._over.wait(every_seconds) and self._look():
            pass

    def _look(self) -> bool:
        """Add a sample; False where there will be no more. Never an error: the stage itself tells what is wrong."""
        assert self._card is not None
        try:
            sample = self._card.sample()
        except CardLost as lost:
            log.warning("the card cannot be looked at any more: %s", lost)
            return False
        except Exception:  # an odd driver shall not fail a stage that works
            log.exception("the card cannot be looked at")
            return False
        with self._lock:
            self._series.add(sample)
        return True
