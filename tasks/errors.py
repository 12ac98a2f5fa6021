"""Errors are decided once, by type: what becomes of the shot, whose fault it is, and what a person should do."""

from __future__ import annotations

import errno
import signal
from dataclasses import dataclass
from typing import Literal

from catalog.errors import CatalogError, Damaged, StaleClaim, StoreUnavailable
from manifests.errors import InputError
from models.errors import Blames, DeviceLost, EngineError, Killed, OutOfMemory

Action = Literal["quarantine", "retry", "again", "wait", "step_down", "drop", "fail"]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_AWAY = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNRESET}
_FREE_SPACE = "free some space (see `dailies doctor`, `dailies gc`), then resume"


class Cancelled(Exception):
    """A person asked the run to stop; the shot in flight goes back to `waiting`, unharmed."""

    code = "CANCELLED"


@dataclass(frozen=True)
class Verdict:
    """`action` for the worker; `code`, `message` and `remedy` for the catalog and for people.

    `blames`: what a shot that fails by it is evidence against. Where that is the worker, another one may try.
    """

    action: Action
    code: str
    message: str
    remedy: str = ""
    blames: Blames = "worker"


class OutOfPatience(Exception):
    """Something was away for longer than anybody wants to wait; `verdict` says what."""

    def __init__(self, verdict: Verdict, seconds: float) -> None:
        super().__init__(f"waited {seconds:.0f} s: {verdict.message}")
        self.verdict = verdict


def decide(error: BaseException) -> Verdict:
    """What to do about `error`.

    `quarantine`: the picture or the row is wrong, never retried. `retry`: it may pass, try again with backoff. `again`:
    the engine was killed from outside, try again without charge. `wait`: storage or database is away, or full: wait,
    however long one may. `step_down`: no room on the device, take the next rung of the ladder. `drop`: another worker
    holds the shot now, or a person cancelled it. `fail`: everything else; the evidence is kept.
    """
    message = str(error).strip() or type(error).__name__
    match error:
        case InputError():
            return Verdict("quarantine", error.code, message, error.problem.remedy, "shot")
        case StaleClaim() | Cancelled():
            return Verdict("drop", error.code, message, blames="shot")
        case Killed():
            return Verdict("again", error.code, message, error.remedy)
        case OutOfMemory():
            return Verdict("step_down", error.code, message, error.remedy)
        case DeviceLost():
            return Verdict("retry", error.code, message, error.remedy)
        case EngineError() if error.code == "DISK_FULL":
            return Verdict("wait", error.code, message, error.remedy)
        case EngineError() if getattr(error, "returncode", None) == -signal.SIGKILL:  # ffmpeg, by somebody else
            return Verdict("again", Killed.code, message, error.remedy)
        case EngineError():
            return Verdict("fail", error.code, message, error.remedy, error.blames)
        case StoreUnavailable():
            return Verdict("wait", error.code, message)
        case Damaged():
            return Verdict("retry", error.code, message)
        case CatalogError():
            return Verdict("fail", error.code, message)
        case OSError() if error.errno in _NO_ROOM:
            return Verdict("wait", "DISK_FULL", message, _FREE_SPACE)
        case OSError() if error.errno in _AWAY:
            return Verdict("wait", "STORE_UNAVAILABLE", message)
        case MemoryError():
            return Verdict("step_down", "OUT_OF_MEMORY", message)
        case _:
            return Verdict("fail", "UNEXPECTED", f"{type(error).__name__}: {message}", "please report it with the log")
