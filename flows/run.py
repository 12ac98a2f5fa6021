"""What both parent flows do: plan a manifest into a run, cut it into batches, work them, and leave the out folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.runtime import flow_run

from catalog.queries import DeliveryRow, RunStatus, deliveries_of, remade_from_damage, run, run_status, shots_of
from flows.listener import listener
from flows.render import render
from flows.request import Request
from flows.settings import Settings
from flows.worker_name import is_gone
from flows.workshop import workshop
from manifests.errors import InputError, Problem
from tasks.out_folder import OutFolder, write_out_folder
from tasks.planner.planner import RunPlan
from tasks.submission import cut_batches, submit, verified
from tasks.tools import Tools


@dataclass(frozen=True)
class Outcome:
    """A run that has ended, and what it left for people. `damaged`: stored files found broken and made again."""

    status: RunStatus
    rows: Sequence[DeliveryRow]
    out: OutFolder
    damaged: tuple[str, ...]


def start(request: Request, *, triggered_by: str) -> Outcome:
    """Plan the request's manifest into a run and work it to its end.

    Raises ManifestError, CatalogError, and InputError where the disk has no room for it.
    """
    with workshop(Settings()) as tools:
        manifest = request.load()
        tools.catalog.recover()
        planned = request.plan(tools, manifest)
        planned, damaged = verified(
            tools, planned, lambda done, total: listener.get().step("verifying what stands", done, total)
        )
        _refuse_what_does_not_fit(planned, tools)
        listener.get().planned(planned)
        run_id = submit(
            tools.catalog,
            planned,
            triggered_by=triggered_by,
            out_folder=str(manifest.out_folder),
            flow_run_id=flow_run.id or None,
        )
        return _work(tools, run_id, tuple(f"{one.shot_key}, {one.preset}" for one in damaged))


def _refuse_what_does_not_fit(planned: RunPlan, tools: Tools) -> None:
    free = tools.catalog.store.free_bytes()
    if free is not None and planned.new_bytes > free:
        found = f"the run needs about {planned.new_bytes / 1e9:.1f} GB, the store has {free / 1e9:.1f} GB free"
        raise InputError(Problem("DISK_FULL", found, "free some space, move DAILIES_HOME, or use --sample"))


def go_on(run_id: str, *, triggered_by: str) -> Outcome:
    """Take a run up again where it stopped: only what is missing is made. Raises NotFound."""
    with workshop(Settings()) as tools:
        known = run(tools.catalog, run_id)
        tools.catalog.recover()
        tools.catalog.reclaim_expired(known.id)
        tools.catalog.reclaim_dead(known.id, is_gone)
        tools.catalog.reopen_run(known.id, triggered_by)
        return _work(tools, known.id, ())


def _work(tools: Tools, run_id: str, damaged: tuple[str, ...]) -> Outcome:
    catalog = tools.catalog
    listener.get().submitted(run_id)
    catalog.set_run_state(run_id, "running", flow_run_id=flow_run.id or None)
    waiting = shots_of(catalog, run_id, ["waiting"])
    for batch in cut_batches(waiting, lambda shot: float(shot.plan.get("seconds", 0.0)), slots=1):
        render(run_id, catalog.new_batch(run_id, batch), batch)
    catalog.finish_run(run_id)
    rows = deliveries_of(catalog, run_id=run_id)
    out = write_out_folder(
        catalog,
        Path(run(catalog, run_id).out_folder),
        shots_of(catalog, run_id),
        rows,
        progress=lambda done, total: listener.get().step("filling the out folder", done, total),
    )
    status = run_status(catalog, run_id)
    _leave_artifacts(status, out)
    noticed = (f"{key}, {what}" for key, what in remade_from_damage(catalog, run_id))
    return Outcome(status, rows, out, tuple(dict.fromkeys([*damaged, *noticed])))


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
