"""What a Prefect server is told of Dailies, and what it keeps of what a person changed there."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect import Flow

from flows.deployments import POOLS, PRIORITIES, Deployment, apply, deployments

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("one", deployments(), ids=lambda one: f"{one.flow}/{one.name}")
def test_an_installed_package_is_enough_to_run_a_deployment(one: Any) -> None:
    module, _, name = one.entrypoint.rpartition(".")
    flow = getattr(import_module(module), name)
    assert isinstance(flow, Flow) and flow.name == one.flow
    assert one.queue in POOLS[one.pool]


def test_a_server_learns_pools_queues_and_deployments_and_keeps_what_a_person_changed(prefect_server: str) -> None:
    from prefect.client.orchestration import get_client

    apply(60.0)
    for pool, queues in POOLS.items():
        told = httpx.post(f"{prefect_server}/work_pools/{pool}/queues/filter", json={}, timeout=60).json()
        order = [queue["name"] for queue in sorted(told, key=lambda queue: queue["priority"])]
        assert [name for name in order if name in queues] == list(queues)
        assert order.index("urgent") < order.index("normal") < order.index("low")
    assert PRIORITIES == ("urgent", "normal", "low")
    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("upkeep/upkeep")
        assert [one.active for one in nightly.schedules] == [True]
        client.update_deployment_schedule(nightly.id, nightly.schedules[0].id, active=False)
        apply(30.0)
        again = client.read_deployment_by_name("upkeep/upkeep")
        assert [one.active for one in again.schedules] == [False]
        (beat,) = client.read_deployment_by_name("reconcile/reconcile").schedules
        assert beat.schedule.interval.total_seconds() == 30.0  # type: ignore[union-attr]
        render = client.read_deployment_by_name("render/gpu")
        assert (render.entrypoint, render.work_pool_name) == ("flows.render.render", "gpu")


def test_the_file_for_prefect_deploy_says_the_same() -> None:
    told = yaml.safe_load((ROOT / "deploy" / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert {one["name"]: one for one in told} == {one.name: _as_yaml(one) for one in deployments()}


def _as_yaml(one: Deployment) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": one.name,
        "entrypoint": one.entrypoint,
        "description": one.about,
        "tags": ["dailies"],
        "parameters": dict(one.parameters),
        "work_pool": {"name": one.pool, "work_queue_name": one.queue},
    }
    schedule = {"cron": one.cron} if one.cron else {"interval": one.every} if one.every else None
    if schedule:
        facts["schedules"] = [schedule if one.active else {**schedule, "active": False}]
    return facts
