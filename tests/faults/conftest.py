"""The fixtures of the flows' tests, and the file layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.file_layer import built
from tests.flows.conftest import dailies, home, prefect_server

__all__ = ["dailies", "home", "prefect_server"]


@pytest.fixture(scope="session")
def file_layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library to preload."""
    return built(tmp_path_factory.mktemp("layer"))
