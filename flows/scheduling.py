"""A manifest's `schedule:` applied: the catalog's row and the Prefect deployment, together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from catalog.catalog import Catalog
from catalog.facts import ScheduleFacts, schedule, schedules
from catalog.schedules import NewSchedule, taken_schedule
from flows.request import Request
from flows.settings import Settings
from manifests.errors import InputError, Problem
from manifests.manifest import Manifest
from manifests.schedule import Schedule, next_start

NIGHTLY: Final = Schedule(cron="0 1 * * *")
"""Of `dailies up --nightly`, for a manifest that says nothing: one o'clock, UTC."""


def wanted_of(file: Path, default: Schedule | None = None) -> NewSchedule:
    """The schedule that a manifest asks for. Raises ManifestError, InputError (`NO_SCHEDULE`: it has none)."""
    manifest = Request(file).load()
    asked = manifest.schedule or default
    if asked is None:
        wanted = f"{file} says nothing of when it is to be run"
        raise InputError(Problem("NO_SCHEDULE", wanted, 'write schedule: {cron: "0 1 * * *"} into it', str(file)))
    return _new(manifest, asked)


def _new(manifest: Manifest, asked: Schedule) -> NewSchedule:
    hours, gigabytes = asked.budget.gpu_hours, asked.budget.gigabytes
    return NewSchedule(
        name=manifest.name,
        manifest=str(manifest.file),
        kind=manifest.kind,
        cron=asked.cron,
        timezone=asked.timezone,
        done_by=asked.done_by,
        budget_gpu_seconds=None if hours is None else hours * 3600,
        budget_bytes=None if gigabytes is None else int(gigabytes * 1e9),
        late_seconds=asked.late_hours * 3600,
        overlap=asked.overlap,
        shrink=asked.shrink,
        ping=asked.ping,
        next_at=next_start(asked.cron, asked.timezone, datetime.now(UTC)),
    )


def changed_since(manifest: Manifest, applied: ScheduleFacts) -> bool:
    """Whether the manifest's `schedule:` says something else than what was applied."""
    if manifest.schedule is None:
        return False
    said = _new(manifest, manifest.schedule)
    names = set(NewSchedule.__dataclass_fields__) - {"next_at"}
    return any(getattr(said, name) != getattr(applied, name) for name in names)


def untaken(catalog: Catalog, wanted: Sequence[NewSchedule]) -> None:
    """Raises CatalogError (`SCHEDULE_TAKEN`) where one of them cannot be applied beside the others and those there."""
    manifests = {one.name: one.manifest for one in schedules(catalog)}
    for one in wanted:
        if (by := manifests.setdefault(one.name, one.manifest)) != one.manifest:
            raise taken_schedule(one.name, by, one.manifest)


def apply_schedule(catalog: Catalog, wanted: NewSchedule, who: str) -> tuple[ScheduleFacts, bool]:
    """Write a schedule into the catalog and tell the Prefect server; safe to repeat. Whether anything of it is new.

    Raises CatalogError (`SCHEDULE_TAKEN`), PrefectAway.
    """
    from flows.schedule_deployments import put

    new = catalog.put_schedule(wanted, who)
    found = schedule(catalog, wanted.name)
    put([found])
    return found, new


def switch_schedule(catalog: Catalog, name: str, who: str, *, active: bool) -> ScheduleFacts:
    """Pause a schedule or have it start again, in both places. Raises NotFound, PrefectAway."""
    from flows.schedule_deployments import put

    asked = schedule(catalog, name)
    following = next_start(asked.cron, asked.timezone, datetime.now(UTC)) if active else None
    catalog.switch_schedule(name, following, who)
    found = schedule(catalog, name)
    put([found])
    return found


def tell_server() -> None:
    """Tell the Prefect server all it has to know: pools, deployments, and the schedules of this catalog."""
    from flows.deployments import apply
    from flows.schedule_deployments import put

    settings = Settings()
    apply(settings.reconcile_seconds)
    with Catalog.open(settings.catalog_url, settings.store) as catalog:
        put(schedules(catalog))


def wants_server() -> None:
    """Raises InputError where no Prefect server is known, or none answers."""
    from flows import prefect_home

    if not os.environ.get("PREFECT_API_URL"):
        found = "schedules live on a Prefect server, and neither PREFECT_API_URL nor `dailies up` names one"
        raise InputError(Problem("NO_SERVER", found, "start `dailies up`, or set PREFECT_API_URL"))
    prefect_home.start_server()()
