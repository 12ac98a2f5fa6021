"""Runs that are killed or cancelled: what was finished stays, the rest is made by `resume`, and nothing is half."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from catalog.queries import run_status
from flows.cli import command
from tests.flows.conftest import Start
from tests.flows.like_shots import manifest_of, when_delivered, whole
from tests.flows.processes import ENOUGH
from tests.prefect_schema import with_schema
from tests.workroom import Workroom, index_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small")]


@pytest.mark.parametrize("point", ["execution.begun:2", "publish.renamed:2", "delivery.done:1"])
@pytest.mark.promise("kill -9 loses no finished stage")
def test_a_run_killed_anywhere_is_finished_by_a_resume(home: Workroom, dailies: Start, point: str) -> None:
    manifest = manifest_of(home, 2)
    killed = dailies("run", str(manifest), DAILIES_FAILPOINT=point)
    said, _ = killed.communicate(timeout=ENOUGH)
    assert killed.returncode == -signal.SIGKILL, said
    out = home.folder / "out"
    assert not out.exists() or not list(out.iterdir()), "nothing reaches people before it is whole"
    assert command(["resume"]) == 0, "at once: its lease has an hour to run, but its process is gone"
    whole(home, 2)


@pytest.mark.promise("running again does only what is missing")
def test_a_run_started_again_after_a_kill_makes_only_the_rest(home: Workroom, dailies: Start) -> None:
    manifest = manifest_of(home, 2)
    killed = dailies("run", str(manifest), DAILIES_FAILPOINT="delivery.done:1")
    said, _ = killed.communicate(timeout=ENOUGH)
    assert killed.returncode == -signal.SIGKILL, said
    before = {row.id for row in home.executions() if row.state == "done"}
    assert command(["run", str(manifest)]) == 0
    whole(home, 2)
    assert before <= {row.id for row in home.executions() if row.state == "done"}


def test_a_cancelled_run_stops_and_a_resume_completes_it(home: Workroom, dailies: Start) -> None:
    shots = 12
    running = dailies("run", str(manifest_of(home, shots)))
    run_id = when_delivered(home, running, 1)
    assert command(["cancel"]) == 0
    said, _ = running.communicate(timeout=ENOUGH)
    assert running.returncode == 1, said
    with home.tools() as tools:
        status = run_status(tools.catalog, run_id)
    states = dict(status.run.shots)
    assert status.run.state == "cancelled"
    assert states["done"] >= 1 and states["cancelled"] >= 1 and sum(states.values()) == shots, states
    assert status.running == ()
    assert not list((home.settings.home / "store" / "incoming").iterdir()), "nothing half-made is left in the store"
    assert {row["state"] for row in index_of(home.folder / "out")} == {"done", "cancelled"}

    assert command(["resume"]) == 0
    whole(home, shots)


def test_ctrl_c_gives_the_shots_back_and_a_resume_completes_them(home: Workroom, dailies: Start) -> None:
    shots = 12
    running = dailies("run", str(manifest_of(home, shots)))
    run_id = when_delivered(home, running, 1)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=ENOUGH)
    assert running.returncode == 1, said
    with home.tools() as tools:
        status = run_status(tools.catalog, run_id)
    states = dict(status.run.shots)
    assert status.run.state == "cancelled", said
    assert set(states) == {"done", "cancelled"} and sum(states.values()) == shots, states
    assert command(["resume"]) == 0
    whole(home, shots)


def test_a_killed_run_takes_its_prefect_server_along(home: Workroom, dailies: Start) -> None:
    manifest = manifest_of(home, 1)
    own = {"PREFECT_API_URL": "", "PREFECT_HOME": str(with_schema(home.settings.prefect_home))}
    killed = dailies("run", str(manifest), DAILIES_FAILPOINT="publish.done:1", **own)
    said, _ = killed.communicate(timeout=ENOUGH)
    assert killed.returncode == -signal.SIGKILL, said
    deadline = time.monotonic() + ENOUGH
    while left := _processes_of(home):
        assert time.monotonic() < deadline, f"processes {left} outlived the run"
        time.sleep(0.2)


def _processes_of(home: Workroom) -> list[int]:
    """Processes that were started for runs in this home."""
    mark = f"DAILIES_HOME={home.settings.home}".encode()
    found: list[int] = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            told = (process / "environ").read_bytes()
        except (FileNotFoundError, PermissionError, ProcessLookupError):  # it ended, or it is another user's
            continue
        if mark in told.split(b"\0"):
            found.append(int(process.name))
    return found
