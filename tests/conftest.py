"""What tests of several rooms share."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from manifests.presets import presets
from tests.workroom import Workroom, small_presets


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The presets `small_wide`, `small_shop` and `small_tall` beside those that ship."""
    known = MappingProxyType({**presets(), **small_presets()})
    for user in ("manifests.presets", "manifests.ask"):
        monkeypatch.setattr(f"{user}.presets", lambda: known)


@pytest.fixture
def room(tmp_path: Path, small: None) -> Workroom:
    return Workroom(tmp_path)
