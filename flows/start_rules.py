"""Whether a schedule's start comes to a run: not too late, not over its last run, not with a feed that is broken."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from catalog.catalog import Catalog
from catalog.facts import ScheduleFacts, schedule
from catalog.queries import manifest_of, run
from flows.request import Request
from manifests.errors import ManifestError
from manifests.manifest import Manifest
from manifests.schedule import next_start

POLL_SECONDS: Final = 5.0
GOES_ON: Final = ("planned", "running", "cancelling")
"""States of a last run that is not over. One that is paused waits for a person, and holds up no night."""
TOLD: Final = 3
"""Problems of a feed that are told; all of them are in `dailies plan`."""


class NotStarted(Exception):
    """A start that comes to no run: `code` is stable. `asks`: a person has to look; else it is as the rules say."""

    def __init__(self, code: str, why: str, *, asks: bool = True) -> None:
        super().__init__(why)
        self.code, self.why, self.asks = code, why, asks


def superseded(
    asked: ScheduleFacts, due: datetime, now: datetime, started: Callable[[datetime, datetime], datetime | None]
) -> str:
    """Why nobody misses this start, or "": after days without a worker many are late, and the latest is enough.

    `started` says which start Prefect made between two moments: while its server was away too it made none.
    """
    if not asked.active:
        return "the schedule is paused"
    if next_start(asked.cron, asked.timezone, due) > now or (later := started(due, now)) is None:
        return ""
    return f"the start of {later:%Y-%m-%d %H:%M} UTC does its work"


def latest(asked: ScheduleFacts, due: datetime, now: datetime) -> datetime:
    """When the start was due that this one stands for: the latest by now, or its own where all are too late."""
    found = max(due, now - timedelta(seconds=asked.late_seconds, microseconds=1))
    while (following := next_start(asked.cron, asked.timezone, found)) <= now:
        due = found = following
    return due


def in_time(asked: ScheduleFacts, due: datetime, now: datetime) -> None:
    """Raises NotStarted (`SCHEDULE_LATE`) where this start is too late to be of use."""
    late = (now - due).total_seconds()
    if late > asked.late_seconds:
        found = f"it was due at {due.astimezone(UTC):%Y-%m-%d %H:%M} UTC and comes {_hours(late)} late"
        wanted = f"at most {_hours(asked.late_seconds)} (late_hours)"
        raise NotStarted("SCHEDULE_LATE", f"{found}, {wanted}; `dailies schedule run-now '{asked.name}'` starts it")


def alone(
    catalog: Catalog, asked: ScheduleFacts, due: datetime, sleep: Callable[[float], None] = time.sleep
) -> ScheduleFacts:
    """Come back once the schedule's last run is over, with the schedule as it is by then.

    Raises NotStarted (`SCHEDULE_OVERLAP`) at once, or where it waits, once this start would be too late.
    """
    while (last := asked.last_run_id) is not None and (state := run(catalog, last).state) in GOES_ON:
        if asked.overlap == "skip":
            raise NotStarted("SCHEDULE_OVERLAP", f"its last run {last} is {state}; this start is skipped", asks=False)
        if (datetime.now(UTC) - due).total_seconds() > asked.late_seconds:
            waited = f"its last run {last} is {state} still, after {_hours(asked.late_seconds)} of waiting"
            raise NotStarted("SCHEDULE_OVERLAP", f"{waited}; this start is skipped")
        sleep(POLL_SECONDS)
        asked = schedule(catalog, asked.name)
    return asked


def feed(catalog: Catalog, asked: ScheduleFacts, *, accept_fewer: bool) -> Manifest:
    """The schedule's manifest, where it can be believed.

    Raises NotStarted: `FEED_UNREADABLE`, `FEED_EMPTY`, `FEED_SHRUNK`; `SCHEDULE_CHANGED` where it is another manifest.
    """
    try:
        manifest = Request(Path(asked.manifest)).load()
    except ManifestError as error:
        if {problem.code for problem in error.problems} == {"NO_ROWS"}:
            raise NotStarted("FEED_EMPTY", f"{error.problems[0]}; nothing was run and nothing retired") from error
        told = "; ".join(map(str, error.problems[:TOLD]))
        more = f"; and {len(error.problems) - TOLD} more problems" if len(error.problems) > TOLD else ""
        raise NotStarted("FEED_UNREADABLE", f"{told}{more}; nothing was run and nothing retired") from error
    if (manifest.name, manifest.kind) != (asked.name, asked.kind):
        found = f"{asked.manifest} is now '{manifest.name}' of kind {manifest.kind}, not '{asked.name}' ({asked.kind})"
        remedy = f"`dailies schedule remove '{asked.name}'`, then apply it again"
        raise NotStarted("SCHEDULE_CHANGED", f"{found}; {remedy}")
    if not accept_fewer:
        _not_shrunk(catalog, asked, len(manifest.items) + len(manifest.refused))
    return manifest


def _not_shrunk(catalog: Catalog, asked: ScheduleFacts, rows: int) -> None:
    before = rows_of(catalog, asked.last_run_id) if asked.last_run_id else 0
    remedy = (
        "nothing was run and nothing retired; mend the feed, or if that is right: "
        f"`dailies schedule run-now '{asked.name}' --accept-fewer`"
    )
    if rows == 0:
        raise NotStarted("FEED_EMPTY", f"{asked.manifest} has no rows, its last run had {before}; {remedy}")
    if rows < before * (1 - asked.shrink):
        found = f"{asked.manifest} has {rows} rows, its last run had {before}: {1 - rows / before:.0%} are gone"
        raise NotStarted("FEED_SHRUNK", f"{found}, at most {asked.shrink:.0%} may be (shrink); {remedy}")


def rows_of(catalog: Catalog, run_id: str) -> int:
    """How many rows the manifest of a run had, those that were refused among them."""
    head = manifest_of(catalog, run_id)
    return int(head.get("items", 0)) + len(head.get("refused", ()))


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
