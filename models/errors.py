"""What an engine may raise. Whether to retry is decided by these types, once, in `tasks/errors.py`."""

from __future__ import annotations

from typing import Literal

Blames = Literal["shot", "worker"]


class EngineError(RuntimeError):
    """An engine could not do its stage; the shot fails and the evidence is kept.

    `code` is stable and for machines; `remedy` says what a person can do; `evidence` is the tail of a log or the
    arguments that led here.
    """

    code = "ENGINE_FAILED"
    blames: Blames = "worker"
    """What it is evidence against: `shot` where any worker would come to the same."""

    def __init__(self, message: str, *, remedy: str = "", evidence: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.evidence = evidence
        if code is not None:
            self.code = code


class EngineMissing(EngineError, LookupError):
    """The engine, its library or its weights are not on this machine."""

    code = "ENGINE_MISSING"


class OutOfMemory(EngineError, MemoryError):
    """The device has no room for this step: step down the ladder, then try again."""

    code = "OUT_OF_MEMORY"


class DeviceLost(EngineError, ConnectionError):
    """The engine child died, hung or lost its device: nothing is wrong with the shot itself."""

    code = "DEVICE_LOST"


class Killed(DeviceLost):
    """The engine child was killed from outside, not by its own fault and not for want of memory: try again."""

    code = "ENGINE_KILLED"
