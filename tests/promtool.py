"""Debian's `promtool`, for tests of rules and of what is counted; those skip, saying why, where it is missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def promtool(*words: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """What `promtool WORDS` said, having read `given`."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed: deploy/debian-test-libraries.sh brings Debian's")
    command = [found, *map(str, words)]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False)


def approved(*words: str | Path, given: str = "") -> str:
    """The same of what has to be well; its words."""
    done = promtool(*words, given=given)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
