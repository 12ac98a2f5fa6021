"""Batches on a work pool: a real Prefect server, a real worker, and a person who changes their mind."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import pytest

from catalog.queries import latest_run, open_batches, run, workers
from flows.cli import command
from tests.flows import processes
from tests.flows.conftest import Start
from tests.flows.like_shots import manifest_of
from tests.workroom import Workroom, index_of

ENOUGH = 420.0
"""Longer than elsewhere: a worker starts a process for each batch."""
until = partial(processes.until, seconds=ENOUGH)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.usefixtures("small")]


def test_a_run_on_a_pool_outlives_a_cancelled_batch_and_ends_when_it_is_cancelled(
    home: Workroom, dailies: Start, prefect_server: str
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling

    from flows.deployments import apply

    shots = 80
    apply()
    dailies("worker", "start", "--pool", "cpu")
    with home.tools() as tools:
        until("a worker", lambda: bool(workers(tools.catalog, pool="cpu")))
        parent = dailies("run", str(manifest_of(home, shots)), DAILIES_RUN_ON="pools")
        until("a run", lambda: latest_run(tools.catalog) is not None)
        run_id = latest_run(tools.catalog)
        assert run_id is not None

        def in_work() -> bool:
            return bool(run(tools.catalog, run_id).shots.get("claimed"))

        until("a batch in work", in_work)
        (batch,) = [one for one in open_batches(tools.catalog, run_id) if one.state == "running"]
        assert batch.worker is not None and batch.worker.endswith("/cpu") and batch.flow_run_id is not None
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(batch.flow_run_id), Cancelling())
        until("its shots given back", lambda: not in_work())
        assert run(tools.catalog, run_id).state == "running", "one batch was cancelled, not the run"

        until("another batch in work", in_work)
        assert command(["cancel"]) == 0
        until("the end", lambda: run(tools.catalog, run_id).state == "cancelled")
        said, _ = parent.communicate(timeout=ENOUGH)
        assert parent.returncode == 1, said
        states = dict(run(tools.catalog, run_id).shots)
        assert set(states) <= {"done", "cancelled"} and sum(states.values()) == shots, states
    assert len(index_of(home.folder / "out")) == shots
