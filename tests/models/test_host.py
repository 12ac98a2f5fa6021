"""The engine child under every fault an engine can have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from models.errors import DeviceLost, EngineError, EngineMissing, OutOfMemory
from models.host import Host, hosted
from tests.models.hosting import FACTORY, ROOT, alive, gone, numbered


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child finds modules where its parent does."""
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(FACTORY, {"add": 1}, deadline=20) as host:
        yield host


def test_frames_come_back_and_are_ones_own(host: Host) -> None:
    first = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    made = host.call("plus", first)
    host.call("plus", first * 0)
    np.testing.assert_array_equal(made, first + 1)  # a later answer did not overwrite it
    made[:] = 0


def test_views_empty_arrays_and_nests_survive(host: Host) -> None:
    base = np.arange(24 * 3, dtype=np.uint8).reshape(4, 6, 3)
    sent = (base[::-1, ::2], np.zeros((0, 3), np.float32), {"a": [base.T, "x"]}, np.float64(3))
    got = host.call("echo", *sent)
    np.testing.assert_array_equal(got[0], sent[0])
    assert got[1].shape == (0, 3)
    assert got[1].dtype == np.float32
    np.testing.assert_array_equal(got[2]["a"][0], base.T)
    assert got[3] == 3


def test_frames_of_8k_cross(host: Host) -> None:
    big = np.full((4320, 7680, 3), 7, np.uint8)
    made = host.call("plus", big)
    assert made.shape == big.shape
    assert int(made.min()) == int(made.max()) == 8


def test_one_child_serves_many_requests(host: Host) -> None:
    pids = {host.call("pid") for _ in range(200)}
    assert pids == {host.pid}
    assert host.pid != os.getpid()


def test_a_stream_keeps_order_and_runs_ahead_by_little(host: Host) -> None:
    taken = 0

    def source() -> Iterator[np.ndarray]:
        nonlocal taken
        for frame in numbered(40):
            taken += 1
            yield frame

    for n, made in enumerate(host.stream("each", source())):
        assert int(made[0, 0, 0]) == n + 1
        assert taken - n <= 6, f"{taken} frames taken at result {n}: memory would grow with the clip"
    assert taken == 40
    doubled = [int(f[0, 0, 0]) for f in host.stream("twice", numbered(5))]
    assert doubled == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_a_stream_may_be_left_early_and_the_child_goes_on(host: Host) -> None:
    pid = host.call("pid")
    stream = host.stream("each", numbered(1000))
    assert [int(f[0, 0, 0]) for f in islice(stream, 3)] == [1, 2, 3]
    stream.close()  # type: ignore[attr-defined]
    assert host.call("pid") == pid
    assert len(list(host.stream("each", numbered(4)))) == 4


@pytest.mark.parametrize("error", [ValueError("torn file"), EngineError("torn file")])
def test_an_error_of_the_source_is_raised_as_it_is(host: Host, error: Exception) -> None:
    pid = host.call("pid")

    def source() -> Iterator[np.ndarray]:
        yield from numbered(3)
        raise error

    with pytest.raises(type(error), match="torn file"):
        list(host.stream("each", source()))
    assert host.call("pid") == pid


def test_an_error_inside_a_stream_travels_and_the_child_stays(host: Host) -> None:
    pid = host.call("pid")
    with pytest.raises(OutOfMemory, match="third frame"):
        list(host.stream("fails_at_third", numbered(10)))
    assert host.call("pid") == pid
    assert len(list(host.stream("each", numbered(3)))) == 3


def test_a_request_inside_its_own_stream_is_refused_not_stuck(host: Host) -> None:
    stream = host.stream("each", numbered(5))
    next(stream)
    with pytest.raises(EngineError, match="inside its own stream"):
        host.call("pid")
    stream.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "wanted", "code"),
    [
        ("engine", EngineError, "SPECIAL"),
        ("memory", OutOfMemory, "OUT_OF_MEMORY"),
        ("value", EngineError, "ENGINE_FAILED"),
    ],
)
def test_errors_keep_their_type_and_bring_evidence(host: Host, kind: str, wanted: type[EngineError], code: str) -> None:
    pid = host.call("pid")
    with pytest.raises(wanted) as caught:
        host.call("raises", kind)
    assert caught.value.code == code
    assert caught.value.evidence == "log" if kind == "engine" else "Traceback" in caught.value.evidence
    assert host.call("pid") == pid


def test_a_constructor_error_travels() -> None:
    with Host(FACTORY, {"missing": True}) as host, pytest.raises(EngineMissing) as caught:
        host.start()
    assert caught.value.remedy == "put them there"
    assert caught.value.code == "WEIGHTS_MISSING"
    with Host("models.nothing_here:Engine") as host, pytest.raises(EngineError, match="nothing_here"):
        host.start()


@pytest.mark.parametrize(("method", "says"), [("segfault", "SIGSEGV"), ("killed", "SIGKILL")])
def test_a_death_is_device_lost_and_the_next_request_starts_another(host: Host, method: str, says: str) -> None:
    pid = host.call("pid")
    with pytest.raises(DeviceLost, match=says) as caught:
        host.call(method)
    if method == "segfault":
        assert "about to fall" in caught.value.evidence
    assert gone(pid)
    assert host.call("pid") != pid


def test_a_kill_from_outside_between_and_during_requests(host: Host) -> None:
    pid = host.call("pid")
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert host.call("pid") != pid  # nobody was waiting: nothing is lost
    stream = host.stream("each", numbered(100))
    next(stream)
    os.kill(host.pid or 0, signal.SIGKILL)
    with pytest.raises(DeviceLost, match="SIGKILL"):
        list(stream)
    assert len(list(host.stream("each", numbered(3)))) == 3


def test_a_hang_past_the_deadline_is_killed() -> None:
    with Host(FACTORY, deadline=0.5) as host:
        pid = host.call("pid")
        with pytest.raises(DeviceLost, match="deadline"):
            host.call("sleep", 60)
        assert gone(pid)


def test_a_native_hang_is_seen_by_the_missing_heartbeat() -> None:
    with Host(FACTORY, heartbeat_seconds=1.5, deadline=50) as host:
        host.start()
        with pytest.raises(DeviceLost, match="neither beat nor used the processor"):
            host.call("stuck_holding_interpreter")


def test_native_work_and_python_waits_are_not_taken_for_a_hang() -> None:
    with Host(FACTORY, heartbeat_seconds=0.7, deadline=50) as host:
        assert host.call("sleep", 1.5) == "awake"
        start = time.monotonic()
        assert host.call("busy_holding_interpreter", 26) is False
        if time.monotonic() - start < 0.7:
            pytest.skip("the machine is too fast for this length: no silence to misread")


def test_nothing_is_left_in_shared_memory_and_no_files_stay_open() -> None:
    before = set(Path("/dev/shm").iterdir()), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with Host(FACTORY, {"add": 1}) as host:
            host.call("plus", np.zeros((100, 100, 3), np.uint8))
            pid = host.pid or 0
        assert not Path(f"/proc/{pid}").exists(), "a zombie is left"
    assert (set(Path("/dev/shm").iterdir()), len(list(Path("/proc/self/fd").iterdir()))) == before


@pytest.mark.parametrize(
    "doing", ["host.call('sleep', 60)", "host.call('stuck_holding_interpreter')", "sys.stdin.read()"]
)
def test_the_child_dies_with_a_killed_parent(doing: str) -> None:
    code = "import sys; from models.host import Host\n"
    code += f"host = Host({FACTORY!r}); print(host.call('pid'), flush=True); {doing}"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.3)
        assert alive(pid)
        parent.kill()
        assert gone(pid), "the engine outlived its worker"


def test_a_child_outlives_the_thread_that_started_it(host: Host) -> None:
    thread = threading.Thread(target=host.start)
    thread.start()
    thread.join()
    time.sleep(0.2)
    pid = host.pid
    assert host.call("pid") == pid


def test_closing_from_another_thread_ends_a_waiting_request(host: Host) -> None:
    pid = host.call("pid")
    threading.Timer(0.3, host.close).start()
    with pytest.raises(DeviceLost, match="SIGKILL"):
        host.call("sleep", 60)
    assert gone(pid)
    assert host.call("pid") != pid


def test_progress_is_what_the_engine_prints() -> None:
    told: list[tuple[int, int]] = []
    with Host(FACTORY, deadline=20, progress=lambda *step: told.append(step)) as host:
        host.call("prints_progress")
        with pytest.raises(DeviceLost) as caught:
            host.call("killed")
    assert told
    assert set(told) <= {(25, 100), (75, 100)}
    assert caught.value.evidence == "it printed nothing", "percentages are no evidence"


def test_hosted_reads_like_the_engine() -> None:
    with hosted(FACTORY, add=2, deadline=20) as engine:
        assert int(engine.plus(np.zeros((2, 2, 3), np.uint8)).max()) == 2
        assert [int(f.max()) for f in engine.each(numbered(3))] == [2, 3, 4]
