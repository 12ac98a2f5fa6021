"""Processes of a test's home, looked for by their environment; and waiting for what they do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ENOUGH = 280.0
"""Seconds after which something that should end has hung; nothing is measured by it."""


def until(what: str, is_so: Callable[[], Any], seconds: float = ENOUGH) -> Any:
    """The first answer of `is_so` that is true."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)
    return found


def of_home(home: Path) -> dict[int, str]:
    """Command lines of all processes that work in `home` (this one left out), by their number."""
    mark = f"DAILIES_HOME={home}".encode()
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
            if int(folder.name) == os.getpid() or state in "ZX":
                continue
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def events(log: Path) -> list[dict[str, Any]]:
    """JSON lines, as `--json` prints them."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def heard(log: Path, event: str, times: int = 1) -> dict[str, Any] | None:
    """The line of that event, once there are as many."""
    found = [one for one in events(log) if one["event"] == event]
    return found[times - 1] if len(found) >= times else None
