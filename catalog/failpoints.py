"""Places where a test may cut the power: SIGKILL at a named point, as a crash would be.

`DAILIES_FAILPOINT=publish.renamed:2` kills this process the second time it gets there. Without the variable a point
costs one dictionary look-up. Names are `what.where`; those of the publication order are listed in `PUBLICATION`.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

PUBLICATION = (
    "publish.hashed",
    "publish.journalled",
    "publish.renamed",
    "publish.settled",
    "publish.marking",
    "publish.done",
)

_visits: Counter[str] = Counter()


def reach(name: str) -> None:
    """Die here, without warning, if `DAILIES_FAILPOINT` names this point and this visit (the first by default)."""
    wanted = os.environ.get("DAILIES_FAILPOINT")
    if not wanted:
        return
    point, _, nth = wanted.partition(":")
    if point == name:
        _visits[name] += 1
        if _visits[name] == int(nth or 1):
            os.kill(os.getpid(), signal.SIGKILL)
