"""`scheduled`: a start of a schedule. It looks whether it should, then does what `dailies run` does."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import deployment, flow_run
from prefect.states import Completed

from catalog.catalog import Catalog
from catalog.facts import ScheduleFacts
from catalog.facts import schedule as schedule_of
from catalog.schedules import Scheduled
from flows.morning import not_started
from flows.ping import ping
from flows.prefect_hints import PrefectAway, later_start
from flows.request import Request
from flows.run import Outcome, start
from flows.scheduling import changed_since
from flows.settings import Settings
from flows.start_rules import NotStarted, alone, feed, in_time, latest, superseded
from manifests.errors import InputError, Problem
from manifests.manifest import Manifest
from manifests.schedule import deadline, next_start

log = logging.getLogger("dailies.schedule")


@flow(name="scheduled", persist_result=False)
def scheduled(schedule: str, accept_fewer: bool = False, asked_by: str = "") -> Outcome | State[Any]:
    """Run a schedule's manifest by its rules (`flows.start_rules`), within its budget, and report in the morning.

    `accept_fewer`: also where far fewer rows are there than last time. `asked_by`: who wants it now, whatever the time.
    A start that the rules skip ends well and says why; one that needs a person fails.
    """
    settings = Settings()
    due = _due(asked_by)
    settings.home.mkdir(parents=True, exist_ok=True)
    with Catalog.open(settings.catalog_url, settings.store) as catalog:
        asked = schedule_of(catalog, schedule)
        if not asked_by:
            now = datetime.now(UTC)
            if why := superseded(asked, due, now, _later):
                return Completed(name="Skipped", message=why)
            due = latest(asked, due, now)
        catalog.begin_schedule(schedule)
        try:
            if not asked_by:
                in_time(asked, due, datetime.now(UTC))
            asked = alone(catalog, asked, due)
            if not asked_by and not asked.active:
                return Completed(name="Skipped", message="the schedule was paused while this start waited")
            manifest = feed(catalog, asked, accept_fewer=accept_fewer)
            _tell_changes(catalog, asked, manifest)
        except NotStarted as told:
            return _ended(catalog, settings, asked, due, told)
        except Exception as error:
            code = getattr(error, "code", "SCHEDULE_FAILED")
            not_started(catalog, settings, asked, code, str(error), asks=True, next_at=_following(asked, due))
            raise
    ping(asked.ping or settings.ping_url, "start")
    try:
        return _run(asked, manifest, due, asked_by)
    except Exception as error:
        code = getattr(error, "code", "SCHEDULE_FAILED")
        with Catalog.open(settings.catalog_url, settings.store) as catalog:
            if code == "SCHEDULE_OVERLAP":  # another start was a moment earlier
                return _ended(catalog, settings, asked, due, NotStarted(code, str(error), asks=False))
            if schedule_of(catalog, asked.name).last_run_id == asked.last_run_id:  # else reconcile goes on with the run
                not_started(catalog, settings, asked, code, str(error), asks=True, next_at=_following(asked, due))
        raise


def _following(asked: ScheduleFacts, due: datetime) -> datetime | None:
    """The start after this one, also where this machine's clock is behind the one that started us."""
    return next_start(asked.cron, asked.timezone, max(due, datetime.now(UTC))) if asked.active else None


def _later(due: datetime, now: datetime) -> datetime | None:
    """A start by Prefect's clock that came after this one."""
    try:
        return later_start(deployment.id, due, now) if deployment.id else None
    except PrefectAway as away:  # a start too many makes nothing twice
        log.warning("%s", away)
        return None


def _tell_changes(catalog: Catalog, asked: ScheduleFacts, manifest: Manifest) -> None:
    if changed_since(manifest, asked):
        found = "the manifest's schedule: says something else than was applied, which holds"
        remedy = f"`dailies schedule apply {asked.manifest}`"
        catalog.note_schedule(asked.name, "SCHEDULE_NOT_APPLIED", f"{found}: {remedy}")


def _due(asked_by: str) -> datetime:
    """When this start was due: it may have waited for a worker."""
    due = None if asked_by else flow_run.scheduled_start_time
    return datetime.fromtimestamp(due.timestamp(), UTC) if due else datetime.now(UTC)


def _run(asked: ScheduleFacts, manifest: Manifest, due: datetime, asked_by: str) -> Outcome:
    night = Scheduled(
        schedule=asked.name,
        after=asked.last_run_id,
        done_by=deadline(asked.done_by, asked.timezone, due) if asked.done_by else None,
        budget_gpu_seconds=asked.budget_gpu_seconds,
        budget_bytes=asked.budget_bytes,
        next_at=_following(asked, due),
    )
    who = f"{asked_by} (schedule {asked.name})" if asked_by else f"schedule {asked.name}"
    return start(Request(manifest.file), triggered_by=who, scheduled=night, manifest=manifest)


def _ended(catalog: Catalog, settings: Settings, asked: ScheduleFacts, due: datetime, told: NotStarted) -> State[Any]:
    """Write down and tell why there is no run; raises InputError where a person has to look."""
    following = _following(asked, due)
    not_started(catalog, settings, asked, told.code, told.why, asks=told.asks, next_at=following)
    if told.asks and told.code != "SCHEDULE_LATE":
        raise InputError(Problem(told.code, told.why)) from told
    return Completed(name="Skipped", message=f"{told.code}: {told.why}")
