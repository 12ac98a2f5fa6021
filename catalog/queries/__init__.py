"""Reads: what people and the planner ask the catalog. Everything returned is plain data."""

from catalog.queries.attempts import Attempt, attempt
from catalog.queries.names import Kind, resolve
from catalog.queries.runs import RunRow, ShotRow, latest_run, list_runs, manifest_of, run, run_state, shot, shots_of
from catalog.queries.selection import DeliveryRow, deliveries_of
from catalog.queries.speeds import benchmark, history
from catalog.queries.status import Failure, Running, RunStatus, StageTotal, remade_from_damage, run_status

__all__ = [
    "Attempt",
    "DeliveryRow",
    "Failure",
    "Kind",
    "RunRow",
    "RunStatus",
    "Running",
    "ShotRow",
    "StageTotal",
    "attempt",
    "benchmark",
    "deliveries_of",
    "history",
    "latest_run",
    "list_runs",
    "manifest_of",
    "remade_from_damage",
    "resolve",
    "run",
    "run_state",
    "run_status",
    "shot",
    "shots_of",
]
