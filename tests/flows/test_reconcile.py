"""Runs whose parent is gone: `reconcile` alone finishes them, wherever the parent was killed; nobody calls resume."""

from __future__ import annotations

import shutil
import signal
import threading
from collections import Counter

import pytest

from catalog.queries import incidents_of, latest_run, run, run_status, shots_of
from flows.cli import command
from tests.flows.conftest import Start
from tests.flows.like_shots import manifest_of, when_delivered, whole
from tests.flows.processes import ENOUGH, until
from tests.prefect_schema import with_schema
from tests.workroom import Workroom, index_of

LEASE = "5"

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small")]


@pytest.fixture(autouse=True)
def here(home: Workroom, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is adopted is worked by the process that adopts it; a silent keeper has lost its run in five seconds."""
    monkeypatch.setenv("DAILIES_RUN_ON", "here")
    monkeypatch.setenv("DAILIES_LEASE_SECONDS", LEASE)


def run_of(home: Workroom) -> str:
    with home.tools() as tools:
        found = latest_run(tools.catalog)
    assert found is not None
    return found


def state_of(home: Workroom, run_id: str) -> str:
    with home.tools() as tools:
        return run(tools.catalog, run_id).state


def reconciled(home: Workroom, run_id: str) -> None:
    from flows.reconcile import reconcile

    def over() -> bool:
        reconcile()
        return state_of(home, run_id) not in ("planned", "running", "cancelling")

    until("reconcile", over)


@pytest.mark.parametrize(
    "point",
    [
        "run.submitted",
        "batch.planned",
        "batch.begun",
        "claim.taken",
        "publish.renamed:2",
        "delivery.done:2",
        "shot.finished:2",
        "run.filled",
    ],
)
def test_a_run_whose_parent_was_killed_is_finished_by_reconcile_alone(
    home: Workroom, dailies: Start, point: str
) -> None:
    killed = dailies("run", str(manifest_of(home, 2)), DAILIES_FAILPOINT=point)
    said, _ = killed.communicate(timeout=ENOUGH)
    assert killed.returncode == -signal.SIGKILL, said
    run_id = run_of(home)
    assert state_of(home, run_id) in ("planned", "running")
    reconciled(home, run_id)
    assert state_of(home, run_id) == "done"
    whole(home, 2)
    with home.tools() as tools:
        told = Counter(one.code for one in incidents_of(tools.catalog, run_id))
    assert told["RUN_ADOPTED"] == 1, told


def test_a_cancelled_run_whose_parent_was_killed_is_ended_by_reconcile(home: Workroom, dailies: Start) -> None:
    killed = dailies("run", str(manifest_of(home, 2)), DAILIES_FAILPOINT="shot.finished:1")
    killed.communicate(timeout=ENOUGH)
    run_id = run_of(home)
    with home.tools() as tools:
        tools.catalog.cancel_run(run_id, "test")
    reconciled(home, run_id)
    assert state_of(home, run_id) == "cancelled"
    assert Counter(row["state"] for row in index_of(home.folder / "out")) == {"done": 1, "cancelled": 1}


def test_a_run_goes_on_after_prefects_own_database_is_gone(home: Workroom, dailies: Start) -> None:
    own = {"PREFECT_API_URL": "", "PREFECT_HOME": str(with_schema(home.settings.prefect_home))}
    killed = dailies("run", str(manifest_of(home, 2)), DAILIES_FAILPOINT="delivery.done:1", **own)
    said, _ = killed.communicate(timeout=ENOUGH)
    assert killed.returncode == -signal.SIGKILL, said
    shutil.rmtree(home.settings.prefect_home)
    resumed = dailies("resume", **own)
    said, _ = resumed.communicate(timeout=ENOUGH)
    assert resumed.returncode == 0, said
    whole(home, 2)


QUICK = "flows.keeper.LONGEST_KEEP=1.5 flows.keeper.PREFECT_SECONDS=0.2"
"""A keeper that says twice a second that it lives, and asks Prefect each time."""


def test_a_person_cancels_on_prefects_page(home: Workroom, dailies: Start) -> None:
    from uuid import UUID

    from prefect.client.orchestration import get_client
    from prefect.states import Cancelled

    shots = 90  # the run must last for some of those seconds on any machine
    running = dailies("run", str(manifest_of(home, shots)), NUMBERS=QUICK)
    run_id = when_delivered(home, running, 1)
    with home.tools() as tools:
        flow_run_id = run(tools.catalog, run_id).flow_run_id
    assert flow_run_id is not None
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(flow_run_id), Cancelled(), force=True)
    said, _ = running.communicate(timeout=ENOUGH)
    with home.tools() as tools:
        status = run_status(tools.catalog, run_id)
    states = dict(status.run.shots)
    assert status.run.state == "cancelled", (said, states)
    assert set(states) == {"done", "cancelled"} and sum(states.values()) == shots, states
    assert status.running == ()


def test_a_signal_stops_the_parent_and_gives_everything_back(home: Workroom, dailies: Start) -> None:
    shots = 12
    running = dailies("run", str(manifest_of(home, shots)))
    run_id = when_delivered(home, running, 1)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=ENOUGH)
    with home.tools() as tools:
        found = run(tools.catalog, run_id)
        assert found.state == "running" and "claimed" not in found.shots, found
        assert found.keeper is None
        assert {shot.deaths for shot in shots_of(tools.catalog, run_id)} == {0}, "nobody died"
    reconciled(home, run_id)
    whole(home, shots)


def test_a_batch_that_is_run_twice_at_once_makes_each_shot_once(home: Workroom) -> None:
    from flows.render import render

    with home.tools() as tools:
        planned = home.plan(manifest_of(home, 4))
        run_id = home.submit(tools, planned)
        batch = tools.catalog.new_batch(run_id, [row.id for row in shots_of(tools.catalog, run_id)])
    threads = [threading.Thread(target=render, args=(run_id, batch)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENOUGH)
    reconciled(home, run_id)
    whole(home, 4)
    assert not [row for row in home.executions() if row.state == "void"]


def test_resume_of_a_run_that_is_done_says_so_and_fills_its_folder_again(
    home: Workroom, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command(["run", str(manifest_of(home, 1))]) == 0
    shutil.rmtree(home.folder / "out")
    assert command(["resume"]) == 0
    assert "nothing is left to do" in capfd.readouterr().err
    whole(home, 1)


def test_resume_of_a_run_that_another_process_keeps_follows_it(home: Workroom, dailies: Start) -> None:
    from flows.hand_out import Here
    from flows.keeper import tend

    planned = home.plan(manifest_of(home, 2))
    with home.tools() as tools:
        run_id = home.submit(tools, planned)
        assert tools.catalog.keep_run(run_id, "elsewhere:1:1", ENOUGH)
        following = dailies("resume", run_id)
        assert following.stdout is not None
        while f"elsewhere:1:1 keeps run {run_id}" not in (line := following.stdout.readline()):
            assert line, "it ended without following"
        assert tend(tools, run_id, Here())
    said, _ = following.communicate(timeout=ENOUGH)
    assert following.returncode == 0, said
    whole(home, 2)
