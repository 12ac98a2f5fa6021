"""Several worker processes on one catalog: latecomers are refused, one that always fails leaves, all is made once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from catalog import Catalog
from catalog.queries import incidents_of, run_status, shots_of, workers
from catalog.tables import Delivery
from flows.request import Request
from tests.postgres import shared
from tests.workroom import Workroom

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, room: Workroom) -> Iterator[Workroom]:
    """A room on either database."""
    if request.param == "sqlite":
        yield room
        return
    url = shared().new()
    room.settings = room.settings.model_copy(update={"database_url": url})
    yield room
    shared().drop(url)


class Process:
    """One worker process, as `line_worker.py` says."""

    def __init__(self, room: Workroom, name: str, run_id: str, mode: str = "well", shots: int = 6, lease: float = 60):
        settings = room.settings
        told = {"HOME": str(settings.home), "DATABASE_URL": settings.catalog_url, "DEVICE": "cpu", "WORKERS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.tasks.line_worker", name, run_id, mode, str(shots), str(lease)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {f"DAILIES_{key}": value for key, value in told.items()},
        )

    def heard(self, word: str) -> None:
        """Wait until it says `word`; what it says before is let pass."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == word:
                return
        raise AssertionError(f"it ended ({self.process.wait()}) without a word of '{word}'")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ended(self) -> int:
        self.process.communicate(timeout=240)
        return self.process.returncode


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Processes that are ended with the test."""
    processes: list[Process] = []
    yield processes
    for one in processes:
        one.process.kill()
        one.process.communicate()


def submitted(room: Workroom, shots: int) -> str:
    for number in range(shots):
        room.picture(f"{number}.png", number, (240, 180))
    manifest = room.manifest([{"id": f"s{number}", "source": f"{number}.png"} for number in range(shots)])
    with room.tools() as tools:
        request = Request(manifest)
        return room.submit(tools, request.plan(tools, request.load()))


def made_once(room: Workroom, catalog: Catalog, shots: int) -> None:
    """One row per output: each recipe done once, each delivery current once."""
    done = Counter(row.recipe_sha256 for row in room.executions(state="done"))
    assert set(done.values()) == {1}
    assert Counter(row.stage for row in room.executions(state="done"))["encode"] == shots
    with catalog.database.read() as connection:
        current = select(func.count()).select_from(Delivery).where(Delivery.state == "current")
        assert connection.scalar(current) == shots


@pytest.mark.promise("one row per output")
def test_eight_workers_make_every_output_once(place: Workroom, started: list[Process]) -> None:
    run_id = submitted(place, 6)
    started += [Process(place, f"h/{number}", run_id, shots=2) for number in range(8)]
    for one in started:
        one.heard("ready")
    for one in started:
        one.go_on()
    assert [one.ended() for one in started] == [0] * 8
    with place.tools() as tools:
        assert tools.catalog.finish_run(run_id) == "done"
        assert [(shot.state, shot.attempts, shot.deaths) for shot in shots_of(tools.catalog, run_id)] == [
            ("done", 1, 0)
        ] * 6
        made_once(place, tools.catalog, 6)


def test_one_of_four_workers_always_fails_and_every_shot_is_delivered(place: Workroom, started: list[Process]) -> None:
    run_id = submitted(place, 12)
    bad = Process(place, "h/bad", run_id, "broken")
    started += [bad, *(Process(place, f"h/good{number}", run_id, shots=2) for number in range(3))]
    for one in started:
        one.heard("ready")
    bad.go_on()
    bad.heard("claimed")
    for one in started[1:]:
        one.go_on()
    assert [one.ended() for one in started] == [0] * 4
    with place.tools() as tools:
        assert tools.catalog.finish_run(run_id) == "done"
        assert {shot.attempts for shot in shots_of(tools.catalog, run_id)} == {1}, "the bad worker charged nothing"
        states = {worker.name: worker.state for worker in workers(tools.catalog, live=False)}
        assert states == {"h/bad": "drained"} | {f"h/good{number}": "stopped" for number in range(3)}
        (incident,) = incidents_of(tools.catalog, run_id)
        assert (incident.code, incident.worker) == ("WORKER_DRAINED", "h/bad")
        assert "the picture library is broken here" in incident.message
        made_once(place, tools.catalog, 12)


@pytest.mark.promise("a stale worker cannot publish")
def test_a_worker_that_slept_past_its_lease_cannot_publish(place: Workroom, started: list[Process]) -> None:
    run_id = submitted(place, 1)
    slow = Process(place, "h/slow", run_id, "sleepy", lease=1.0)
    started.append(slow)
    slow.heard("ready")
    slow.go_on()
    slow.heard("working")
    os.kill(slow.process.pid, signal.SIGSTOP)
    with place.tools() as tools:
        for _ in range(200):
            if tools.catalog.reclaim_expired(run_id):
                break
            time.sleep(0.1)
        assert place.work(tools, run_id).status.run.state == "done"
        before = place.executions(state="done")
        os.kill(slow.process.pid, signal.SIGCONT)
        slow.go_on()
        assert slow.ended() == 0
        assert place.executions(state="done") == before, "nothing of it became visible"
        status = run_status(tools.catalog, run_id)
        assert [(shot.state, shot.deaths) for shot in shots_of(tools.catalog, run_id)] == [("done", 0)]
        refused = [incident for incident in status.incidents if incident.code == "STALE_CLAIM"]
        assert [(one.worker, one.shot_id) for one in refused] == [("h/slow", f"{run_id}.00001")]
        assert "another worker has the shot" in refused[0].message
        assert "WORKER_LOST" in status.incident_counts
        made_once(place, tools.catalog, 1)
