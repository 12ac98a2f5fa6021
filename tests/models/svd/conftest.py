"""One tiny random checkpoint of each architecture, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks are faster on one, and two wait for each other where the machine is shared."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def checkpoint_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    """Architecture -> its checkpoint's folder."""
    pytest.importorskip("diffusers")
    from tests.svd_checkpoints import tiny_checkpoint

    made: dict[str, Path] = {}

    def of(architecture: Any) -> Path:
        if architecture not in made:
            folder = tmp_path_factory.mktemp("weights") / f"svd-{architecture}"
            made[architecture] = tiny_checkpoint(folder, architecture=architecture)
        return made[architecture]

    return of
