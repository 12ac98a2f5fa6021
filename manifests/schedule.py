"""When a manifest is run by itself: its `schedule:`, and what a cron expression comes to.

Starts are those of Prefect's `CronSchedule`, which keeps to the wall clock: where the clocks go forward, a start within
the hour that is skipped comes an hour earlier by the clock; where they go back, it is the first of the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from manifests.faults import nearest, shortened
from manifests.part import Part

_FIELD = re.compile(r"(\*|\d+|[A-Za-z]{3})([-/,](\*|\d+|[A-Za-z]{3}))*")
"""What every cron understands alike: numbers, names, lists, ranges, steps; no L, #, W."""
_MOST = 1_000
"""Starts looked at for the next one."""


def next_start(cron: str, timezone: str, after: datetime) -> datetime:
    """The first start later than `after`, in UTC. Raises ValueError where nothing ever comes of it."""
    zone = ZoneInfo(timezone)
    for local, _ in zip(_wall_clock(cron, after.astimezone(zone).replace(tzinfo=None)), range(_MOST), strict=False):
        if (start := _at(local, zone)) > after:
            return start
    raise ValueError(f"cron '{cron}' never comes")


def deadline(done_by: str, timezone: str, start: datetime) -> datetime:
    """The first time after `start` at which it is `done_by` (`07:00`) in `timezone`, in UTC."""
    zone = ZoneInfo(timezone)
    at, day = time.fromisoformat(done_by), start.astimezone(zone).date()
    return next(
        found for days in range(3) if (found := _at(datetime.combine(day + timedelta(days=days), at), zone)) > start
    )


def in_words(cron: str, timezone: str) -> str:
    """`At 01:00 every day, Europe/Berlin`."""
    return f"{CronSim(cron, datetime.now(UTC)).explain()}, {timezone}"


def _wall_clock(cron: str, after: datetime) -> Iterator[datetime]:
    """Times of day that `cron` names after `after`, without a zone, as if every day had 24 hours."""
    # An hour earlier, for in the night that is an hour longer the wall clock shows that hour twice.
    return CronSim(cron, after - timedelta(hours=1))


def _at(local: datetime, zone: ZoneInfo) -> datetime:
    first = local.replace(tzinfo=zone)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:  # the clocks skip it
        first = first.replace(fold=1)
    return first.astimezone(UTC)


def _fault(code: str, what: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError(code, "{what}", {"what": what, "remedy": remedy})  # type: ignore[arg-type]


def _cron(value: str) -> str:
    wanted = "write five fields, minute hour day month weekday, such as 0 1 * * * or 30 2 * * MON-FRI"
    fields = value.split()
    if len(fields) != 5 or not all(_FIELD.fullmatch(field) for field in fields):
        raise _fault(
            "BAD_CRON", f"is {shortened(value)}; a cron has five fields of numbers, names, * , - and /", wanted
        )
    days = sorted((fields[2], fields[4]))
    if days[0].startswith("*/") and days[1] != "*":
        # cron takes both, croniter either.
        raise _fault("BAD_CRON", f"is {shortened(value)}; which days */ leaves is read in two ways", "list the days")
    try:
        next_start(value, "UTC", datetime.now(UTC))
    except (CronSimError, ValueError, RuntimeError) as error:
        raise _fault("BAD_CRON", f"is {shortened(value)}: {error}", wanted) from error
    return " ".join(fields)


def _timezone(value: str) -> str:
    known = available_timezones()
    if value not in known:
        near = nearest(value, known)
        remedy = f"did you mean {near}?" if near else "write an IANA name such as Europe/Berlin"
        raise _fault("BAD_TIMEZONE", f"is {shortened(value)}, which is no time zone", remedy)
    return value


def _time_of_day(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise _fault("BAD_TIME", f"is {shortened(value)}, wanted a time of day", 'write "07:00"')
    return value


def web_address(value: str) -> str:
    """`value` without a slash at its end. Raises PydanticCustomError where it is no http or https URL."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
        raise _fault("BAD_URL", f"is {shortened(value)}, wanted an http or https URL", "copy it from the service")
    return value.rstrip("/")


Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Budget(Part):
    """What a run may take; before it would exceed either, it stops and says what is left."""

    gpu_hours: Annotated[float, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="Hours of GPUs, all cards together; left out: no limit."
    )
    gigabytes: Annotated[float, Field(ge=0, le=10_000_000)] | None = Field(
        default=None, description="New files in the store, in GB; left out: no limit."
    )


class Schedule(Part):
    """When a manifest is run by itself, and when it is better not."""

    cron: Annotated[Text, AfterValidator(_cron)] = Field(
        description="Minute, hour, day of month, month, weekday: 0 1 * * * is every night at one."
    )
    timezone: Annotated[Text, AfterValidator(_timezone)] = Field(
        default="UTC",
        description="IANA name whose wall clock counts. A start in the hour that clocks skip comes an hour earlier; "
        "in the hour that comes twice it is the first.",
    )
    done_by: Annotated[Text, AfterValidator(_time_of_day)] | None = Field(
        default=None, description="Time of day, there, at which it has to be finished; the report says whether it was."
    )
    budget: Budget = Field(
        default=Budget.model_construct(), description="What one run may take before it stops and says what is left."
    )
    late_hours: float = Field(
        default=6.0, gt=0, le=168, description="How late a start may be; later than that the night is skipped."
    )
    overlap: Literal["skip", "wait"] = Field(
        default="skip", description="While its last run is not over: skip this one, or wait, but at most late_hours."
    )
    shrink: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the last run's rows that may be missing; more, or no rows at all, stops it and asks.",
    )
    ping: Annotated[Text, AfterValidator(web_address)] | None = Field(
        default=None,
        description="URL that is told of starts and ends, so that somebody notices when nothing comes; else the "
        "setting's.",
    )
