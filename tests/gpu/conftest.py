"""Tests of this folder marked `gpu` need a CUDA device; without one they are skipped, and say so."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    reason = f"no CUDA device: torch {torch.__version__} sees none"
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def cuda() -> Any:
    return torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def tidy() -> Any:
    """One test's memory is not the next one's."""
    yield
    if torch.cuda.is_initialized():
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
