"""The keeper of a run: whoever holds it takes care that every shot is worked, and ends it.

`tend` is one step of that. It reads what is so and does what is missing, so it may be repeated, broken off anywhere,
and done by two at once. The parent flow holds its run and tends it until it is over; `reconcile` tends the runs that
nobody holds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from catalog.catalog import Catalog
from catalog.errors import CatalogError, StoreUnavailable
from catalog.failpoints import reach
from catalog.queries import (
    OpenBatch,
    delivery_count,
    each_delivery,
    each_shot,
    idle_shots,
    incidents_of,
    open_batches,
    run,
)
from flows.budget import Purse, heed_budget
from flows.hand_out import HandOut
from flows.listener import listener
from flows.prefect_hints import PrefectAway, cancelled_by_a_person
from flows.settings import Settings
from flows.worker_name import is_gone, worker_name
from tasks.batches import Cut, cut_batches
from tasks.out_folder import OutFolder, write_out_folder
from tasks.tools import Tools

POLL_SECONDS = 1.0
"""Between two looks at a run."""
PREFECT_SECONDS = 10.0
"""Between two questions to Prefect whether a person cancelled the parent's own flow run."""
LONGEST_KEEP = 30.0
"""Seconds after which a silent keeper has lost its run; it says that it lives three times as often."""
ENDED = ("done", "failed", "cancelled")
"""States of a run that is over."""

log = logging.getLogger("dailies.keeper")

Filled = Callable[[OutFolder], None]


def keep_seconds(settings: Settings) -> float:
    """For how long a keeper holds its run without saying again that it lives."""
    return min(settings.lease_seconds, LONGEST_KEEP)


def tend(tools: Tools, run_id: str, hand_out: HandOut, filled: Filled = lambda out: None) -> bool:
    """Do what is to be done for a run now, and say whether it is over: ended, or paused with nothing in work.

    Shots of dead workers go back, batches nobody will begin are cut anew, idle shots become batches and are handed out.
    Once no shot is left the out folder is filled (`filled` gets it), and then the run ends: a run that has ended has
    its folder. Raises CatalogError.
    """
    catalog = tools.catalog
    lost = catalog.reclaim_expired(run_id) + catalog.reclaim_dead(run_id, is_gone)
    catalog.end_lost_batches(run_id, Settings().lease_seconds)
    if lost:
        catalog.recover()
    state = run(catalog, run_id).state
    if state in ENDED:
        return True
    opened = open_batches(catalog, run_id)
    if state in ("cancelling", "paused"):
        _call_back(catalog, hand_out, [batch for batch in opened if batch.state == "planned"], state)
        if state == "cancelling" and run(catalog, run_id).shots.get("waiting"):
            catalog.cancel_run(run_id, worker_name())  # given back in the moment of the cancelling
    else:
        _hand_out(tools, run_id, hand_out, [batch for batch in opened if batch.state == "planned"])
    now = run(catalog, run_id)
    if now.state == "paused" and now.shots.get("waiting") and not now.shots.get("claimed"):
        filled(fill_out_folder(catalog, run_id))
        return True
    if now.shots.get("waiting") or now.shots.get("claimed"):
        return False
    catalog.recover()  # what a worker that was stopped had only begun to publish
    filled(fill_out_folder(catalog, run_id))
    reach("run.filled")
    return catalog.finish_run(run_id) in ENDED


def keep(
    tools: Tools,
    run_id: str,
    hand_out: HandOut,
    flow_run_id: str | None,
    filled: Filled = lambda out: None,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Hold a run and tend it until it is over or we are `stopped`; while another keeper holds it, follow it quietly.

    Survives a database or storage that is away for as long as these tools are patient. Raises StoreUnavailable then.
    """
    catalog = tools.catalog
    away: float | None = None
    with held(tools, run_id, flow_run_id) as mine:
        while not stopped():
            try:
                if mine():
                    if tend(tools, run_id, hand_out, filled):
                        return
                elif run(catalog, run_id).state in (*ENDED, "paused"):
                    return
                away = None
            except StoreUnavailable as error:
                away = away or time.monotonic()
                if time.monotonic() - away > tools.patience_seconds:
                    raise
                log.warning("run %s waits: %s", run_id, error)
            time.sleep(POLL_SECONDS)


def take_over(catalog: Catalog, run_id: str, seconds: float, *, asked: bool = False) -> bool:
    """Hold a run whose keeper is gone; False where somebody keeps it. Unless a person `asked`, it is an incident."""
    me, before = worker_name(), run(catalog, run_id).keeper
    if before and before != me and is_gone(before):
        catalog.let_go(run_id, before)
    if not catalog.keep_run(run_id, me, seconds):
        return False
    if (
        not asked
        and before != me
        and (before or not any(one.code == "RUN_ADOPTED" for one in incidents_of(catalog, run_id)))
    ):
        left = f"its keeper {before} is gone" if before else "nobody kept it"
        catalog.note_incident("RUN_ADOPTED", f"{left}; {me} goes on with it", run_id=run_id, worker=me)
    return True


def fill_out_folder(catalog: Catalog, run_id: str) -> OutFolder:
    """Put what a run has delivered, so far or in all, where people look.

    Raises StoreUnavailable (`OUT_FOLDER_AWAY`: it cannot be written).
    """
    folder = Path(run(catalog, run_id).out_folder)
    try:
        return write_out_folder(
            catalog,
            folder,
            each_shot(catalog, run_id),
            each_delivery(catalog, run_id),
            total=delivery_count(catalog, run_id),
            progress=lambda done, total: listener.get().step("filling the out folder", done, total),
        )
    except CatalogError:
        raise
    except OSError as error:
        raise StoreUnavailable(
            f"out folder '{folder}' cannot be written: {error}; make it writable, or make room, then "
            f"`dailies resume {run_id}`",
            code="OUT_FOLDER_AWAY",
        ) from error


def _call_back(catalog: Catalog, hand_out: HandOut, planned: Sequence[OpenBatch], state: str) -> None:
    """Nobody shall begin anything more in a run that stops."""
    for batch in planned:
        catalog.set_batch_state(batch.id, "cancelled", error_code="RUN_STOPS", error_message=f"the run is {state}")
    hand_out.withdraw(planned)


def _hand_out(tools: Tools, run_id: str, hand_out: HandOut, planned: Sequence[OpenBatch]) -> None:
    catalog = tools.catalog
    lost = set(hand_out.lost(planned))
    for batch in planned:
        if batch.id in lost or not hand_out.serves(batch):
            why = "nobody is going to begin it: its shots are cut anew"
            catalog.set_batch_state(batch.id, "cancelled", error_code="NOT_BEGUN", error_message=why)
        elif batch.flow_run_id is None:  # whoever planned it died, or Prefect was away
            _bring(catalog, run_id, hand_out, batch.id, batch.pool, batch.queue)
    queue = run(catalog, run_id).priority
    purse = Purse(tools, run_id, hand_out)
    idle = {shot.id: shot for shot in purse.affordable(idle_shots(catalog, run_id), open_batches(catalog, run_id))}
    for cut in cut_batches(list(idle.values()), hand_out.slots):
        pool, why = hand_out.place(cut)
        if not pool:
            _say_once(catalog, run_id, cut, why)
            continue
        if run(catalog, run_id).state in ("cancelling", "paused", *ENDED):
            return
        hand_out.bring([idle[shot].plan for shot in cut.shots])
        needs = purse.needs(cut.needs, cut.shots)
        batch_id = catalog.new_batch(run_id, cut.shots, pool=pool, queue=queue, needs=needs)
        reach("batch.planned")
        _bring(catalog, run_id, hand_out, batch_id, pool, queue)


def _bring(catalog: Catalog, run_id: str, hand_out: HandOut, batch_id: str, pool: str, queue: str) -> None:
    try:
        hand_out.hand_out(run_id, batch_id, pool, queue)
    except PrefectAway as away:  # the batch stays planned, and is handed out at the next look
        log.warning("batch %s waits: %s", batch_id, away)
    reach("batch.handed_out")


def _say_once(catalog: Catalog, run_id: str, cut: Cut, why: str) -> None:
    """That a batch fits nobody, unless the run's incidents say just that already."""
    message = f"no live worker can do {', '.join(cut.needs['engines'])}, its shots wait for one: {why}"
    told = incidents_of(catalog, run_id)
    if not any(one.code == "BATCH_DOES_NOT_FIT" and one.message == message for one in told):
        catalog.note_incident("BATCH_DOES_NOT_FIT", message, run_id=run_id)


@contextmanager
def held(tools: Tools, run_id: str, flow_run_id: str | None) -> Iterator[Callable[[], bool]]:
    """Hold a run, or take it over as soon as its keeper is gone; gives whether it is held. Let go at the end.

    A thread says that we live, and hears of a person who cancelled the parent's flow run on Prefect's page: the calling
    thread may be at work on a batch.
    """
    catalog, seconds = tools.catalog, keep_seconds(Settings())
    me, over = worker_name(), threading.Event()
    mine = take_over(catalog, run_id, seconds)

    def beat() -> None:
        nonlocal mine
        asked = time.monotonic()
        while not over.wait(seconds / 3):
            try:
                mine = catalog.keep_run(run_id, me, seconds) if mine else take_over(catalog, run_id, seconds)
                if mine:
                    heed_budget(catalog, run_id)
                if mine and time.monotonic() - asked >= PREFECT_SECONDS:
                    asked = time.monotonic()
                    if cancelled_by_a_person(flow_run_id):
                        catalog.cancel_run(run_id, "prefect")
            except StoreUnavailable as error:  # the next beat may reach it; a run that is lost meanwhile is followed
                log.warning("run %s: %s", run_id, error)
            except Exception:  # whatever it is, this thread must go on saying that we live
                log.exception("run %s", run_id)

    thread = threading.Thread(target=beat, name="keeper", daemon=True)
    thread.start()
    try:
        yield lambda: mine
    except BaseException:
        if cancelled_by_a_person(flow_run_id):  # Prefect ends a cancelled flow run with a signal
            catalog.cancel_run(run_id, "prefect")
        raise
    finally:
        over.set()
        thread.join()
        if mine:
            catalog.let_go(run_id, me)
