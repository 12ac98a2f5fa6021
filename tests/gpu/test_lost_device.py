"""A real device assert in the child: the shot's attempt is lost, the child too, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.errors import DeviceLost, OutOfMemory
from models.host import Host
from tests.models.hosting import ROOT, gone, numbered

pytestmark = pytest.mark.gpu


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.syspath_prepend(str(ROOT))
    with Host("tests.gpu.faulty_kernel:FaultyKernel", {}, deadline=120, start_seconds=120) as host:
        yield host


def test_an_assert_ends_the_child_and_the_next_request_has_another(host: Host) -> None:
    assert host.call("doubled", 21.0) == 42.0
    pid = host.call("pid")
    with pytest.raises(DeviceLost, match="lost its device") as caught:
        host.call("asserts")
    assert "assert" in caught.value.evidence
    assert gone(pid)
    assert host.call("doubled", 4.0) == 8.0
    assert host.call("pid") != pid


def test_an_assert_in_the_middle_of_a_stream(host: Host) -> None:
    seen = []
    with pytest.raises(DeviceLost):
        seen.extend(host.stream("frames", numbered(10), 6))
    assert len(list(host.stream("frames", numbered(3), 99))) == 3


def test_no_room_keeps_the_child(host: Host) -> None:
    pid = host.call("pid")
    with pytest.raises(OutOfMemory):
        host.call("overflows")
    assert host.call("pid") == pid
    assert host.call("doubled", 1.0) == 2.0
