"""An engine that fails in every way an engine can; `tests/models/test_host.py` runs it in a child."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import time
from collections.abc import Iterator

import numpy as np

from models.errors import EngineError, EngineMissing, OutOfMemory


class Faulty:
    def __init__(self, add: int = 0, missing: bool = False) -> None:
        if missing:
            raise EngineMissing("faulty: no weights", remedy="put them there", code="WEIGHTS_MISSING")
        self.add = add

    def pid(self) -> int:
        return os.getpid()

    def plus(self, frame: np.ndarray) -> np.ndarray:
        return frame + np.uint8(self.add)

    def each(self, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        return map(self.plus, frames)

    def twice(self, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for frame in frames:
            yield frame
            yield frame

    def fails_at_third(self, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for n, frame in enumerate(frames):
            if n == 2:
                raise OutOfMemory("third frame is too much", remedy="smaller tile")
            yield frame

    def echo(self, *values: object) -> object:
        return values

    def segfault(self) -> None:
        print("about to fall", file=sys.stderr, flush=True)
        ctypes.string_at(0)

    def killed(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def sleep(self, seconds: float) -> str:
        time.sleep(seconds)
        return "awake"

    def prints_progress(self) -> None:
        for share in (25, 75):
            print(f"{share:.2f}%", file=sys.stderr, flush=True)
            time.sleep(0.5)

    def stuck_holding_interpreter(self) -> None:
        ctypes.PyDLL(None).sleep(60)

    def busy_holding_interpreter(self, length: int) -> bool:
        return re.match(r"(a+)+$", "a" * length + "b") is not None

    def raises(self, kind: str) -> None:
        errors = {
            "engine": EngineError("no", remedy="do this", evidence="log", code="SPECIAL"),
            "memory": MemoryError("no room"),
            "value": ValueError("not so"),
        }
        raise errors[kind]
