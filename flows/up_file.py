"""`<home>/up.json`: what a running `dailies up` tells whoever else works in the same home."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.worker_name import is_gone, worker_name
from tasks.whole import write_whole

NAME = "up.json"


@dataclass(frozen=True)
class Up:
    """`api`: URL of its Prefect server's API. `pid` and `process` (flows.worker_name) say which process it is."""

    api: str
    pid: int
    started: str
    process: str = ""


def write_up(home: Path, api: str) -> Up:
    """Say that this process is the `dailies up` of `home`. Written whole or not at all."""
    up = Up(api, os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"), worker_name())
    write_whole(home / NAME, (json.dumps(asdict(up), indent=2) + "\n").encode())
    return up


def read_up(home: Path) -> Up | None:
    """The `dailies up` that runs in `home`, or None; what one that was killed left behind counts for nothing."""
    try:
        told = json.loads((home / NAME).read_text(encoding="utf-8"))
        up = Up(str(told["api"]), int(told["pid"]), str(told["started"]), str(told.get("process", "")))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return None if is_gone(up.process) else up


def remove_up(home: Path) -> None:
    """Say that it ended."""
    (home / NAME).unlink(missing_ok=True)
