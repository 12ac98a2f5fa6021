"""Whether a schedule's start comes to a run, rule by rule; and who is pinged. No server is needed."""

from __future__ import annotations

import http.server
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog.facts import ScheduleFacts, schedule
from catalog.schedules import Scheduled
from flows.ping import ping
from flows.scheduling import wanted_of
from flows.start_rules import NotStarted, alone, feed, in_time, latest, superseded
from tasks.tools import Tools
from tests.workroom import Workroom

NIGHTLY = {"cron": "0 1 * * *", "late_hours": 2, "shrink": 0.5}
DUE = datetime(2026, 11, 22, 1, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("small")


@pytest.fixture
def tools(home: Workroom) -> Iterator[Tools]:
    with home.tools() as found:
        yield found


def rows(home: Workroom, count: int) -> list[dict[str, object]]:
    home.picture("a.png")
    return [{"id": f"s{n}", "source": "a.png"} for n in range(count)]


def applied(tools: Tools, manifest: Path) -> ScheduleFacts:
    tools.catalog.put_schedule(wanted_of(manifest), "test")
    return schedule(tools.catalog, "tests")


def a_night(home: Workroom, tools: Tools, count: int, **schedule_of: object) -> tuple[ScheduleFacts, str]:
    """A schedule whose last run had `count` rows, and that run."""
    manifest = home.manifest(rows(home, count), schedule=NIGHTLY | schedule_of)
    asked = applied(tools, manifest)
    night = Scheduled("tests", asked.last_run_id, None, None, None)
    run_id = home.submit(tools, home.plan(manifest), scheduled=night)
    return schedule(tools.catalog, "tests"), run_id


def refusal(call: object) -> NotStarted:
    with pytest.raises(NotStarted) as told:
        call()  # type: ignore[operator]
    return told.value


def test_a_start_may_be_so_late_and_no_later(home: Workroom, tools: Tools) -> None:
    asked = applied(tools, home.manifest(rows(home, 1), schedule=NIGHTLY))
    in_time(asked, DUE, DUE + timedelta(hours=2))
    late = refusal(lambda: in_time(asked, DUE, DUE + timedelta(hours=2, seconds=1)))
    assert late.code == "SCHEDULE_LATE"
    assert "2026-11-22 01:00 UTC" in late.why and "2.0 h" in late.why and "run-now 'tests'" in late.why


def test_of_many_late_starts_the_latest_is_enough(home: Workroom, tools: Tools) -> None:
    asked = applied(tools, home.manifest(rows(home, 1), schedule=NIGHTLY))
    later, days = DUE + timedelta(days=2), timedelta(days=3, hours=1)
    assert superseded(asked, DUE, DUE + timedelta(hours=5), lambda *_: later) == ""
    assert "2026-11-24 01:00 UTC" in superseded(asked, DUE, DUE + days, lambda *_: later)
    assert superseded(asked, DUE, DUE + days, lambda *_: None) == "", "the server was away as well"
    assert latest(asked, DUE, DUE + days) == DUE + timedelta(days=3), "the last one stands for those that never came"
    assert latest(asked, DUE, DUE + timedelta(days=3, hours=3)) == DUE, "all of them are too late"
    tools.catalog.switch_schedule("tests", None, "test")
    assert "paused" in superseded(schedule(tools.catalog, "tests"), DUE, DUE, lambda *_: None)


def test_while_the_last_run_goes_on_a_start_is_skipped_or_waits(home: Workroom, tools: Tools) -> None:
    asked, run_id = a_night(home, tools, 1)
    now = datetime.now(UTC)
    told = refusal(lambda: alone(tools.catalog, asked, now))
    assert (told.code, told.asks) == ("SCHEDULE_OVERLAP", False) and run_id in told.why

    waits, run_id = a_night(home, tools, 1, overlap="wait")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            tools.catalog.set_run_state(run_id, "done")

    def paused_meanwhile(seconds: float) -> None:
        tools.catalog.switch_schedule("tests", None, "test")
        sleep(seconds)

    assert not alone(tools.catalog, waits, now, paused_meanwhile).active
    assert len(slept) == 2
    tools.catalog.set_run_state(run_id, "planned")
    too_long = refusal(lambda: alone(tools.catalog, waits, now - timedelta(hours=3), sleep))
    assert too_long.asks, "who waited in vain is told to somebody"
    tools.catalog.pause_run(run_id, "BUDGET_SPENT", "it is spent", "test")
    alone(tools.catalog, waits, now)


def test_a_feed_that_shrank_stops_and_asks(home: Workroom, tools: Tools) -> None:
    asked, _ = a_night(home, tools, 4)
    home.manifest(rows(home, 2), schedule=NIGHTLY)
    assert len(feed(tools.catalog, asked, accept_fewer=False).items) == 2, "half may be gone"
    home.manifest(rows(home, 1), schedule=NIGHTLY)
    told = refusal(lambda: feed(tools.catalog, asked, accept_fewer=False))
    assert (told.code, told.asks) == ("FEED_SHRUNK", True)
    assert "1 rows, its last run had 4: 75% are gone" in told.why
    assert "dailies schedule run-now 'tests' --accept-fewer" in told.why
    assert len(feed(tools.catalog, asked, accept_fewer=True).items) == 1


def test_an_empty_feed_always_stops(home: Workroom, tools: Tools) -> None:
    asked, _ = a_night(home, tools, 1, shrink=1)
    home.manifest([], schedule=NIGHTLY)
    assert refusal(lambda: feed(tools.catalog, asked, accept_fewer=True)).code == "FEED_EMPTY"
    home.manifest([], schedule=NIGHTLY, limits={"min_rows": 0})
    told = refusal(lambda: feed(tools.catalog, asked, accept_fewer=False))
    assert told.code == "FEED_EMPTY" and "--accept-fewer" in told.why
    assert feed(tools.catalog, asked, accept_fewer=True).items == ()


def test_a_feed_that_cannot_be_read_or_is_another_one_stops(home: Workroom, tools: Tools) -> None:
    asked, _ = a_night(home, tools, 1)
    (home.folder / "m.yaml").write_text("version: 1\nrows: {csv: gone.csv}\n", encoding="utf-8")
    told = refusal(lambda: feed(tools.catalog, asked, accept_fewer=True))
    assert told.code == "FEED_UNREADABLE" and "gone.csv" in told.why
    (home.folder / "m.yaml").unlink()
    assert refusal(lambda: feed(tools.catalog, asked, accept_fewer=True)).code == "FEED_UNREADABLE"
    home.manifest(rows(home, 1), name="m.yaml", kind="storyboard", schedule=NIGHTLY)
    assert refusal(lambda: feed(tools.catalog, asked, accept_fewer=True)).code == "SCHEDULE_CHANGED"


# ---- the dead man's switch


class Switch(http.server.BaseHTTPRequestHandler):
    heard: list[str]

    def do_GET(self) -> None:
        self.heard.append(self.path)
        self.send_response(500 if self.path.startswith("/broken") else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def switch() -> Iterator[tuple[str, list[str]]]:
    """A switch's address, and what it has heard."""
    heard: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Heard", (Switch,), {"heard": heard}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", heard
    server.shutdown()
    server.server_close()


def test_a_ping_tells_starts_and_ends_and_never_fails(
    switch: tuple[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    url, heard = switch
    assert ping(f"{url}/secret", "start") and ping(f"{url}/secret/", "done") and ping(f"{url}/secret", "fail")
    assert heard == ["/secret/start", "/secret", "/secret/fail"]
    with caplog.at_level(logging.WARNING, "dailies.ping"):
        assert not ping(f"{url}/broken", "done")
        assert not ping("http://127.0.0.1:1/secret", "done")
        assert not ping("http://[::1/secret", "done")
        assert not ping("http://ana:secret@127.0.0.1:1/x", "done")
    assert not ping("", "done")
    assert "it answers 500" in caplog.text and "ConnectError" in caplog.text and "secret" not in caplog.text
