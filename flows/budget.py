"""The budget of a scheduled run: nothing is handed out that would exceed it, and a run that has none left pauses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from catalog.catalog import Catalog
from catalog.facts import Night, has_budget, night, unbegun
from catalog.queries import IdleShot, OpenBatch, batch, open_batches
from flows.hand_out import HandOut
from flows.worker_name import worker_name
from flows.workshop import speeds_of
from tasks.planner.cost import Cost, cost_of
from tasks.tools import Tools

CODE: Final = "BUDGET_SPENT"
_HELD: Final = "estimate"
"""Key of a batch's needs: what it was estimated to take, in all and at most for one shot."""


class Purse:
    """What a run may still hand out. Without a budget that is everything, and nothing is reckoned."""

    def __init__(self, tools: Tools, run_id: str, hand_out: HandOut) -> None:
        self._tools, self._run_id, self._hand_out = tools, run_id, hand_out
        self._limited = has_budget(tools.catalog, run_id)
        self._costs: dict[str, Cost] = {}

    def affordable(self, idle: Sequence[IdleShot], opened: Sequence[OpenBatch]) -> Sequence[IdleShot]:
        """The first of the idle shots, in the manifest's order, that fit beside what was spent and is handed out.

        Where not even one does and nothing is in work, the run pauses and says what is left.
        """
        if not self._limited or not idle or (found := night(self._tools.catalog, self._run_id)) is None:
            return idle
        means, speeds = self._hand_out.means(self._tools), speeds_of(self._tools.catalog)
        taken = _spent(found)
        for one in opened:
            taken += _held(self._tools.catalog, one.id)[0]
        chosen: list[IdleShot] = []
        for shot in idle:
            cost = self._costs[shot.id] = cost_of(shot.plan, speeds, means)
            if _exceeds(taken + cost, found):
                break
            taken += cost
            chosen.append(shot)
        if not chosen and not opened:
            pause(self._tools.catalog, found, self._costs[idle[0].id])
        return chosen

    def needs(self, needs: Mapping[str, Any], shots: Sequence[str]) -> Mapping[str, Any]:
        """The needs of a batch, with what it was estimated to take."""
        if not self._limited:
            return needs
        total = largest = Cost()
        for shot in shots:
            total, largest = total + self._costs[shot], largest.largest(self._costs[shot])
        told = [total.gpu_seconds, total.bytes, largest.gpu_seconds, largest.bytes]
        return {**needs, _HELD: told}


def heed_budget(catalog: Catalog, run_id: str) -> None:
    """Pause a run whose work takes more than was estimated: what is begun ends, and no shot after it is begun."""
    if not has_budget(catalog, run_id) or not unbegun(catalog, run_id) or (found := night(catalog, run_id)) is None:
        return
    following = sum(
        (_held(catalog, one.id)[1] for one in open_batches(catalog, run_id) if one.state == "running"), Cost()
    )
    if following != Cost() and _exceeds(_spent(found) + following, found):
        pause(catalog, found, following)


def pause(catalog: Catalog, found: Night, following: Cost) -> None:
    """Stop a run before it exceeds its budget, and say what is left and how to go on."""
    left = unbegun(catalog, found.run_id)
    told: list[str] = []
    if found.budget_gpu_seconds is not None:
        spent, limit = found.gpu_seconds / 3600, found.budget_gpu_seconds / 3600
        told.append(
            f"{spent:.2f} of {limit:g} GPU hours are spent, the next shot needs {following.gpu_seconds / 3600:.2f}"
        )
    if found.budget_bytes is not None:
        spent, limit = found.bytes / 1e9, found.budget_bytes / 1e9
        told.append(f"{spent:.3f} of {limit:g} GB are written, the next shot needs {following.bytes / 1e9:.3f}")
    shots = f"{left} shot{'' if left == 1 else 's'} left undone"
    why = f"{'; '.join(told)}; {shots}: `dailies resume {found.run_id}` makes what is left, whatever it takes"
    catalog.pause_run(found.run_id, CODE, why, worker_name())


def _spent(found: Night) -> Cost:
    return Cost(found.gpu_seconds, found.bytes)


def _held(catalog: Catalog, batch_id: str) -> tuple[Cost, Cost]:
    needs = batch(catalog, batch_id).needs or {}
    gpu, size, most_gpu, most = needs.get(_HELD, (0.0, 0, 0.0, 0))
    return Cost(gpu, size), Cost(most_gpu, most)


def _exceeds(cost: Cost, found: Night) -> bool:
    gpu, size = found.budget_gpu_seconds, found.budget_bytes
    return (gpu is not None and cost.gpu_seconds > gpu) or (size is not None and cost.bytes > size)
