"""`schedule:` in a manifest: what it may say, what it refuses all at once, and when its starts come."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from manifests.schedule import Schedule, deadline, in_words, next_start
from tests.manifests.workspace import HEAD, Workspace

ROWS = "rows:\n  - {id: a, source: a.png}\n"


def asked(text: str) -> str:
    return f"{HEAD}schedule: {text}\n{ROWS}"


def test_a_cron_is_enough_and_the_rest_has_defaults(space: Workspace) -> None:
    manifest = space.load(asked("{cron: 0 1 * * *}"))
    assert manifest.schedule == Schedule(cron="0 1 * * *", timezone="UTC", late_hours=6, overlap="skip", shrink=0.5)
    assert space.load(f"{HEAD}{ROWS}").schedule is None


def test_when_it_runs_is_no_part_of_what_is_asked(space: Workspace) -> None:
    digests = {space.load(text).sha256 for text in (f"{HEAD}{ROWS}", asked("{cron: 0 1 * * *, done_by: 07:00}"))}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("{cron: 0 1 * *}", "BAD_CRON", "five fields"),
        ("{cron: '@daily'}", "BAD_CRON", "five fields"),
        ("{cron: 0 1 L * *}", "BAD_CRON", "five fields"),
        ("{cron: 0 25 * * *}", "BAD_CRON", "0 25 * * *"),
        ("{cron: 0 1 31 2 *}", "BAD_CRON", "0 1 31 2 *"),
        ("{cron: 0 1 */2 * MON}", "BAD_CRON", "read in two ways"),
        ("{timezone: UTC}", "MISSING_KEY", "schedule.cron is missing"),
        ("{cron: 0 1 * * *, timezone: Europe/Berln}", "BAD_TIMEZONE", "did you mean Europe/Berlin?"),
        ("{cron: 0 1 * * *, timezone: ../../etc/passwd}", "BAD_TIMEZONE", "IANA"),
        ("{cron: 0 1 * * *, done_by: 24:00}", "BAD_TIME", "07:00"),
        ("{cron: 0 1 * * *, late_hours: 0}", "OUT_OF_RANGE", "late_hours"),
        ("{cron: 0 1 * * *, shrink: 1.1}", "OUT_OF_RANGE", "0 to 1"),
        ("{cron: 0 1 * * *, overlap: queue}", "UNKNOWN_VALUE", "skip, wait"),
        ("{cron: 0 1 * * *, ping: 'file:///etc/passwd'}", "BAD_URL", "http"),
        ("{cron: 0 1 * * *, budget: {gpu_hour: 4}}", "UNKNOWN_KEY", "did you mean gpu_hours?"),
        ("{cron: 0 1 * * *, budget: {gpu_hours: -4}}", "OUT_OF_RANGE", "gpu_hours"),
        ("nightly", "WRONG_TYPE", "a mapping"),
    ],
)
def test_what_is_refused(space: Workspace, text: str, code: str, told: str) -> None:
    problem = space.fault(asked(text))
    assert (problem.code, problem.line) == (code, 2)
    assert told in str(problem) and problem.remedy


def test_all_that_is_wrong_is_told_at_once(space: Workspace) -> None:
    problems = space.faults(asked("{cron: often, timezone: Mars/Olympus, done_by: noon, shrnk: 0.1}"))
    assert {problem.code for problem in problems} == {"BAD_CRON", "BAD_TIMEZONE", "BAD_TIME", "UNKNOWN_KEY"}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "starts"),
    [
        ("0 1 * * *", "UTC", "2026-11-22 00:59:59", ["2026-11-22 01:00", "2026-11-23 01:00"]),
        ("0 1 * * *", "UTC", "2026-11-22 01:00", ["2026-11-23 01:00"]),
        ("0 1 * * *", "Europe/Berlin", "2026-10-24 12:00", ["2026-10-24 23:00", "2026-10-26 00:00"]),
        # Clocks forward on 29 March: 02:30 is not there. Back on 25 October: it is there twice.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["2026-03-29 00:30", "2026-03-30 00:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 00:45", ["2026-10-26 01:30"]),
        ("0 * * * *", "Europe/Berlin", "2026-10-24 23:30", ["2026-10-25 00:00", "2026-10-25 02:00"]),
        ("0 18 * * MON-FRI", "America/New_York", "2026-11-20 23:30", ["2026-11-23 23:00"]),
    ],
)
def test_when_the_next_starts_come(cron: str, zone: str, after: str, starts: list[str]) -> None:
    found = [moment(after)]
    for _ in starts:
        found.append(next_start(cron, zone, found[-1]))
    assert found[1:] == [moment(text) for text in starts]


@pytest.mark.parametrize("month", [3, 10])
def test_they_are_those_of_prefect(month: int) -> None:
    from prefect.server.schemas.schedules import CronSchedule

    crons = ("0 1 * * *", "30 2 * * *", "15 3 * * MON-FRI", "0 6 1 * *", "0 */5 * * *", "20 4 13 * 5")
    for cron in crons:
        for zone in ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"):
            found = [datetime(2026, month, 20, 12, 1, tzinfo=UTC)]
            for _ in range(15):
                found.append(next_start(cron, zone, found[-1]))
            theirs = CronSchedule(cron=cron, timezone=zone)._get_dates_generator(n=15, start=found[0])
            assert [one.astimezone(UTC) for one in theirs] == found[1:], (cron, zone)


def test_a_deadline_is_the_next_time_that_clock_shows_it() -> None:
    start = moment("2026-10-24 23:00")  # one o'clock in Berlin, in the night that is an hour longer
    assert deadline("07:00", "Europe/Berlin", start) == moment("2026-10-25 06:00")
    assert deadline("00:30", "Europe/Berlin", start) == moment("2026-10-25 23:30")


def test_a_cron_in_words() -> None:
    assert in_words("0 1 * * *", "Europe/Berlin") == "At 01:00 every day, Europe/Berlin"
