"""Prefect homes whose database is made already: Prefect takes 20 seconds for an empty one, a copy none."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

_MADE = Path(sys.prefix) / f"prefect-{version('prefect')}.db"
"""Of this Prefect, made by itself; kept beside it between two test sessions."""


def with_schema(home: Path) -> Path:
    """Put Prefect's empty database into a Prefect home that has none; the home."""
    home.mkdir(parents=True, exist_ok=True)
    database = home / "prefect.db"
    if not database.exists():
        shutil.copyfile(_made(), database)
    return home


def _made() -> Path:
    with _MADE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other processes of the session wait for the first
        if not _MADE.exists():
            home = _MADE.with_suffix(".home")
            shutil.rmtree(home, ignore_errors=True)
            kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
            environment = {**kept, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
            line = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
            subprocess.run(line, env=environment, capture_output=True, check=True)
            (home / "prefect.db").replace(_MADE)
            shutil.rmtree(home)
    return _MADE
