"""Steps an engine tells: who hears of them, what they do to the deadline, and how a person stops the work."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from models.errors import DeviceLost, EngineError
from models.host import Host, hosted
from tests.models.hosting import FACTORY, ROOT, alive, gone, numbered


class Enough(Exception):
    """A person asked to stop."""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(FACTORY, {"add": 1}, deadline=20) as host:
        yield host


def test_steps_reach_the_parent_in_order_up_to_the_last(host: Host) -> None:
    told: list[tuple[int, int]] = []
    assert host.call("steps", 8, 0.1, progress=lambda *step: told.append(step)) == "stepped"
    assert told == sorted(told)
    assert told[-1] == (8, 8), "the last step must not be lost behind the answer"
    assert len(told) > 3
    before = len(told)
    host.call("pid", progress=lambda *step: told.append(step))
    assert len(told) == before, "an old request's step is not a new one's"


def test_an_engine_is_not_made_to_tell_steps_and_nobody_is_made_to_hear(host: Host) -> None:
    told: list[tuple[int, int]] = []
    assert host.call("sleep", 0.3, progress=lambda *step: told.append(step)) == "awake"
    assert told == []
    assert host.call("steps", 3) == "stepped"


def test_telling_a_step_never_waits_for_the_parent() -> None:
    """A consumer that reads nothing for long: as messages these would fill the socket and the child would wait."""
    with hosted(FACTORY, deadline=20) as engine:
        stream = engine.steps_by_frame(numbered(4), 0.0, 2000)
        next(stream)
        until = time.monotonic() + 20
        while engine.host._child.board.step != (3, 1000):
            assert time.monotonic() < until, "it must work on to the end of its lead"
            time.sleep(0.05)
        assert len(list(stream)) == 3


def test_the_deadline_counts_from_the_last_step_and_kills_a_hang_inside_one() -> None:
    with Host(FACTORY, deadline=0.9) as host:
        assert host.call("steps", 8, 0.3) == "stepped", "2.4 s in steps of 0.3 s"
        pid = host.pid or 0
        with pytest.raises(DeviceLost, match=r"told no step for 0\.9 s"):
            host.call("steps_then_hangs")
        assert gone(pid)
        with pytest.raises(DeviceLost, match=r"told no step for 0\.1 s"):
            host.call("sleep", 30, deadline=0.1)


@pytest.mark.parametrize("error", [Enough("stop it"), EngineError("stop it")])
def test_what_the_callback_raises_stops_a_call_at_its_next_step_and_keeps_the_child(
    host: Host, error: Exception
) -> None:
    pid = host.call("pid")

    def cancelled(done: int, total: int) -> None:
        raise error

    with pytest.raises(type(error), match="stop it"):
        host.call("steps", 1000, 0.1, progress=cancelled)
    assert host.call("plus", 1) == 2, "the next answer is its own, not the stopped request's"
    assert host.call("pid") == pid


def test_a_call_that_tells_a_step_and_then_none_is_killed_when_stopped(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.host.request.STOP_SECONDS", 0.3)
    pid = host.call("pid")

    def cancelled(done: int, total: int) -> None:
        if done == 3:
            raise Enough

    with pytest.raises(Enough):
        host.call("steps_then_hangs", progress=cancelled)
    assert gone(pid)
    assert host.call("pid") != pid


def test_what_the_callback_raises_stops_a_stream_and_keeps_the_child(host: Host) -> None:
    pid, taken = host.call("pid"), 0

    def cancelled(done: int, total: int) -> None:
        if done > 4:
            raise Enough

    with pytest.raises(Enough):
        for _ in host.stream("steps_by_frame", numbered(1000), 0.02, 1, progress=cancelled):
            taken += 1
    assert 3 <= taken < 40
    assert host.call("pid") == pid
    assert alive(pid)
    assert len(list(host.stream("each", numbered(3)))) == 3


def test_what_one_asks_for_goes_through_the_handle(host: Host) -> None:
    told: list[tuple[int, int]] = []
    with hosted(FACTORY, deadline=20, progress=lambda *step: told.append(step)) as engine:
        engine.steps(2)
        engine.steps(5, progress=lambda *step: told.append((-1, -1)))
    assert set(told[:-1]) <= {(1, 2), (2, 2), (-1, -1)}
    assert told[-1] == (-1, -1)
