"""How many shots a step works together: as many as it gets through in a quarter second, so that none waits for others.

What is worked together is begun together and, where its worker dies, lost together. A step that takes longer than that
for one shot works one at a time from the next on, and a shot that died before is worked alone.
"""

from __future__ import annotations

import time

TOGETHER_SECONDS = 0.25
"""What is this close together is written down together."""
MOST = 16


class Pace:
    """Of one step of one batch."""

    def __init__(self) -> None:
        self.shots = 1
        """How many to take next."""

    def took(self, shots: int, seconds: float) -> None:
        """So many shots were made in so long; the next handful is twice that at most. What stood teaches nothing."""
        if not shots:
            return
        fit = int(TOGETHER_SECONDS * shots / seconds) if seconds > 0 else MOST
        self.shots = max(1, min(fit, 2 * shots, MOST))


class Together:
    """A quarter second that begins now: what is made in it is published together, and nothing made waits longer."""

    def __init__(self) -> None:
        self._until = time.monotonic() + TOGETHER_SECONDS

    @property
    def over(self) -> bool:
        """Whether it is time to publish."""
        return time.monotonic() >= self._until
