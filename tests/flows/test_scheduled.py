"""Scheduled nights, one after the other: what stands costs nothing, rows vanish and come back, budgets stop a run."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.schemas.objects import State
from sqlalchemy import select, update

from catalog.facts import ScheduleFacts, night, schedule
from catalog.queries import latest_run, list_runs, run_status
from catalog.tables import Notice, Shot
from flows.cli import command
from flows.run import Outcome
from flows.scheduling import wanted_of
from manifests.errors import InputError
from tests.flows.receivers import SECRET, Shop, serving
from tests.flows.test_start_rules import switch as switch
from tests.workroom import Workroom

SMALL = {"cron": "0 1 * * *", "timezone": "Europe/Berlin", "done_by": "07:00"}
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small")]


@pytest.fixture(autouse=True)
def here(home: Workroom, prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started is worked by this process."""
    monkeypatch.setenv("DAILIES_RUN_ON", "here")


def feed(home: Workroom, *ids: str, **asked: Any) -> Path:
    for number, name in enumerate(("s0", "s1", "s2")):
        if not (home.folder / f"{name}.png").exists():
            home.picture(f"{name}.png", seed=number)
    rows = [{"id": name, "source": f"{name}.png", "title": f"Title <b>{name}</b>"} for name in ids]
    return home.manifest(rows, schedule=SMALL | asked)


def applied(home: Workroom, manifest: Path) -> None:
    with home.tools() as tools:
        tools.catalog.put_schedule(wanted_of(manifest), "test")


def begin(**asked: Any) -> Outcome:
    from flows.scheduled import scheduled

    ended = scheduled("tests", **asked)
    assert isinstance(ended, Outcome), ended
    return ended


def facts(home: Workroom) -> ScheduleFacts:
    with home.tools() as tools:
        return schedule(tools.catalog, "tests")


def reports(home: Workroom) -> list[tuple[str, dict[str, Any]]]:
    """What people are told of nights: the notice's title and body."""
    query = select(Notice.subject, Notice.body).where(Notice.event == "report").order_by(Notice.at, Notice.id)
    with home.tools() as tools, tools.catalog.database.read() as connection:
        return [(row.subject, row.body) for row in connection.execute(query)]


def reported(home: Workroom, run_id: str) -> str:
    return (home.settings.home / "reports" / "tests" / f"{run_id}.md").read_text(encoding="utf-8").replace("\\", "")


def section(report: str, title: str) -> str:
    return report.partition(f"## {title}\n")[2].partition("\n## ")[0]


def made(outcome: Outcome) -> int:
    return sum(total.made for total in outcome.status.stages)


def test_nights_one_after_the_other(home: Workroom, switch: tuple[str, list[str]]) -> None:
    url, heard = switch
    applied(home, feed(home, "s0", "s1", "s2", ping=f"{url}/id"))
    out = home.folder / "out"
    first = begin(asked_by="ana")
    run_id = first.status.run.id
    assert first.status.run.triggered_by == "ana (schedule tests)" and made(first) > 0
    assert heard == ["/id/start", "/id"]
    told = reported(home, run_id)
    assert all(name in section(told, "New") for name in ("s0", "s1", "s2", "Title &lt;b>s0&lt;/b>"))
    assert "kept" in told and "Next start" in told and "Europe/Berlin" in told
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 3 and "Title &lt;b&gt;s0&lt;/b&gt;" in page
    assert page == (home.settings.home / "reports" / "tests" / f"{run_id}.html").read_text(encoding="utf-8")
    assert facts(home).last_run_id == run_id
    ((_, body),) = reports(home)
    assert (body["run_id"], body["state"], body["shots"]) == (run_id, "done", {"new": 3})
    assert {"name": "Ended", "value": body["figures"][1]["value"]} in body["figures"] and "markdown" not in body
    assert body["page"] == str(home.settings.home / "reports" / "tests" / f"{run_id}.html")

    # A row is gone, another's picture is torn: what stands is not touched, the vanished row's file leaves the folder.
    # What the schedule says now was not applied.
    (home.folder / "s1.png").write_bytes((home.folder / "s1.png").read_bytes()[:200])
    feed(home, "s0", "s1", ping=f"{url}/id", late_hours=3)
    second = begin()
    told = reported(home, second.status.run.id)
    assert made(second) == 0 and second.status.run.state == "failed"
    assert "s0" in section(told, "Unchanged") and "s1" in section(told, "Quarantined")
    assert "s2" in section(told, "Retired") and "BAD_IMAGE" in told and "dailies schedule apply" in told
    assert {path.name for path in out.glob("s*.mp4")} == {"s0_small_wide.mp4", "s1_small_wide.mp4"}
    assert {path.name for path in out.glob("s*.jpg")} == {"s0_small_wide.jpg", "s1_small_wide.jpg"}
    assert heard[2:] == ["/id/start", "/id/fail"]

    home.picture("s1.png", seed=1)
    feed(home, "s0", "s1", "s2", ping=f"{url}/id")
    third = begin()
    assert facts(home).last_code is None
    told = reported(home, third.status.run.id)
    assert made(third) == 0, "a row that comes back is served with the file it had"
    assert all(name in section(told, "Unchanged") for name in ("s0", "s1", "s2")) and "Retired" not in told
    assert (out / "s2_small_wide.mp4").exists()


def test_a_broken_feed_runs_nothing_and_retires_nothing(home: Workroom, switch: tuple[str, list[str]]) -> None:
    from flows.scheduled import scheduled

    url, heard = switch
    applied(home, feed(home, "s0", "s1", "s2", shrink=0.4, ping=f"{url}/id"))
    begin()
    feed(home, "s0", shrink=0.4, ping=f"{url}/id")
    with pytest.raises(InputError, match="--accept-fewer") as told:
        scheduled("tests")
    assert told.value.code == "FEED_SHRUNK" and heard[2:] == ["/id/fail"]
    assert facts(home).last_code == "FEED_SHRUNK"
    assert len(list((home.folder / "out").glob("s*.mp4"))) == 3
    with home.tools() as tools:
        assert len(list_runs(tools.catalog)) == 1
    begin(accept_fewer=True, asked_by="ana")
    assert len(list((home.folder / "out").glob("s*.mp4"))) == 1
    assert facts(home).last_code is None


def test_a_budget_stops_a_run_before_it_is_exceeded(home: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three shots fit by their estimates, the third never does."""
    from flows import budget
    from tasks.planner.cost import Cost

    estimates = {"s0": 400_000, "s1": 500_000, "s2": 2_000_000}
    monkeypatch.setattr(budget, "cost_of", lambda plan, *_: Cost(0.0, estimates[plan["key"]]))
    applied(home, feed(home, "s0", "s1", "s2", budget={"gigabytes": 0.001}))
    stopped = begin()
    run_id = stopped.status.run.id
    assert (stopped.status.run.state, stopped.status.run.paused_code) == ("paused", "BUDGET_SPENT")
    assert dict(stopped.status.run.shots) == {"done": 2, "waiting": 1}
    why = stopped.status.run.paused_why or ""
    assert "of 0.001 GB" in why and "1 shot left undone" in why and f"dailies resume {run_id}" in why
    told = reported(home, run_id)
    assert "s2" in section(told, "Left") and "1 shot left undone" in told and "Store budget" in told
    with home.tools() as tools:
        found = night(tools.catalog, run_id)
    assert found is not None and 0 < found.bytes <= 1_000_000 and found.ended_at is None

    assert command(["resume", run_id]) == 0
    assert "s2" in section(reported(home, run_id), "New")


def test_a_run_sends_its_own_report(home: Workroom) -> None:
    applied(home, feed(home, "s0"))
    with serving(Shop()) as shop:
        path = home.settings.home / "notify.yaml"
        path.write_text(yaml.safe_dump({"targets": {"shop": {"webhook": shop.url, "secret": SECRET}}}))
        path.chmod(0o600)
        begin()
        assert {one["type"] for one in shop.effects.values()} == {"run.finished", "report"}


def test_work_that_takes_more_than_was_estimated_is_stopped_too(home: Workroom) -> None:
    from catalog.publication import StagedFile
    from catalog.schedules import Scheduled
    from flows.budget import heed_budget

    applied(home, feed(home, "s0", "s1", "s2", budget={"gpu_hours": 1}))
    with home.tools() as tools:
        catalog = tools.catalog
        run_id = home.submit(
            tools, home.plan(home.folder / "m.yaml"), scheduled=Scheduled("tests", None, None, 3600.0, None)
        )
        shots = [f"{run_id}.{n:05d}" for n in (1, 2, 3)]
        batch = catalog.new_batch(run_id, shots, needs={"estimate": [3000.0, 0, 1000.0, 0]})
        catalog.set_batch_state(batch, "running")
        (claim, *_) = catalog.claim(batch, shots, "worker", 60.0)

        def drawn(name: str, gpu_seconds: float) -> None:
            execution = catalog.begin(
                stage="animate", version=1, recipe={"name": name}, recipe_sha256=name, engine="svd",
                engine_versions={}, weights={}, device="cuda:0", inputs=(), claim=claim,
            )  # fmt: skip
            file = catalog.store.stage_file(".ffv1")
            file.write_bytes(name.encode())
            master = StagedFile(file, "master", "master", {})
            catalog.publish(execution, [master], ran={}, seconds=9.0, gpu_seconds=gpu_seconds, claim=claim)

        heed_budget(catalog, run_id)
        assert run_status(catalog, run_id).run.paused_code is None
        drawn("a", 2700.0)
        others = [f"{run_id}.{n:05d}" for n in (2, 3)]
        with catalog.database.write() as connection:
            connection.execute(update(Shot).where(Shot.id.in_(others)).values(state="done"))
        heed_budget(catalog, run_id)
        assert run_status(catalog, run_id).run.paused_code is None, "no shot is left to begin"
        with catalog.database.write() as connection:
            connection.execute(update(Shot).where(Shot.id.in_(others)).values(state="claimed"))
        heed_budget(catalog, run_id)
        row = run_status(catalog, run_id).run
        assert row.paused_code == "BUDGET_SPENT"
        assert (
            row.paused_why is not None and "0.75 of 1 GPU hours are spent, the next shot needs 0.28" in row.paused_why
        )
        assert "2 shots left undone" in row.paused_why, "what is begun ends"


def test_a_night_whose_keeper_died_is_told_by_reconcile(home: Workroom) -> None:
    from catalog.schedules import Scheduled
    from flows.reconcile import reconcile

    applied(home, feed(home, "s0"))
    with home.tools() as tools:
        planned = home.plan(home.folder / "m.yaml")
        run_id = home.submit(tools, planned, scheduled=Scheduled("tests", None, None, None, None))
        home.work(tools, run_id)
        tools.catalog.finish_run(run_id)
    reconcile()
    assert "s0" in section(reported(home, run_id), "New")
    shutil.rmtree(home.settings.home / "reports")
    reconcile()
    assert not (home.settings.home / "reports").exists(), "it is told once"


def test_a_paused_night_whose_keeper_died_is_told_by_reconcile(home: Workroom) -> None:
    from catalog.schedules import Scheduled
    from flows.reconcile import reconcile

    applied(home, feed(home, "s0"))
    with home.tools() as tools:
        planned = home.plan(home.folder / "m.yaml")
        run_id = home.submit(tools, planned, scheduled=Scheduled("tests", None, None, None, None))
        shot = f"{run_id}.00001"
        tools.catalog.claim(tools.catalog.new_batch(run_id, [shot]), [shot], "a worker that died", -1.0)
        tools.catalog.pause_run(run_id, "BUDGET_SPENT", "it is spent", "a keeper that died")
    for _ in range(2):
        reconcile()
        assert "s0" in section(reported(home, run_id), "Left") and "it is spent" in reported(home, run_id)
        assert (home.folder / "out" / "report.html").exists() and len(reports(home)) == 1, "it is told once"
    with home.tools() as tools:
        assert run_status(tools.catalog, run_id).run.state == "paused"


def test_a_night_that_cannot_be_told_keeps_no_other_from_it(home: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog.schedules import Scheduled
    from flows import reconcile as reconciling

    applied(home, feed(home, "s0"))
    runs: list[str] = []
    with home.tools() as tools:
        for after in (None, 0):
            night_of = Scheduled("tests", None if after is None else runs[after], None, None, None)
            runs.append(home.submit(tools, home.plan(home.folder / "m.yaml"), scheduled=night_of))
            tools.catalog.cancel_run(runs[-1], "test")
            tools.catalog.finish_run(runs[-1])
    close = reconciling.close_night

    def full(catalog: Any, settings: Any, run_id: str) -> None:
        if run_id == runs[0]:
            raise OSError("no space left on device")
        close(catalog, settings, run_id)

    monkeypatch.setattr(reconciling, "close_night", full)
    reconciling.reconcile()
    assert [body["run_id"] for _, body in reports(home)] == runs[1:]
    monkeypatch.setattr(reconciling, "close_night", close)
    reconciling.reconcile()
    assert [body["run_id"] for _, body in reports(home)] == runs[::-1]


def test_a_start_that_is_skipped_ends_well_and_says_why(home: Workroom, switch: tuple[str, list[str]]) -> None:
    from catalog.schedules import Scheduled
    from flows.scheduled import scheduled

    url, heard = switch
    applied(home, feed(home, "s0", ping=f"{url}/id"))
    with home.tools() as tools:
        night_before = Scheduled("tests", None, None, None, None)
        run_id = home.submit(tools, home.plan(home.folder / "m.yaml"), scheduled=night_before)
    ended: Any = scheduled("tests", return_state=True)
    assert isinstance(ended, State) and ended.is_completed() and ended.name == "Skipped"
    assert facts(home).last_code == "SCHEDULE_OVERLAP" and run_id in (facts(home).last_note or "")
    assert heard == [], "the end is the last run's to tell"
    with home.tools() as tools:
        assert latest_run(tools.catalog) == run_id


def test_a_start_that_is_too_late_is_skipped(
    home: Workroom, switch: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.scheduled import scheduled

    url, heard = switch
    due = datetime.now(UTC) - timedelta(hours=7)
    applied(home, feed(home, "s0", cron=f"{due:%M} {due:%H} * * *", timezone="UTC", ping=f"{url}/id"))
    monkeypatch.setattr("flows.scheduled._due", lambda asked_by: due)
    ended: Any = scheduled("tests", return_state=True)
    assert ended.is_completed() and ended.name == "Skipped" and "7.0 h late" in ended.message
    told = facts(home)
    assert told.last_code == "SCHEDULE_LATE" and told.last_run_id is None and told.last_started_at is not None
    assert heard == ["/id/fail"], "a night without clips is not a good end"


def test_a_start_that_is_killed_while_it_plans_stays_overdue(home: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import scheduled as starts

    due = datetime.now(UTC) - timedelta(hours=1)
    applied(home, feed(home, "s0", cron=f"{due:%M} {due:%H} * * *", timezone="UTC"))
    with home.tools() as tools:
        tools.catalog.switch_schedule("tests", due, "test")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as planning:
        planning.setattr(starts, "_run", killed)
        with pytest.raises(KeyboardInterrupt):
            starts.scheduled("tests")
    assert 3500 < facts(home).overdue_seconds < 4000
    begin()
    over = facts(home)
    assert over.overdue_seconds == 0 and over.next_at is not None and over.next_at > datetime.now(UTC)


def test_a_start_that_comes_to_nothing_is_told(home: Workroom) -> None:
    from flows.scheduled import scheduled

    applied(home, feed(home, "s0"))
    (home.folder / "m.yaml").unlink()
    with pytest.raises(InputError):
        scheduled("tests")
    ((subject, body),) = reports(home)
    assert (subject, body["state"], body["run_id"]) == ("tests: stopped, FEED_UNREADABLE", "stopped", None)
    assert "m.yaml" in body["notes"][0]
