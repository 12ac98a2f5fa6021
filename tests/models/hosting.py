"""What the tests of the engine child share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
FACTORY = "tests.models.faulty_engine:Faulty"


def alive(pid: int) -> bool:
    """Until its last thread has ended: before that it cannot be collected."""
    try:
        return any(
            (thread / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
            for thread in Path(f"/proc/{pid}/task").iterdir()
        )
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int, within: float = 10.0) -> bool:
    until = time.monotonic() + within
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(pid)


def numbered(count: int) -> Iterator[np.ndarray]:
    return (np.full((36, 64, 3), n, np.uint8) for n in range(count))
