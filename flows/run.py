"""What both parent flows do: plan a manifest into a run, keep it until every shot is worked, leave the out folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.runtime import flow_run

from catalog.failpoints import reach
from catalog.patience import patiently
from catalog.queries import (
    DeliveryRow,
    RunStatus,
    Telling,
    deliveries_of,
    remade_from_damage,
    run,
    run_status,
    tellings_of,
)
from catalog.runs import Priority
from catalog.schedules import Scheduled
from flows.budget import CODE as BUDGET_SPENT
from flows.hand_out import HandOut, chosen
from flows.keeper import ENDED, fill_out_folder, keep, keep_seconds, take_over
from flows.listener import listener
from flows.morning import close_night
from flows.notify.telling import know_targets, readable, telling
from flows.request import Request
from flows.settings import Settings
from flows.worker_name import is_gone, worker_name
from flows.workshop import workshop
from manifests.errors import InputError, Problem
from manifests.manifest import Manifest
from tasks.out_folder import OutFolder
from tasks.planner.planner import RunPlan
from tasks.submission import submit, verified
from tasks.tools import Tools


@dataclass(frozen=True)
class Outcome:
    """A run that has ended or paused, and what it left for people. `damaged`: stored files found broken, made again.

    `tellings`: who was told of it.
    """

    status: RunStatus
    rows: Sequence[DeliveryRow]
    out: OutFolder
    damaged: tuple[str, ...]
    tellings: Sequence[Telling]


def start(
    request: Request,
    *,
    triggered_by: str,
    priority: Priority = "normal",
    scheduled: Scheduled | None = None,
    manifest: Manifest | None = None,
) -> Outcome:
    """Plan the request's manifest into a run and work it to its end.

    `scheduled`: what it carries of the schedule that begins it; `manifest`: the request's, where it was read already.
    Raises ManifestError, CatalogError, and InputError where the disk has no room for it.
    """
    settings = Settings()
    with workshop(settings) as tools:
        manifest = manifest or request.load()
        hand_out = chosen(tools, settings)
        tools.catalog.recover()
        planned = request.plan(tools, manifest, hand_out.means(tools))
        planned, damaged = verified(
            tools, planned, lambda done, total: listener.get().step("verifying what stands", done, total)
        )
        _refuse_what_does_not_fit(planned, tools)
        know_targets(tools.catalog, readable(tools.catalog, settings))
        listener.get().planned(planned)
        run_id = submit(
            tools.catalog,
            planned,
            triggered_by=triggered_by,
            out_folder=str(manifest.out_folder),
            flow_run_id=flow_run.id or None,
            priority=priority,
            scheduled=scheduled,
        )
        reach("run.submitted")
        tools.catalog.keep_run(run_id, worker_name(), keep_seconds(settings))
        return _work(tools, run_id, hand_out, tuple(f"{one.shot_key}, {one.preset}" for one in damaged))


def _refuse_what_does_not_fit(planned: RunPlan, tools: Tools) -> None:
    free = tools.catalog.store.free_bytes()
    if free is not None and planned.new_bytes > free:
        found = f"the run needs about {planned.new_bytes / 1e9:.1f} GB, the store has {free / 1e9:.1f} GB free"
        raise InputError(Problem("DISK_FULL", found, "free some space, move DAILIES_HOME, or use --sample"))


def go_on(run_id: str, *, triggered_by: str) -> Outcome:
    """Take a run up again in whatever state it is: only what is missing is made.

    One that another process keeps is followed to its end; one that is over has its out folder filled again. Raises
    NotFound.
    """
    settings = Settings()
    with workshop(settings) as tools:
        catalog = tools.catalog
        known = run(catalog, run_id)
        catalog.recover()
        hand_out = chosen(tools, settings)
        if not take_over(catalog, known.id, keep_seconds(settings), asked=True):
            listener.get().followed(known.id, known.keeper or "another process")
            _kept(tools, known.id, hand_out)
            if known.state not in ("cancelling", "paused"):
                return _outcome(tools, known.id, (), None)
            catalog.keep_run(known.id, worker_name(), keep_seconds(settings))
        catalog.reclaim_expired(known.id)
        catalog.reclaim_dead(known.id, is_gone)
        if known.paused_code == BUDGET_SPENT:  # a person knows, and wants the rest all the same
            catalog.lift_budget(known.id, triggered_by)
        catalog.reopen_run(known.id, triggered_by)
        catalog.reopen_damaged(known.id, triggered_by)
        if run(catalog, known.id).state in ENDED:
            catalog.let_go(known.id, worker_name())
            listener.get().over(known.id, known.state)
            return _outcome(tools, known.id, (), None)
        return _work(tools, known.id, hand_out, ())


def _work(tools: Tools, run_id: str, hand_out: HandOut, damaged: tuple[str, ...]) -> Outcome:
    listener.get().submitted(run_id)
    flow_run_id = flow_run.id or None
    patiently(
        lambda: tools.catalog.set_run_state(run_id, "running", flow_run_id=flow_run_id),
        seconds=tools.patience_seconds,
    )
    with telling(tools.catalog, Settings()):
        out = _kept(tools, run_id, hand_out)
        patiently(lambda: close_night(tools.catalog, Settings(), run_id), seconds=tools.patience_seconds)
    return patiently(lambda: _outcome(tools, run_id, damaged, out), seconds=tools.patience_seconds)


def _kept(tools: Tools, run_id: str, hand_out: HandOut) -> OutFolder | None:
    """Keep the run until it is over; its out folder, where this process was the one to fill it."""
    out: list[OutFolder] = []
    keep(tools, run_id, hand_out, flow_run.id or None, out.append)
    return out[-1] if out else None


def _outcome(tools: Tools, run_id: str, damaged: tuple[str, ...], out: OutFolder | None) -> Outcome:
    catalog = tools.catalog
    out = out or fill_out_folder(catalog, run_id)
    status = run_status(catalog, run_id)
    _leave_artifacts(status, out)
    close_night(catalog, Settings(), run_id)
    noticed = (f"{key}, {what}" for key, what in remade_from_damage(catalog, run_id))
    broken = tuple(dict.fromkeys([*damaged, *noticed]))
    return Outcome(status, deliveries_of(catalog, run_id=run_id), out, broken, tellings_of(catalog, run_id))


def _leave_artifacts(status: RunStatus, out: OutFolder) -> None:
    """What Prefect's own page shows of the run: one table and one link, never one per shot."""
    table = [
        {
            "stage": total.stage,
            "engine": total.engine,
            "made": total.made,
            "reused": total.reused,
            "seconds": round(total.seconds, 1),
        }
        for total in status.stages
    ]
    states = ", ".join(f"{count} {state}" for state, count in sorted(status.run.shots.items()))
    create_table_artifact(table=table, key="stages", description=f"Run {status.run.id}: {states}")
    for sheet in out.contact_sheets[:1]:
        create_link_artifact(link=sheet.as_uri(), key="contact-sheet", link_text=sheet.name)
