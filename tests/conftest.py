"""What tests of several rooms share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["COLUMNS"] = "200"  # before a console is made: it looks once, and texts are compared whole

from tests.workroom import Workroom, teach_small_presets

# The same examples every time, so that a red suite is about the last change; `HYPOTHESIS_PROFILE=search make test`
# looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The presets `small_wide`, `small_shop` and `small_tall` beside those that ship."""
    teach_small_presets(monkeypatch.setattr)


@pytest.fixture
def room(tmp_path: Path, small: None) -> Workroom:
    return Workroom(tmp_path)


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engine children that start meanwhile have torch on one core: a tiny network is faster so, and on a machine that
    is shared two threads wait for each other several times as long as they work."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
