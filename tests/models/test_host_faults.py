"""A lost device ends the child, no room does not; deaths and errors of every other kind, and nothing left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.errors import DeviceLost, EngineError, Killed, OutOfMemory
from models.host import Host
from models.host.faults import Fault
from models.host.kills import oom_kills
from tests.models.faulty_engine import AcceleratorError
from tests.models.hosting import FACTORY, ROOT, gone, numbered


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def host() -> Iterator[Host]:
    with Host(FACTORY, {"add": 1}, deadline=20) as host:
        yield host


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (AcceleratorError("CUDA error: device-side assert triggered"), "DeviceLost"),
        (AcceleratorError("said nothing known"), "DeviceLost"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "DeviceLost"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(...)`"), "DeviceLost"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "OutOfMemory"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "DeviceLost"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "OutOfMemory"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), "OutOfMemory"),
        (RuntimeError("Triton Error [CUDA]: misaligned address"), "DeviceLost"),
        (RuntimeError("Triton Error [CUDA]: out of memory"), "OutOfMemory"),
        (RuntimeError("NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus"), "DeviceLost"),
        (RuntimeError("unspecified launch failure"), "DeviceLost"),
        (AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be reported later"), "OutOfMemory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1 bytes"), "OutOfMemory"),
        (MemoryError(), "OutOfMemory"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"), "EngineError"),
        (RuntimeError("Found no NVIDIA driver on your system"), "EngineError"),
        (OutOfMemory("the ladder's end"), "OutOfMemory"),
        (DeviceLost("it said so itself"), "DeviceLost"),
    ],
)
def test_an_error_is_judged_by_its_name_and_words(error: Exception, kind: str) -> None:
    assert Fault.of(error).kind == kind


def test_a_lost_device_counts_whatever_was_raised_after_it_and_no_room_does_not() -> None:
    def raised(first: Exception, then: Exception) -> Exception:
        try:
            try:
                raise first
            except RuntimeError:
                raise then  # noqa: B904 - as an engine's own clearing up would
        except (OutOfMemory, ValueError) as error:
            return error

    lost, full = RuntimeError("CUDA error: unspecified launch failure"), RuntimeError("CUDA out of memory")
    assert Fault.of(raised(lost, OutOfMemory("too big"))).kind == "DeviceLost"
    assert Fault.of(raised(full, ValueError("not so"))).kind == "EngineError"


@pytest.mark.parametrize("method", ["raises", "wraps_a_lost_device", "lost_at_third"])
def test_a_poisoned_context_ends_the_child_and_the_next_request_has_another(host: Host, method: str) -> None:
    pid = host.call("pid")
    with pytest.raises(DeviceLost, match="lost its device") as caught:
        if method == "lost_at_third":
            list(host.stream(method, numbered(10)))
        else:
            host.call(method, *(["assert"] if method == "raises" else []))
    assert "device-side assert triggered" in caught.value.evidence, "the traceback"
    assert "index out of bounds" in caught.value.evidence, "and what the kernel printed"
    assert gone(pid)
    assert host.call("pid") != pid
    assert len(list(host.stream("each", numbered(3)))) == 3


def test_a_device_lost_while_the_engine_is_made_is_said_so() -> None:
    with Host(FACTORY, {"lost": True}) as host, pytest.raises(DeviceLost, match="busy or unavailable"):
        host.start()
    assert host.pid is None


@pytest.mark.parametrize("kind", ["no_room", "no_room_late"])
def test_no_room_keeps_the_child(host: Host, kind: str) -> None:
    pid = host.call("pid")
    with pytest.raises(OutOfMemory, match="out of memory"):
        host.call("raises", kind)
    assert host.call("pid") == pid


def test_an_error_that_cannot_be_pickled_crosses_as_words(host: Host) -> None:
    pid = host.call("pid")
    with pytest.raises(EngineError, match="too much") as caught:
        host.call("raises", "demanding")
    assert type(caught.value) is EngineError
    assert (caught.value.code, caught.value.remedy) == ("DEMANDING", "ask less")
    assert "Demanding" in caught.value.evidence
    with pytest.raises(EngineError, match="pickle"):
        host.call("gives_what_cannot_cross")
    assert host.call("pid") == pid


@pytest.mark.parametrize(("how", "says"), [("at once", "status 3"), ("politely", "status 1")])
def test_an_exit_from_inside_is_device_lost(host: Host, how: str, says: str) -> None:
    pid = host.call("pid")
    with pytest.raises(DeviceLost, match=says) as caught:
        host.call("exits", how)
    assert ("enough" in caught.value.evidence) == (how == "politely")
    assert gone(pid)
    assert host.call("pid") != pid


def test_a_stopped_process_is_noticed_and_killed() -> None:
    with Host(FACTORY, heartbeat_seconds=1.0, deadline=50) as host:
        pid = host.call("pid")
        threading.Timer(0.3, os.kill, (pid, signal.SIGSTOP)).start()
        with pytest.raises(DeviceLost, match="neither beat nor used the processor"):
            host.call("steps", 100, 0.1)
        assert gone(pid)
        stream = host.stream("each", numbered(500))
        next(stream)
        os.kill(host.pid or 0, signal.SIGSTOP)
        with pytest.raises(DeviceLost, match="neither beat nor used the processor"):
            list(stream)
        assert host.call("pid") != pid


def test_closing_ends_a_stopped_process() -> None:
    with Host(FACTORY) as host:
        pid = host.call("pid")
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()


def test_what_is_printed_does_not_break_the_protocol(host: Host) -> None:
    pid = host.call("pid")
    assert host.call("chatters") == "answered"
    assert host.call("pid") == pid


def test_twenty_deaths_leave_no_zombie_and_no_open_file() -> None:
    with Host(FACTORY, deadline=20) as host:
        host.call("pid")
        before = len(list(Path("/proc/self/fd").iterdir()))
        pids = {host.pid}
        for n in range(20):
            with pytest.raises(DeviceLost):
                host.call(*(("killed",), ("segfault",), ("exits", "at once"), ("raises", "assert"))[n % 4])
            pids.add(host.call("pid"))
        assert len(pids) == 21
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()], "a process is left"


def test_a_child_killed_from_outside_is_told_from_one_that_died(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> DeviceLost:
        stream = host.stream("each", numbered(100))
        next(stream)
        os.kill(host.pid or 0, signal.SIGKILL)
        with pytest.raises(DeviceLost) as caught:
            list(stream)
        return caught.value

    outside = lost()
    assert isinstance(outside, Killed) and outside.code == "ENGINE_KILLED" and "from outside" in str(outside)
    host.start()
    monkeypatch.setattr("models.host.process.oom_kills", lambda: 10**6)
    no_memory = lost()
    assert not isinstance(no_memory, Killed) and "no memory" in str(no_memory)
    monkeypatch.undo()
    threading.Timer(0.3, host.close).start()
    with pytest.raises(DeviceLost, match="SIGKILL") as closed:
        host.call("sleep", 60)
    assert not isinstance(closed.value, Killed), "we did it ourselves"


def test_a_fault_keeps_whom_it_blames() -> None:
    class Wrong(EngineError):
        blames = "shot"

    assert Fault.of(Wrong("this picture")).error().blames == "shot"
    assert Fault.of(RuntimeError("who knows")).error().blames == "worker"


def test_the_kernels_kills_for_want_of_memory_are_counted() -> None:
    counted = [line.split() for line in Path("/proc/vmstat").read_text().splitlines() if line.startswith("oom_kill ")]
    if not counted:
        pytest.skip("this kernel counts none")
    assert oom_kills() >= int(counted[0][1])
