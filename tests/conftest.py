"""What tests of several rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workroom import Workroom, teach_small_presets


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The presets `small_wide`, `small_shop` and `small_tall` beside those that ship."""
    teach_small_presets(monkeypatch.setattr)


@pytest.fixture
def room(tmp_path: Path, small: None) -> Workroom:
    return Workroom(tmp_path)
