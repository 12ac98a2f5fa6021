"""`reconcile`: goes on with every run whose keeper is gone, and finishes what was being published. Runs by itself.

A small scheduled flow. It becomes the keeper of each run that nobody keeps until that is over; where there is none it
ends at once. Who was killed, parent, worker or an earlier reconcile, makes no difference; two at once do no harm.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from prefect import flow
from prefect.runtime import deployment

from catalog.catalog import Catalog
from catalog.facts import untold_nights
from catalog.queries import run, unkept_runs
from flows.hand_out import chosen
from flows.keeper import keep
from flows.morning import close_night
from flows.notify.telling import telling
from flows.prefect_hints import PrefectAway, hints_of, skip_missed
from flows.settings import Settings
from flows.workshop import workshop

log = logging.getLogger("dailies.keeper")


@flow(name="reconcile", persist_result=False)
def reconcile() -> list[str]:
    """Keep each run that nobody keeps until it is over; returns those. One that fails keeps no other from its end.

    A schedule's run that paused is kept until its report is told.
    """
    settings, stopped = Settings(), threading.Event()
    with workshop(settings) as tools, telling(tools.catalog, settings):
        _skip_missed()
        tools.catalog.recover()
        unkept, untold = unkept_runs(tools.catalog), untold_nights(tools.catalog)
        paused = [one for one in untold if run(tools.catalog, one).state == "paused"]
        heed_prefect(tools.catalog, unkept)

        def adopt(run_id: str) -> None:
            try:
                parent = run(tools.catalog, run_id).flow_run_id  # a person may still cancel it on Prefect's page
                keep(tools, run_id, chosen(tools, settings, adopting=True), parent, stopped=stopped.is_set)
                close_night(tools.catalog, settings, run_id)
            except Exception:  # whatever it is, it is this run's alone
                log.exception("run %s: the next reconcile tries again", run_id)

        _side_by_side(adopt, [*unkept, *paused], stopped)
        for run_id in untold_nights(tools.catalog):  # whose keeper died between its end and its report
            try:
                close_night(tools.catalog, settings, run_id)
            except Exception:  # nor is a report anybody else's
                log.exception("run %s: the next reconcile tells it", run_id)
    return unkept


def _side_by_side(adopt: Callable[[str], None], run_ids: Sequence[str], stopped: threading.Event) -> None:
    """Each in a thread of its own but the last, which needs none; all end soon after this one is told to."""
    threads = [threading.Thread(target=adopt, args=(one,), name=f"keep {one}") for one in run_ids[:-1]]
    try:
        for thread in threads:
            thread.start()
        for one in run_ids[-1:]:
            adopt(one)
        for thread in threads:
            thread.join()
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


def _skip_missed() -> None:
    """After an hour without a worker there are sixty of us to run, and one is enough."""
    if not deployment.id:
        return
    try:
        skip_missed(deployment.id)
    except PrefectAway as away:
        log.warning("%s", away)


def heed_prefect(catalog: Catalog, run_ids: list[str]) -> None:
    """Cancel those of these runs whose parent flow run a person cancelled on Prefect's page. One call for 200."""
    parents = {flow_run_id: one for one in run_ids if (flow_run_id := run(catalog, one).flow_run_id)}
    try:
        hints = hints_of(parents)
    except PrefectAway as away:
        log.warning("%s", away)
        return
    for flow_run_id, run_id in parents.items():
        if (hint := hints.get(flow_run_id)) and hint.cancelled:
            catalog.cancel_run(run_id, "prefect")
