"""What we do not do: one Prefect task for each step of each shot. The same steps, the same catalog, the same server."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from catalog.queries import shots_of
from flows.keeper import fill_out_folder
from flows.request import Request
from flows.settings import Settings
from flows.worker_name import worker_name
from flows.workshop import workshop
from tasks import steps
from tasks.submission import submit
from tasks.work import Work

_THREE: Any = ThreadPoolTaskRunner(max_workers=3)


@flow(name="per_task", task_runner=_THREE, persist_result=False)
def run_per_task(manifest: Path) -> None:
    """Plan, submit, claim; then every step of every shot as a task that waits for the one before."""
    with workshop(Settings()) as tools:
        catalog, request = tools.catalog, Request(manifest)
        loaded = request.load()
        planned = request.plan(tools, loaded)
        out = str(loaded.out_folder)
        run_id = submit(catalog, planned, triggered_by="benchmark", out_folder=out, flow_run_id=None)
        catalog.set_run_state(run_id, "running")
        shots = [shot.id for shot in shots_of(catalog, run_id, ["waiting"])]
        claims = catalog.claim(catalog.new_batch(run_id, shots), shots, worker_name(), 3600)
        rows = {row.id: row for row in shots_of(catalog, run_id, ["claimed"])}
        works = [Work(tools, claim, rows[claim.shot_id]) for claim in claims]

        def step(name: str, number: int) -> None:
            (error,) = getattr(steps, name)(tools, [works[number]])
            if error is not None:
                raise error
            if name == "deliver":
                catalog.finish_shot(works[number].claim, "done")

        tasks = [
            task(name=name, cache_policy=NO_CACHE, persist_result=False)(partial(step, name))
            for name in ("prepare", "generate", "deliver")
        ]
        futures: list[Any] = []
        for number in range(len(works)):
            before: list[Any] = []
            for one in tasks:
                before = [one.submit(number, wait_for=before)]
            futures += before
        for future in futures:
            future.result()
        catalog.finish_run(run_id)
        fill_out_folder(catalog, run_id)
