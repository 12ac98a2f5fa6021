"""An engine that fails in every way an engine can; `tests/models/test_host.py` runs it in a child."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

from models.errors import EngineError, EngineMissing, OutOfMemory
from models.host import Progress


class AcceleratorError(RuntimeError):
    """Looks like torch's."""


class OutOfMemoryError(RuntimeError):
    """Looks like torch's."""


class Demanding(EngineError):
    """Cannot be made again from what pickle keeps, and holds what pickle refuses."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}", remedy="ask less", code="DEMANDING")
        self.held = lambda: None


class Faulty:
    def __init__(self, add: int = 0, missing: bool = False, lost: bool = False) -> None:
        if lost:
            raise AcceleratorError("CUDA error: all CUDA-capable devices are busy or unavailable")
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
            "demanding": Demanding("too", "much"),
            "no_room": OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
            "no_room_late": AcceleratorError("CUDA error: out of memory"),
            "assert": AcceleratorError(
                "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported"
            ),
        }
        print("index out of bounds", file=sys.stderr, flush=True)
        raise errors[kind]

    def wraps_a_lost_device(self) -> None:
        try:
            self.raises("assert")
        except AcceleratorError as error:
            raise EngineError("the clip could not be made") from error

    def lost_at_third(self, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for n, frame in enumerate(frames):
            if n == 2:
                self.raises("assert")
            yield frame

    def exits(self, how: str) -> None:
        os._exit(3) if how == "at once" else sys.exit("enough")

    def gives_what_cannot_cross(self) -> object:
        return lambda: None

    def chatters(self) -> str:
        print("noise " * 1000, flush=True)
        subprocess.run(["/bin/echo", "noise from below"], check=True)
        return sys.stdin.read() + "answered"

    def steps(self, count: int, seconds: float = 0.0, progress: Progress = lambda done, total: None) -> str:
        for n in range(count):
            time.sleep(seconds)
            progress(n + 1, count)
        return "stepped"

    def steps_then_hangs(self, progress: Progress) -> None:
        self.steps(3, 0.2, progress)
        time.sleep(60)

    def steps_by_frame(
        self, frames: Iterator[np.ndarray], seconds: float, times: int, progress: Progress
    ) -> Iterator[np.ndarray]:
        for n, frame in enumerate(frames):
            time.sleep(seconds)
            for _ in range(times):
                progress(n + 1, 1000)
            yield frame
