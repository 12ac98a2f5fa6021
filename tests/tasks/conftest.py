"""A room with SVD's weights, and engine children that outlive a test: to start one takes seconds, all of them imports.

A test that breaks its child, or wants to see one start, takes `room` and lays weights of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.engines import Engines
from tests.workroom import Workroom


@pytest.fixture(scope="module")
def kept_engines() -> Iterator[Engines]:
    """Children for all tests of a file: what they are made with tells them apart, so that no test gets another's."""
    with Engines(spare=8, idle_seconds=3600) as engines:
        yield engines


@pytest.fixture(scope="module")
def svd_xt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint `svd-xt` that makes four frames at once."""
    pytest.importorskip("torch", reason="SVD needs the gpu extra")
    from tests.svd_checkpoints import tiny_checkpoint

    return tiny_checkpoint(tmp_path_factory.mktemp("weights") / "svd-xt", frames=4)


@pytest.fixture
def svd_room(room: Workroom, svd_xt: Path, kept_engines: Engines, one_thread: None) -> Workroom:
    """A room of its own catalog and store whose weights and children are those of the file; the licence is accepted."""
    room.settings = room.settings.model_copy(update={"weights_dir": svd_xt.parent})
    room.engines = kept_engines
    room.accept(svd_xt)
    return room
