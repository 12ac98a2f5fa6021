"""Where batches are worked: here, in this process, one after the other; or by the workers of Prefect's work pools."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from prefect.exceptions import ObjectNotFound

from catalog.facts import schedules
from catalog.queries import OpenBatch, workers
from flows.deployments import POOLS, apply
from flows.listener import listener
from flows.own_worker import LOCAL
from flows.prefect_hints import PrefectAway, asking, hints_of, withdraw
from flows.render import render
from flows.schedule_deployments import put
from flows.settings import Settings
from manifests.errors import InputError, Problem
from tasks.batches import Cut
from tasks.planner.facts import Facts
from tasks.planner.fits import fits
from tasks.planner.means import means_of_workers
from tasks.planner.plan import Means
from tasks.sources import store_sources
from tasks.tools import Tools

ASK_SECONDS = 15.0
"""How often Prefect is asked about batches that nobody has begun."""

SLOWEST_START_SECONDS = 180.0
"""A flow run that a worker took so long ago has begun its batch: on a busy machine a process starts in a minute."""

log = logging.getLogger("dailies.keeper")


class HandOut(Protocol):
    """Brings batches to whoever works them."""

    def means(self, tools: Tools) -> Means:
        """What the planner may count on."""
        ...

    def slots(self, pool: str) -> int:
        """How many batches are worked at once there."""
        ...

    def place(self, cut: Cut) -> tuple[str, str]:
        """The pool that shall work it, and ""; or "" and, for people, why nobody can just now."""
        ...

    def serves(self, batch: OpenBatch) -> bool:
        """Whether a batch that was planned before is brought to its workers by this."""
        ...

    def bring(self, plans: Sequence[Mapping[str, Any]]) -> None:
        """Make sure that workers can get at the pictures of these shots."""
        ...

    def hand_out(self, run_id: str, batch_id: str, pool: str, queue: str) -> None:
        """Have a planned batch worked. Handing one out twice does no harm. Raises PrefectAway."""
        ...

    def lost(self, batches: Sequence[OpenBatch]) -> list[str]:
        """Those of these handed-out, unbegun batches that nobody will begin."""
        ...

    def withdraw(self, batches: Sequence[OpenBatch]) -> None:
        """Nobody shall begin these any more."""
        ...


class Here:
    """In this process, one batch after the other; needs nothing but Prefect's own small server."""

    def means(self, tools: Tools) -> Means:
        """This machine's."""
        return tools.means

    def slots(self, pool: str) -> int:
        """One."""
        return 1

    def place(self, cut: Cut) -> tuple[str, str]:
        """Whatever it needs: what this machine lacks, its shots will say."""
        return LOCAL, ""

    def serves(self, batch: OpenBatch) -> bool:
        """Those that another process like this one had planned."""
        return batch.pool == LOCAL

    def bring(self, plans: Sequence[Mapping[str, Any]]) -> None:
        """The pictures are where the manifest is."""

    def hand_out(self, run_id: str, batch_id: str, pool: str, queue: str) -> None:
        """Work it, and come back when it is over."""
        render(run_id, batch_id)

    def lost(self, batches: Sequence[OpenBatch]) -> list[str]:
        """None: what is handed out here is worked at once."""
        return []

    def withdraw(self, batches: Sequence[OpenBatch]) -> None:
        """Nobody knows of them."""


class Pools:
    """To the work pools: each batch is one flow run of `render/cpu` or `render/gpu`, in the queue of its priority."""

    def __init__(self, tools: Tools, settings: Settings) -> None:
        self._tools = tools
        self._window = max(2 * settings.lease_seconds, SLOWEST_START_SECONDS)
        self._reconcile_seconds = settings.reconcile_seconds
        self._deployments: dict[str, UUID] = {}
        self._asked = -ASK_SECONDS

    def means(self, tools: Tools) -> Means:
        """Those of all live workers; this machine's while there are none."""
        pools: dict[str, list[Facts]] = {}
        for one in workers(tools.catalog):
            if one.pool in POOLS and one.state == "active":
                pools.setdefault(one.pool, []).append(Facts(one.engines, one.weights, one.memory_bytes))
        return means_of_workers(tools.catalog, pools, tools.max_pixels) if pools else tools.means

    def slots(self, pool: str) -> int:
        """Of all live workers that take batches of the pool."""
        return sum(one.slots for one in workers(self._tools.catalog, pool=pool) if one.state == "active") or 1

    def place(self, cut: Cut) -> tuple[str, str]:
        """The first of its pools with a worker that can do all of it."""
        why: list[str] = []
        for pool in cut.pools:
            for worker in workers(self._tools.catalog, pool=pool):
                if worker.state != "active":
                    why.append(f"{worker.name} is {worker.state}")
                elif lacks := fits(cut.needs, Facts(worker.engines, worker.weights, worker.memory_bytes)):
                    why.append(f"{worker.name}: {', '.join(lacks)}")
                else:
                    return pool, ""
        return "", "; ".join(why) or f"no worker of pool {cut.pools[0]} is there: `dailies worker start`"

    def serves(self, batch: OpenBatch) -> bool:
        """Those of the work pools."""
        return batch.pool != LOCAL

    def bring(self, plans: Sequence[Mapping[str, Any]]) -> None:
        """Take the pictures into the store: a worker may not see their folder."""
        store_sources(
            self._tools.catalog, plans, lambda done, total: listener.get().step("storing pictures", done, total)
        )

    def hand_out(self, run_id: str, batch_id: str, pool: str, queue: str) -> None:
        """Ask for a flow run. Prefect knows it by the batch's id, so a batch never gets two."""
        try:
            flow_run_id = self._create(run_id, batch_id, pool, queue)
        except ObjectNotFound:  # a server that is new, or whose database was lost
            log.warning("Prefect's server does not know render/%s: it is told again", pool)
            with asking():
                apply(self._reconcile_seconds)
                put(schedules(self._tools.catalog))
            self._deployments.clear()
            flow_run_id = self._create(run_id, batch_id, pool, queue)
        self._tools.catalog.set_batch_state(batch_id, "planned", flow_run_id=flow_run_id)

    def _create(self, run_id: str, batch_id: str, pool: str, queue: str) -> str:
        with asking() as client:
            if pool not in self._deployments:
                self._deployments[pool] = client.read_deployment_by_name(f"render/{pool}").id
            made = client.create_flow_run_from_deployment(
                self._deployments[pool],
                parameters={"run_id": run_id, "batch_id": batch_id},
                name=batch_id,
                tags=["dailies", run_id],
                idempotency_key=batch_id,
                work_queue_name=queue,
            )
            return str(made.id)

    def lost(self, batches: Sequence[OpenBatch]) -> list[str]:
        """Those whose flow run Prefect calls over or does not know; or that was taken, and whoever took it is gone.

        That is so if every worker of the pool started later; else, where it claimed nothing for too long.
        """
        due = [batch for batch in batches if batch.flow_run_id and batch.age_seconds >= ASK_SECONDS]
        if not due or time.monotonic() - self._asked < ASK_SECONDS:
            return []
        try:
            hints = hints_of(batch.flow_run_id for batch in due if batch.flow_run_id)
        except PrefectAway as away:
            log.warning("%s", away)
            return []
        self._asked = time.monotonic()
        up: dict[str, float] = {}
        for worker in workers(self._tools.catalog):
            up[worker.pool] = max(up.get(worker.pool, 0.0), worker.up_seconds)
        gone: list[str] = []
        for batch in due:
            hint, window = hints.get(batch.flow_run_id or ""), min(self._window, up.get(batch.pool, self._window))
            if hint is None or hint.over or (hint.started and hint.seconds > window):
                gone.append(batch.id)
        return gone

    def withdraw(self, batches: Sequence[OpenBatch]) -> None:
        """Cancel their flow runs. Where Prefect cannot be asked they start, find nothing to do, and end."""
        try:
            withdraw([batch.flow_run_id for batch in batches if batch.flow_run_id])
        except PrefectAway as away:
            log.warning("%s", away)


def chosen(tools: Tools, settings: Settings, *, adopting: bool = False) -> HandOut:
    """What DAILIES_RUN_ON says; `auto` takes the pools where a server and live workers are.

    `adopting`: for runs of others, which the process that adopts them is not there to work: `auto` is the pools.
    Raises InputError where pools are wanted and no Prefect server is known.
    """
    server = bool(os.environ.get("PREFECT_API_URL"))
    if settings.run_on == "pools" and not server:
        wanted = "DAILIES_RUN_ON=pools needs a Prefect server, and neither PREFECT_API_URL nor `dailies up` names one"
        raise InputError(Problem("NO_SERVER", wanted, "start `dailies up`, or set PREFECT_API_URL"))
    if settings.run_on == "here":
        return Here()
    if settings.run_on == "pools" or adopting:
        return Pools(tools, settings)
    live = server and any(one.pool in POOLS and one.state == "active" for one in workers(tools.catalog))
    return Pools(tools, settings) if live else Here()
