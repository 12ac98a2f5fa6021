from __future__ import annotations

from pathlib import Path

import pytest

from tests.manifests.workspace import Workspace


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.pictures("a.png", "b.png", "c.png")
    return workspace
