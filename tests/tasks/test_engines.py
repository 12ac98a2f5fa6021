"""Who gets which engine child: weights load once, a GPU's lane has one child, and all of them end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.errors import DeviceLost, EngineError, OutOfMemory
from tasks.engines import Engines
from tests.models.hosting import FACTORY, ROOT, alive, gone, numbered
from tests.workroom import Workroom


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def engines() -> Iterator[Engines]:
    with Engines() as engines:
        yield engines


def pid_of(engines: Engines, add: int = 0, *, device: str = "cpu", lane: str = "") -> int:
    with engines.use(FACTORY, {"add": add}, device=device, lane=lane, deadline=20) as engine:
        return engine.pid()


@pytest.mark.parametrize("device", ["cpu", "auto", "cuda:0", "vulkan:1"])
def test_weights_load_once(engines: Engines, device: str) -> None:
    assert len({pid_of(engines, device=device) for _ in range(4)}) == 1


def test_a_gpu_has_one_child_and_another_engine_takes_its_place(engines: Engines) -> None:
    first = pid_of(engines, 1, device="cuda:0")
    elsewhere = pid_of(engines, 1, device="cuda:1")
    second = pid_of(engines, 2, device="cuda")  # torch's other name for the first
    assert gone(first)
    assert alive(elsewhere)
    assert pid_of(engines, 2, device="cuda:0") == second
    assert pid_of(engines, 1, device="cuda:0") != first
    assert gone(second)


def test_lanes_of_a_gpu_live_side_by_side(engines: Engines) -> None:
    with (
        engines.use(FACTORY, {"add": 1}, device="cuda:0") as one,
        engines.use(FACTORY, {"add": 2}, device="cuda:0", lane="interpolate") as two,
    ):
        assert (one.plus(0), two.plus(0)) == (1, 2)
        assert one.pid() != two.pid()


def test_who_asks_for_a_busy_lane_waits_for_it(engines: Engines) -> None:
    entered = threading.Event()
    made: list[Any] = []

    def second() -> None:
        with engines.use(FACTORY, {"add": 5}, device="cuda:0") as engine:
            entered.set()
            made.append(engine.plus(1))

    with engines.use(FACTORY, {"add": 1}, device="cuda:0") as engine:
        thread = threading.Thread(target=second)
        thread.start()
        assert [int(frame.max()) for frame in engine.each(numbered(20))] == list(range(1, 21))
        assert not entered.wait(0.3)
    thread.join(20)
    assert made == [6]


def test_a_second_use_inside_the_first_is_refused_not_stuck(engines: Engines) -> None:
    with engines.use(FACTORY, {}, device="cuda:0") as engine:
        with pytest.raises(EngineError, match="while this thread uses"), engines.use(FACTORY, {}, device="cuda:0"):
            pass
        assert engine.sleep(0) == "awake"


def test_a_crowded_card_has_one_engine_at_a_time() -> None:
    with Engines(crowded=["cuda:0"]) as engines:
        first = pid_of(engines, 1, device="cuda:0", lane="upscale frames")
        other = pid_of(engines, 1, device="cuda:1", lane="upscale frames")
        assert pid_of(engines, 2, device="cuda:0", lane="interpolate") != first
        assert gone(first)
        assert pid_of(engines, 2, device="cuda:1", lane="interpolate") != other
        assert alive(other)


def test_few_idle_engines_are_kept_on_the_cpu() -> None:
    with Engines(spare=2) as engines:
        pids = [pid_of(engines, add) for add in range(4)]
        assert [alive(pid) for pid in pids] == [False, False, True, True]
        assert pid_of(engines, 2) == pids[2]
        pid_of(engines, 9)
        assert [alive(pid) for pid in pids] == [False, False, True, False], "the one not used for longest goes"


def test_an_engine_idle_for_long_is_ended_one_in_use_is_not() -> None:
    with Engines(idle_seconds=0.3) as engines, engines.use(FACTORY, {"add": 1}, device="cpu") as used:
        pid = used.pid()
        idle = [pid_of(engines, 2), pid_of(engines, 3, device="cuda:0")]
        assert all(gone(one) for one in idle)
        assert used.pid() == pid
        assert pid_of(engines, 2) != idle[0]


def test_no_room_on_a_gpu_ends_what_is_idle_there_and_nothing_else(engines: Engines) -> None:
    idle = pid_of(engines, 1, device="cuda:0", lane="interpolate")
    others = [pid_of(engines, 1, device="cuda:1"), pid_of(engines, 1)]
    pid = pid_of(engines, 2, device="cuda:0")
    with pytest.raises(OutOfMemory), engines.use(FACTORY, {"add": 2}, device="cuda:0") as engine:
        engine.raises("no_room")
    assert gone(idle)
    assert all(alive(one) for one in others)
    assert pid_of(engines, 2, device="cuda:0") == pid, "its weights stay loaded"


def test_a_stream_left_unread_does_not_hold_the_engine(engines: Engines) -> None:
    with engines.use(FACTORY, {"add": 1}, device="cpu") as engine:
        pid, stream = engine.pid(), engine.each(numbered(1000))
        next(stream)
    assert pid_of(engines, 1) == pid
    with pytest.raises(StopIteration):
        next(stream)


def test_a_dead_child_is_replaced_in_the_same_use_and_in_the_next(engines: Engines) -> None:
    with engines.use(FACTORY, {}, device="cuda:0") as engine:
        first = engine.pid()
        with pytest.raises(DeviceLost):
            engine.killed()
        second = engine.pid()
    assert second != first
    with pytest.raises(DeviceLost), engines.use(FACTORY, {}, device="cuda:0") as engine:
        engine.raises("assert")
    assert gone(second)
    assert pid_of(engines, device="cuda:0") not in (first, second)


def test_three_threads_share_them() -> None:
    wrong: list[str] = []

    def work(seed: int) -> None:
        for n in range(8):
            add = (seed + n) % 3
            with engines.use(FACTORY, {"add": add}, device=("cpu", "cuda:0")[n % 2]) as engine:
                made = [int(frame[0, 0, 0]) for frame in engine.each(numbered(4))]
            if made != [add, add + 1, add + 2, add + 3]:
                wrong.append(f"thread {seed}, turn {n}: {made}")

    with Engines(spare=1) as engines:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "they wait for each other for ever"
    assert wrong == []


def test_closing_ends_everything_and_who_waits_hears_of_it() -> None:
    engines = Engines()
    working = threading.Event()
    heard: list[BaseException] = []

    def heard_of(error: BaseException) -> None:
        heard.append(error)

    def wait() -> None:
        try:
            with engines.use(FACTORY, {}, device="cuda:0", deadline=50) as engine:
                engine.steps(500, 0.1, progress=lambda done, total: working.set())
        except EngineError as error:
            heard_of(error)

    idle = pid_of(engines, 7)
    threads = [threading.Thread(target=wait) for _ in range(2)]  # one works, the other waits for its turn
    for thread in threads:
        thread.start()
    assert working.wait(20)
    engines.close()
    for thread in threads:
        thread.join(20)
    assert sorted(type(error).__name__ for error in heard) == ["DeviceLost", "EngineError"]
    assert gone(idle)
    assert "engines" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(EngineError, match="closed"):
        pid_of(engines)
    engines.close()


def test_a_workshop_ends_its_engines(room: Workroom) -> None:
    with room.tools() as tools:
        pid = pid_of(tools.engines)
        assert alive(pid)
    assert not Path(f"/proc/{pid}").exists()
