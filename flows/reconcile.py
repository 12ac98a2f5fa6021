"""`reconcile`: goes on with every run whose keeper is gone, and finishes what was being published. Runs by itself.

A small scheduled flow. It does one step for each run and ends; what is left is the next one's. Who was killed, the
parent, a worker or an earlier reconcile, makes no difference.
"""

from __future__ import annotations

import logging

from prefect import flow

from catalog.catalog import Catalog
from catalog.errors import CatalogError
from catalog.queries import run, unkept_runs
from flows.hand_out import chosen
from flows.keeper import held, tend
from flows.prefect_hints import PrefectAway, hints_of
from flows.settings import Settings
from flows.workshop import workshop

log = logging.getLogger("dailies.keeper")


@flow(name="reconcile", persist_result=False)
def reconcile() -> list[str]:
    """Tend each run that nobody keeps once; returns those. A run whose step fails does not keep others from theirs."""
    settings = Settings()
    tended: list[str] = []
    with workshop(settings) as tools:
        tools.catalog.recover()
        hand_out = chosen(tools, settings, adopting=True)
        unkept = unkept_runs(tools.catalog)
        heed_prefect(tools.catalog, unkept)
        for run_id in unkept:
            try:
                with held(tools, run_id, None) as mine:
                    if mine():
                        tend(tools, run_id, hand_out)
                        tended.append(run_id)
            except (CatalogError, OSError):
                log.exception("run %s: the next reconcile tries again", run_id)
    return tended


def heed_prefect(catalog: Catalog, run_ids: list[str]) -> list[str]:
    """Cancel those of these runs whose parent flow run a person cancelled on Prefect's page. One call for 200."""
    parents = {flow_run_id: one for one in run_ids if (flow_run_id := run(catalog, one).flow_run_id)}
    try:
        hints = hints_of(parents)
    except PrefectAway as away:
        log.warning("%s", away)
        return []
    cancelled = [run_id for flow_run_id, run_id in parents.items() if (h := hints.get(flow_run_id)) and h.cancelled]
    for run_id in cancelled:
        catalog.cancel_run(run_id, "prefect")
    return cancelled
