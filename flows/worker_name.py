"""Who claims shots: a process, by a name no other ever has, and whether the process of such a name still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_ENDED = "ZX"
"""States of a process that has ended but was not waited for yet (proc(5))."""


def worker_name() -> str:
    """`host:pid:start` of this process; the start, in ticks since boot, tells it from a later one with its number."""
    return f"{socket.gethostname()}:{os.getpid()}:{_state_and_start(os.getpid())[1]}"


def is_gone(worker: str) -> bool:
    """Whether `worker` was a process of this machine that is no more. Of other machines only their leases can tell."""
    host, _, process = worker.partition(":")
    number, _, start = process.partition(":")
    if host != socket.gethostname() or not number.isdigit():
        return False
    try:
        state, started = _state_and_start(int(number))
    except FileNotFoundError:
        return True
    return state in _ENDED or (start != "" and started != start)


def _state_and_start(pid: int) -> tuple[str, str]:
    """Fields 3 and 22 of /proc/PID/stat; the name before them may hold anything. Raises FileNotFoundError."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return fields[0], fields[19]
