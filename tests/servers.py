"""A whole Prefect server for tests, with its schedules, as `dailies up` runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from flows.listening import listen
from tests.prefect_schema import with_schema

ROOT = Path(__file__).parents[1]
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
}


@dataclass(frozen=True)
class PrefectServer:
    """`environment` is what processes need to work with it."""

    url: str
    environment: Mapping[str, str]

    def ask(self, path: str, **wanted: Any) -> Any:
        token = httpx.get(f"{self.url}/csrf-token", params={"client": "tests"}, timeout=60).json()["token"]
        headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "tests"}
        answer = httpx.post(f"{self.url}/{path}", json=wanted, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def deployments(self) -> dict[str, dict[str, Any]]:
        """What a deployment says, by flow/name; without ids and times."""
        flows = {one["id"]: one["name"] for one in self.ask("flows/filter")}
        found: dict[str, dict[str, Any]] = {}
        for one in self.ask("deployments/filter"):
            schedules = [{"schedule": s["schedule"], "active": s["active"]} for s in one["schedules"]]
            for schedule in schedules:  # an interval is anchored at the moment it was made
                schedule["schedule"].pop("anchor_date", None)
            keys = (
                "entrypoint",
                "description",
                "parameters",
                "tags",
                "work_pool_name",
                "work_queue_name",
                "pull_steps",
            )
            limit = {key: one[key] for key in ("concurrency_limit", "concurrency_options")}
            found[f"{flows[one['flow_id']]}/{one['name']}"] = (
                {key: one[key] for key in keys} | limit | {"schedules": schedules}
            )
        return found

    def scheduled(self, deployment: str, seconds: float) -> list[Any]:
        """Runs of it that wait for their time, as soon as there are any."""
        until = time.monotonic() + seconds
        named = httpx.get(f"{self.url}/deployments/name/{deployment}", timeout=60).json()
        while time.monotonic() < until:
            runs = self.ask("flow_runs/filter", deployments={"id": {"any_": [named["id"]]}})
            if waiting := [run for run in runs if run["state_type"] == "SCHEDULED"]:
                return waiting
            time.sleep(1)
        return []


@contextmanager
def prefect_server(home: Path, environment: Mapping[str, str]) -> Iterator[PrefectServer]:
    """A server of its own, gone at the end."""
    with listen() as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        shared = {**QUIET, "PREFECT_HOME": str(with_schema(home)), "PREFECT_API_URL": url}
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.prefect_server", str(listening.fileno())],
            pass_fds=[listening.fileno()],
            env={**os.environ, **environment, **shared, "PYTHONPATH": str(ROOT), "PREFECT_SERVER_UI_ENABLED": "false"},
        )
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=280):
            yield PrefectServer(url, shared)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
