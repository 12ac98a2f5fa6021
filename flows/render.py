"""`render`: one batch of shots, claimed, worked and given back. The flow that a work pool runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner

from catalog.claims import Claim
from catalog.errors import CatalogError
from catalog.failpoints import reach
from catalog.queries import BatchRow, batch, batch_shots, shots_in_batch
from flows.card_state import OwnCard
from flows.own_worker import LOCAL, own_worker
from flows.prefect_hints import cancelled_by_a_person
from flows.settings import Settings
from flows.worker_name import worker_name
from flows.workshop import workshop
from tasks.line import Line
from tasks.planner.device import device_of
from tasks.planner.fits import fits
from tasks.told_of import telling_of
from tasks.tools import Tools

OPEN = ("planned", "running")
BEAT_SECONDS = 10.0
"""Between two heartbeats of a process that works its own run."""
PREFECT_SECONDS = 10.0
"""Between two questions to Prefect whether a person cancelled this flow run: its signal may never come."""

log = logging.getLogger("dailies.render")

_THREE: Any = ThreadPoolTaskRunner(max_workers=3)
"""A thread for each step of the line; unbounded is the default."""


@flow(name="render", task_runner=_THREE, persist_result=False)
def render(run_id: str, batch_id: str) -> None:
    """Claim the shots of a batch that are free and take them through prepare, generate and deliver.

    Safe to run twice, at once or later: a shot is worked by whoever holds its claim, and what is done stays done. A
    batch that does not fit this worker goes back unclaimed. Stopped by a signal, or by a person on Prefect's page, it
    stops within a frame and gives its shots back.
    """
    settings = Settings()
    watch = _Watch()
    with workshop(settings, watch.stop.is_set) as tools:
        tools = replace(tools, leaving=watch.leave.is_set, patience_seconds=settings.patience_seconds)
        found = batch(tools.catalog, batch_id)
        if found.state not in OPEN:
            return  # it was called back, or its shots were cut anew meanwhile
        tools, unfit = _as_worker(tools, found)
        if unfit:
            _return_unclaimed(tools, found, unfit)
            return
        tools.catalog.set_batch_state(
            batch_id, "running", worker_id=tools.worker_id or None, flow_run_id=flow_run.id or None
        )
        reach("batch.begun")
        shots = shots_in_batch(tools.catalog, batch_id)
        claims = tools.catalog.claim(batch_id, shots, worker_name(), settings.lease_seconds)
        with telling_of(run_id=run_id, batch_id=batch_id, worker=tools.worker):
            log.info("batch %s begins: %d shots", batch_id, len(claims))
            try:
                card = OwnCard(device_of(tools.device).torch) if found.pool == LOCAL else None
                with watch.over(tools, run_id, claims, settings.lease_seconds, flow_run.id or None, card):
                    _work(tools, batch_id, claims, watch)
            finally:  # whatever the line did not end: nothing is kept that is not worked
                tools.catalog.release(claims)
            code, why = watch.told
            log.info("batch %s ends%s", batch_id, f": {why}" if why else "")
        tools.catalog.set_batch_state(
            batch_id, "cancelled" if code else "done", error_code=code or None, error_message=why or None
        )


def _as_worker(tools: Tools, found: BatchRow) -> tuple[Tools, str]:
    """The tools of the worker this process is, and why it may not work the batch, or ""."""
    worker = own_worker(tools)
    tools = replace(tools, worker=worker.name, worker_id=worker.id)
    orders = tools.catalog.orders(found.run_id, worker.id)
    if orders.drain:
        return tools, f"{worker.name} takes no more work"
    lacks = fits(found.needs or {}, worker.facts) if found.pool != LOCAL else []
    return tools, f"{worker.name}: {', '.join(lacks)}" if lacks else ""


def _return_unclaimed(tools: Tools, found: BatchRow, why: str) -> None:
    message = f"batch {found.id} went back unclaimed: {why}"
    tools.catalog.set_batch_state(
        found.id, "failed", worker_id=tools.worker_id, error_code="BATCH_DOES_NOT_FIT", error_message=message
    )
    tools.catalog.note_incident(
        "BATCH_DOES_NOT_FIT", message, run_id=found.run_id, batch_id=found.id, worker=tools.worker
    )


def _work(tools: Tools, batch_id: str, claims: Sequence[Claim], watch: _Watch) -> None:
    held = {claim.shot_id for claim in claims}
    line = Line(tools, claims, [row for row in batch_shots(tools.catalog, batch_id) if row.id in held])
    # One task a step, each taking shots as the step before is ready with them; only ids cross between them.
    steps: list[PrefectFuture[None]] = []
    try:
        steps += [
            task(name=step.__name__, cache_policy=NO_CACHE, persist_result=False)(step).submit() for step in line.steps
        ]
        for step in steps:
            step.result()
    except BaseException as error:
        # Prefect turns SIGTERM into an exception here, in the main thread; the line's own threads have to hear of it.
        watch.say("STOPPED", f"stopped by {type(error).__name__}")
        watch.stop.set()
        for step in steps:
            step.wait()
        tools.catalog.release(claims)
        tools.catalog.set_batch_state(batch_id, "cancelled", error_code="STOPPED", error_message=watch.told[1])
        raise


class _Watch:
    """Keeps the claims of a batch alive while it is worked, and hears what its worker has to do about it."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        """Within a frame, and what is held goes back."""
        self.leave = threading.Event()
        """Finish what is begun, and give the rest back."""
        self.told = ("", "")
        """Code and words of why it stops or leaves."""

    def say(self, code: str, why: str) -> None:
        """The first reason stands."""
        if not self.told[0]:
            self.told = (code, why)

    @contextmanager
    def over(
        self,
        tools: Tools,
        run_id: str,
        claims: Sequence[Claim],
        lease_seconds: float,
        flow_run_id: str | None,
        card: OwnCard | None,
    ) -> Iterator[None]:
        """Within, a thread renews the leases and asks each second for orders; it never ends by an error.

        `card`: of a process that is a worker by itself; others have a parent that says that they live (flows/post.py).
        """
        ended = threading.Event()

        def beat() -> None:
            renewed = asked = beaten = time.monotonic()
            while not ended.wait(1.0):
                now = time.monotonic()
                try:
                    self._heed(tools, run_id)
                    if now - renewed >= lease_seconds / 3:
                        tools.catalog.renew(claims, lease_seconds)
                        renewed = now
                    if card is not None and now - beaten >= BEAT_SECONDS:
                        beaten = now
                        tools.catalog.heartbeat(tools.worker_id, gpu=card.state())
                    if now - asked >= PREFECT_SECONDS:
                        asked = now
                        if cancelled_by_a_person(flow_run_id):
                            self.say("CANCELLED", "a person cancelled its flow run on Prefect's page")
                            self.stop.set()
                except CatalogError as error:  # away for now: the claims may outlast that, and are checked when used
                    log.warning("run %s: %s", run_id, error)
                except Exception:  # whatever it is, the leases must go on being renewed
                    log.exception("run %s", run_id)

        thread = threading.Thread(target=copy_context().run, args=(beat,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _heed(self, tools: Tools, run_id: str) -> None:
        orders = tools.catalog.orders(run_id, tools.worker_id)
        if orders.cancel:
            self.say("CANCELLED", "its run was cancelled")
            self.stop.set()
        if orders.pause:
            self.say("RUN_PAUSED", "its run was paused")
            self.leave.set()
        if orders.drain:
            self.say("WORKER_DRAINED", "its worker takes no more work")
            self.leave.set()
