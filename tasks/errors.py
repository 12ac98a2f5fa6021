"""Errors are decided once, by type: what becomes of the shot, and what a person should do."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Literal

from catalog.errors import CatalogError, Damaged, StaleClaim, StoreUnavailable
from manifests.errors import InputError
from models.errors import DeviceLost, EngineError, OutOfMemory

Action = Literal["quarantine", "retry", "step_down", "drop", "fail"]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_AWAY = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNRESET}


class Cancelled(Exception):
    """A person asked the run to stop; the shot in flight goes back to `waiting`, unharmed."""

    code = "CANCELLED"


@dataclass(frozen=True)
class Verdict:
    """`action` for the worker; `code`, `message` and `remedy` for the catalog and for people."""

    action: Action
    code: str
    message: str
    remedy: str = ""


def decide(error: BaseException) -> Verdict:
    """What to do about `error`.

    `quarantine`: the picture or the row is wrong, never retried. `retry`: something was away, try again with backoff.
    `step_down`: no room on the device, take the next rung of the ladder. `drop`: another worker holds the shot now, or
    a person cancelled it. `fail`: everything else; the evidence is kept.
    """
    message = str(error).strip() or type(error).__name__
    match error:
        case InputError():
            return Verdict("quarantine", error.code, message, error.problem.remedy)
        case StaleClaim() | Cancelled():
            return Verdict("drop", error.code, message)
        case OutOfMemory():
            return Verdict("step_down", error.code, message, error.remedy)
        case DeviceLost():
            return Verdict("retry", error.code, message, error.remedy)
        case EngineError():
            return Verdict("fail", error.code, message, error.remedy)
        case StoreUnavailable() | Damaged():
            return Verdict("retry", error.code, message)
        case CatalogError():
            return Verdict("fail", error.code, message)
        case OSError() if error.errno in _NO_ROOM:
            return Verdict("fail", "DISK_FULL", message, "free some space (see `dailies doctor`), then resume")
        case OSError() if error.errno in _AWAY:
            return Verdict("retry", "STORE_UNAVAILABLE", message)
        case MemoryError():
            return Verdict("step_down", "OUT_OF_MEMORY", message)
        case _:
            return Verdict("fail", "UNEXPECTED", f"{type(error).__name__}: {message}", "please report it with the log")
