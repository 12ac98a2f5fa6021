"""Cancelling a run from anywhere: what waits is not made, what is in work stops within seconds."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.queries import run
from flows.hand_out import HandOut, Here, chosen
from flows.keeper import ENDED, keep_seconds, take_over, tend
from flows.settings import Settings
from flows.worker_name import worker_name
from manifests.errors import InputError
from tasks.tools import Tools


@dataclass(frozen=True)
class Cancelled:
    """What became of it: the run's `state` now, how many waiting `shots` were cancelled; `was_over` before that."""

    state: str
    shots: int
    was_over: bool


def _hand_out(tools: Tools, settings: Settings) -> HandOut:
    """A run can be cancelled where no server is: flow runs that nobody withdraws find nothing to do."""
    try:
        return chosen(tools, settings)
    except InputError:
        return Here()


def cancel(tools: Tools, run_id: str) -> Cancelled:
    """Cancel a run. One that nobody keeps is ended here, once nothing of it is in work; else its keeper does that."""
    catalog, settings = tools.catalog, Settings()
    if (state := run(catalog, run_id).state) in ENDED:
        return Cancelled(state, 0, True)
    shots = catalog.cancel_run(run_id, worker_name())
    if take_over(catalog, run_id, keep_seconds(settings), asked=True):
        try:
            tend(tools, run_id, _hand_out(tools, settings))
        finally:
            catalog.let_go(run_id, worker_name())
    return Cancelled(run(catalog, run_id).state, shots, False)
