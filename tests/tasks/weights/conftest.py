"""A publisher, reached directly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tasks.weights.publisher import Publisher, publishing


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with publishing() as found:
        yield found
