"""Reads: what people and the planner ask the catalog. Everything returned is plain data."""

from catalog.queries.approvals import Approval, approvals
from catalog.queries.attempts import Attempt, attempt
from catalog.queries.batches import BatchRow, IdleShot, OpenBatch, batch, idle_shots, open_batches
from catalog.queries.files import StoredFile, stored_file
from catalog.queries.incidents import IncidentRow, incident_counts, incidents_of
from catalog.queries.names import Kind, resolve
from catalog.queries.notices import TargetRow, Telling, notice_targets, tellings_of
from catalog.queries.runs import (
    RunRow,
    ShotRow,
    batch_shots,
    each_shot,
    latest_run,
    list_runs,
    manifest_of,
    run,
    shot,
    shots_in_batch,
    shots_of,
    unkept_runs,
)
from catalog.queries.selection import DeliveryRow, deliveries_of, delivery_count, each_delivery, version_of
from catalog.queries.speeds import benchmark, history
from catalog.queries.status import Failure, Running, RunStatus, StageTotal, remade_from_damage, run_status
from catalog.queries.workers import WorkerRow, workers, working

__all__ = [
    "Approval",
    "Attempt",
    "BatchRow",
    "DeliveryRow",
    "Failure",
    "IdleShot",
    "IncidentRow",
    "Kind",
    "OpenBatch",
    "RunRow",
    "RunStatus",
    "Running",
    "ShotRow",
    "StageTotal",
    "StoredFile",
    "TargetRow",
    "Telling",
    "WorkerRow",
    "approvals",
    "attempt",
    "batch",
    "batch_shots",
    "benchmark",
    "deliveries_of",
    "delivery_count",
    "each_delivery",
    "each_shot",
    "history",
    "idle_shots",
    "incident_counts",
    "incidents_of",
    "latest_run",
    "list_runs",
    "manifest_of",
    "notice_targets",
    "open_batches",
    "remade_from_damage",
    "resolve",
    "run",
    "run_status",
    "shot",
    "shots_in_batch",
    "shots_of",
    "stored_file",
    "tellings_of",
    "unkept_runs",
    "version_of",
    "workers",
    "working",
]
