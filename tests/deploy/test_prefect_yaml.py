"""`deploy/prefect.yaml` says what the code says, and Prefect's own `deploy` takes it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.deployments import Deployment, deployments
from flows.house import _SERVER
from tests.servers import PrefectServer, prefect_server

DEPLOY = Path(__file__).parents[2] / "deploy"
FILE = DEPLOY / "prefect.yaml"


def told(one: dict[str, Any]) -> Deployment:
    """A deployment of the file, as the code would say it."""
    module, _, flow = one["entrypoint"].rpartition(".")
    (schedule,) = one.get("schedules") or [{}]
    assert "concurrency_limit" not in one
    assert one["tags"] == ["dailies"] and module.startswith("flows.")
    return Deployment(
        flow,
        one["name"],
        one["entrypoint"],
        one["work_pool"]["name"],
        one["work_pool"]["work_queue_name"],
        one["description"],
        cron=schedule.get("cron", ""),
        every=float(schedule.get("interval", 0)),
        active=schedule.get("active", True),
        parameters=one["parameters"],
    )


def test_the_file_is_equal_to_the_code() -> None:
    written = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert [told(one) for one in written["deployments"]] == list(deployments())
    assert written["build"] is written["push"] is written["pull"] is None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    with prefect_server(tmp_path_factory.mktemp("prefect"), _SERVER) as started:
        yield started


def prefect(server: PrefectServer, folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *words],
        cwd=folder,
        env={**os.environ, **server.environment, "PYTHONPATH": str(DEPLOY.parent)},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_prefects_own_deploy_makes_the_same_of_it(server: PrefectServer, tmp_path: Path) -> None:
    """Deployed from the file, then by the code: the code finds nothing to change."""
    shutil.copy(FILE, tmp_path)
    for pool in ("cpu", "gpu"):
        prefect(server, tmp_path, "work-pool", "create", pool, "--type", "process")
    prefect(server, tmp_path, "deploy", "--all")
    from_file = server.deployments()
    code = "from flows.deployments import apply; apply(60.0)"
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **server.environment, "PYTHONPATH": str(DEPLOY.parent)},
        check=True,
        timeout=250,
    )
    assert set(from_file) == {f"{one.flow}/{one.name}" for one in deployments()}
    assert server.deployments() == from_file


@pytest.mark.slow
def test_what_is_scheduled_starts(server: PrefectServer) -> None:
    """Prefect inserts scheduled runs in bulk, which newer SQLAlchemy refuses unless the server is taught."""
    waiting = server.scheduled("reconcile/reconcile", seconds=60)
    assert waiting, "no run of reconcile was scheduled within a minute"
