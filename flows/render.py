"""`render`: one batch of shots, claimed, worked and given back. The flow that a work pool runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from catalog.catalog import Catalog
from catalog.claims import Claim
from catalog.queries import run_state, shots_of
from flows.settings import Settings
from flows.worker_name import worker_name
from flows.workshop import workshop
from tasks.line import Line

_THREE: Any = ThreadPoolTaskRunner(max_workers=3)
"""A thread for each step of the line; unbounded is the default."""


@flow(name="render", task_runner=_THREE, persist_result=False)
def render(run_id: str, batch_id: str, shot_ids: list[str]) -> None:
    """Claim the shots of a batch that are free and take them through prepare, generate and deliver.

    Safe to run twice, at once or later: a shot is worked by whoever holds its claim, and what is done stays done.
    """
    settings = Settings()
    stop = threading.Event()
    with workshop(settings, stop.is_set) as tools:
        catalog = tools.catalog
        claims = catalog.claim(batch_id, shot_ids, worker_name(), settings.lease_seconds)
        catalog.set_batch_state(batch_id, "running", flow_run_id=flow_run.id or None)
        held = {claim.shot_id for claim in claims}
        line = Line(tools, claims, [row for row in shots_of(catalog, run_id, ["claimed"]) if row.id in held])
        with _kept_alive(catalog, run_id, claims, settings.lease_seconds, stop):
            # One task a step, each taking shots as the step before is ready with them; only ids cross between them.
            steps = [
                task(name=step.__name__, cache_policy=NO_CACHE, persist_result=False)(step).submit()
                for step in (line.prepare, line.generate, line.deliver)
            ]
            for step in steps:
                step.result()
        catalog.set_batch_state(batch_id, "cancelled" if stop.is_set() else "done")


@contextmanager
def _kept_alive(
    catalog: Catalog, run_id: str, claims: list[Claim], lease_seconds: float, stop: threading.Event
) -> Iterator[None]:
    """Renew the leases while the batch is worked, and notice within a second that a person cancelled the run."""
    over = threading.Event()

    def beat() -> None:
        since = 0
        while not over.wait(1.0):
            since += 1
            if run_state(catalog, run_id) == "cancelling":
                stop.set()
            if since >= lease_seconds / 3:
                since = 0
                catalog.renew(claims, lease_seconds)

    thread = threading.Thread(target=beat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
