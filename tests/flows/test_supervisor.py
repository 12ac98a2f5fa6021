"""Programs are kept running, end when told, take along what they started, and keep their logs small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows import supervisor
from flows.lifeline import descendants
from flows.supervisor import Child, Event, Program, rotate, stop_all
from tests.flows.processes import until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def make(code: str, **told: object) -> Child:
        command = [sys.executable, "-c", code]
        environment = {"PYTHONPATH": str(ROOT)}
        child = Child(Program("it", command, tmp_path / "it.log", environment, **told))  # type: ignore[arg-type]
        children.append(child)
        return child

    yield make
    for child in children:
        child.kill()


def heard(child: Child, what: str) -> Event:
    events: list[Event] = []

    def tended() -> bool:
        if (event := child.tend()) is not None:
            events.append(event)
        return bool(events) and events[-1].what == what

    until(f"that it is {what}", tended)
    return events[-1]


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


SLEEPS = "import time; time.sleep(600)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]); time.sleep(600)"


def test_what_dies_is_started_again_with_growing_pauses(
    keep: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_SECONDS", 0.05)
    child = keep("raise SystemExit(3)")
    assert "ended with 3" in heard(child, "died").text
    first = heard(child, "died").text
    second = heard(child, "died").text
    assert "in 0.1 s" in first and "in 0.2 s" in second, (first, second)


def test_one_that_ended_well_rests_until_it_is_revived(keep: Callable[..., Child]) -> None:
    child = keep("pass", restart_on_success=False)
    heard(child, "ended")
    assert child.tend() is None and child.state == "ended"
    child.revive()
    heard(child, "started")


def test_a_killed_one_is_told_by_its_signal(keep: Callable[..., Child]) -> None:
    child = keep(SLEEPS)
    event = heard(child, "started")
    assert event.pid is not None
    os.kill(event.pid, signal.SIGKILL)
    assert "SIGKILL" in heard(child, "died").text


def test_stopping_takes_along_what_was_started(keep: Callable[..., Child]) -> None:
    child = keep(PARENT)
    heard(child, "started")
    until("its family", lambda: child.family)
    (grandchild,) = child.family
    stop_all([child], lambda: False)
    assert child.pid is None
    until("its end", lambda: gone(grandchild.pid))


def test_a_soft_one_has_its_children_told_first(keep: Callable[..., Child], tmp_path: Path) -> None:
    told = f"open({str(tmp_path / 'order')!r}, 'a').write"
    inner = f"import signal, sys, time; signal.signal(15, lambda *_: ({told}('child '), sys.exit()));"
    inner += f" {told}('ready '); time.sleep(600)"
    outer = f"import signal, subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {inner!r}]);"
    outer += f" signal.signal(15, lambda *_: ({told}('parent '), sys.exit())); time.sleep(600)"
    child = keep(outer, soft=True)
    heard(child, "started")
    order = tmp_path / "order"
    until("its word", lambda: order.exists() and "ready" in order.read_text())
    stop_all([child], lambda: False)
    assert order.read_text().split() == ["ready", "child", "parent"]


def test_one_that_does_not_hear_is_killed_as_soon_as_it_is_to_be_quick(keep: Callable[..., Child]) -> None:
    child = keep("import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)")
    heard(child, "started")
    until("its word", lambda: "deaf" in child.program.log.read_text())
    began = time.monotonic()
    stop_all([child], lambda: True)
    assert child.pid is None
    assert time.monotonic() - began < child.program.stop_seconds


def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """SIGKILL of whoever supervises: the program dies, and what it started and holds on hears of it."""
    held = "from flows.lifeline import hold_on; import time; hold_on(); print('held', flush=True); time.sleep(600)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    code = f"""
import sys, time
from pathlib import Path
from flows.supervisor import Child, Program
child = Child(Program("it", [sys.executable, "-c", {program!r}], Path({str(tmp_path / "it.log")!r})))
child.tend()
time.sleep(600)
"""
    supervising = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)})
    log = tmp_path / "it.log"
    try:
        until("its word", lambda: log.exists() and "held" in log.read_text())
        family = [kin.pid for kin in descendants(supervising.pid)]
        assert len(family) == 2, family
    finally:
        supervising.kill()
        supervising.wait()
    until("their end", lambda: all(gone(pid) for pid in family))


def test_an_orphan_that_comes_too_late_ends_by_itself() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DAILIES_LIFELINE": "1"}
    if os.getppid() == 1:
        environment["DAILIES_LIFELINE"] = "2"
    code = "from flows.lifeline import hold_on; hold_on()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "is gone" in done.stderr


def test_a_large_log_is_moved_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "it.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(4):
            writer.write(f"{number}".encode() * 100)
            rotate(log, largest=100, kept=2)
        writer.write(b"last")
    assert log.read_bytes() == b"last"
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["it.log", "it.log.1", "it.log.2"]
    assert (tmp_path / "it.log.1").read_bytes() == b"3" * 100
