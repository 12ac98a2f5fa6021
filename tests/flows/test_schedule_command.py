"""`dailies schedule`: the catalog's row and the Prefect deployment are one thing; and one fires at its minute."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog.facts import schedule
from catalog.queries import run_status
from flows.cli import command
from flows.doctor import _settings  # pyright: ignore[reportPrivateUsage]
from flows.settings import Settings
from tests.flows.processes import heard, of_home, until
from tests.prefect_schema import with_schema
from tests.workroom import Workroom, index_of

ROOT = Path(__file__).parents[2]
WEEKDAYS = {"cron": "30 2 * * MON-FRI", "timezone": "Europe/Berlin", "budget": {"gpu_hours": 4}, "done_by": "07:00"}


def manifest(home: Workroom, *ids: str, **asked: Any) -> Path:
    home.picture("a.png")
    rows = [{"id": name, "source": "a.png", "motion": {"amount": 0.05 + n / 100}} for n, name in enumerate(ids)]
    more: dict[str, Any] = {"defaults": {"deliver": ["draft_576p"]}}
    return home.manifest(rows, **more | asked)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    """What a command that ended with a status has printed as JSON."""

    def run(status: int, *arguments: str) -> Any:
        capsys.readouterr()
        assert command(["schedule", *arguments, "--json"]) == status
        return json.loads(capsys.readouterr().out)

    return run


def codes(told: Any) -> list[str]:
    return [problem["code"] for problem in told["problems"]]


def test_without_a_server_it_says_what_to_start(
    home: Workroom, printed: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    told = printed(2, "apply", str(manifest(home, "a", schedule=WEEKDAYS)))
    assert codes(told) == ["NO_SERVER"] and "dailies up" in told["problems"][0]["remedy"]
    assert printed(0, "list") == []
    assert command(["schedule", "list"]) == 0
    assert "dailies schedule apply" in capsys.readouterr().out


def test_what_is_wrong_with_any_manifest_is_told_before_anything_is_applied(home: Workroom, printed: Any) -> None:
    good = manifest(home, "a", schedule=WEEKDAYS, name="good.yaml")
    none = manifest(home, "a", name="none.yaml")
    bad = manifest(home, "a", schedule={"cron": "often"}, name="bad.yaml")
    assert codes(printed(2, "apply", str(good), str(none), str(bad), "gone.yaml")) == [
        "NO_SCHEDULE",
        "BAD_CRON",
        "FILE_MISSING",
    ]
    assert printed(0, "list") == []


@pytest.mark.slow
def test_a_schedule_is_one_thing_in_both_places(
    home: Workroom, prefect_server: str, printed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    from flows.deployments import apply
    from flows.scheduling import tell_server

    apply()
    file = manifest(home, "a", schedule=WEEKDAYS)
    (applied,) = printed(0, "apply", str(file))
    assert (applied["name"], applied["active"], applied["budget_gpu_seconds"]) == ("tests", True, 14400.0)
    with get_client(sync_client=True) as client:

        def deployed() -> Any:
            return client.read_deployment_by_name("scheduled/tests")

        def timed() -> tuple[str, str, bool]:
            (one,) = deployed().schedules
            return one.schedule.cron, one.schedule.timezone, one.active

        assert timed() == ("30 2 * * MON-FRI", "Europe/Berlin", True)
        first = deployed()
        assert first.parameters == {"schedule": "tests"} and first.work_queue_name == "control"

        printed(0, "apply", str(file))
        assert deployed().updated == first.updated, "what is right already is left alone"

        assert printed(0, "pause", "tests")["next_at"] is None
        assert timed()[2] is False
        manifest(home, "a", schedule=WEEKDAYS | {"cron": "0 3 * * *"})
        printed(0, "apply", str(file))
        assert timed() == ("0 3 * * *", "Europe/Berlin", False), "applied again it stays paused"
        assert printed(0, "resume", "tests")["next_at"] is not None
        assert timed()[2] is True

        client.delete_deployment(deployed().id)
        tell_server()
        assert timed() == ("0 3 * * *", "Europe/Berlin", True), "a server that lost it is told again"

        begun = printed(0, "run-now", "tests", "--accept-fewer")
        flow_run = client.read_flow_run(begun["flow_run"])
        assert flow_run.parameters["accept_fewer"] is True and flow_run.parameters["schedule"] == "tests"

        (told,) = printed(0, "list")
        assert told["in_words"] == "At 03:00 every day, Europe/Berlin"
        assert command(["schedule", "list"]) == 0
        shown = " ".join(capsys.readouterr().out.split())
        assert "At 03:00 every day" in shown and "4 GPU h" in shown and "skipped while" in shown

        assert printed(0, "remove", "tests") == {"removed": "tests"}
        with pytest.raises(ObjectNotFound):
            deployed()
    assert codes(printed(2, "pause", "tests")) == ["NO_SCHEDULE"]


@pytest.mark.slow
def test_a_name_that_is_taken_is_told_before_anything_is_applied(
    home: Workroom, prefect_server: str, printed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.deployments import apply

    apply()
    ping = "https://hc.example/a-secret-path"
    first = manifest(home, "a", schedule=WEEKDAYS | {"ping": ping}, name="first.yaml")
    same = manifest(home, "a", schedule=WEEKDAYS, name="same.yaml")
    assert command(["schedule", "apply", str(first), str(same)]) != 0
    assert printed(0, "list") == []
    for told in (printed(0, "apply", str(first)), printed(0, "list")):
        assert [one["ping"] for one in told] == ["hc.example"]

    monkeypatch.setenv("DAILIES_PING_URL", ping)
    (shown,) = [one for one in _settings(Settings()) if one.subject == "ping_url"]
    assert shown.found == "hc.example"
    monkeypatch.setenv("DAILIES_PING_URL", "https://ana:hunter22@hc.example/x")
    told = printed(2, "list")
    assert codes(told) == ["BAD_SETTING"] and "wanted an http or https URL" in str(told) and "hunter22" not in str(told)


@pytest.mark.slow
def test_a_later_start_is_one_that_prefect_made_and_nobody_asked_for(home: Workroom, prefect_server: str) -> None:
    from prefect.states import Cancelled, Scheduled

    from flows.deployments import apply
    from flows.prefect_hints import asking, later_start
    from flows.schedule_deployments import put
    from flows.scheduling import wanted_of

    apply()
    with home.tools() as tools:
        tools.catalog.put_schedule(wanted_of(manifest(home, "a", schedule=WEEKDAYS)), "test")
        put([schedule(tools.catalog, "tests")])
    due = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)

    def start(days: int, **parameters: str) -> Any:
        at: Any = due + timedelta(days=days)
        named = {"schedule": "tests", **parameters}
        return client.create_flow_run_from_deployment(deployment, parameters=named, state=Scheduled(scheduled_time=at))

    with asking() as client:
        deployment = client.read_deployment_by_name("scheduled/tests").id

        def later() -> datetime | None:
            return later_start(str(deployment), due, due + timedelta(days=3))

        start(0)
        start(4)
        start(1, asked_by="ana")
        assert later() is None
        second, _ = start(2), start(1)
        assert later() == due + timedelta(days=2)
        client.set_flow_run_state(second.id, Cancelled())
        assert later() == due + timedelta(days=1)


def test_up_applies_a_manifest_that_says_nothing_at_one(home: Workroom) -> None:
    from flows.scheduling import NIGHTLY, wanted_of

    plain = manifest(home, "a")
    assert (wanted_of(plain, NIGHTLY).cron, wanted_of(plain, NIGHTLY).timezone) == ("0 1 * * *", "UTC")
    own = manifest(home, "a", schedule={"cron": "0 5 * * *"})
    assert wanted_of(own, NIGHTLY).cron == "0 5 * * *"


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def dailies(home: Workroom, port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Starts `dailies ...` in this home, its output in `<command>.log`; at the end all of it is gone."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    with_schema(home.settings.prefect_home)
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        with (home.folder / f"{arguments[0]}.log").open("ab") as lines:
            process = subprocess.Popen(
                [sys.executable, "-c", "from flows.cli import main; main()", *arguments, "--json"],
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "PREFECT_WORKER_QUERY_SECONDS": "2",
                    "DAILIES_RUN_ON": "here" if arguments[0] == "up" else "auto",
                },
                stdout=lines,
                stderr=lines,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
    until("all to be gone", lambda: not of_home(home.settings.home))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_schedule_fires_at_its_minute_and_the_report_names_every_shot(
    home: Workroom, port: int, dailies: Callable[..., Any]
) -> None:
    log = home.folder / "up.log"
    home.picture("large.png", size=(1280, 960))
    other = home.manifest([{"id": "a", "source": "large.png"}], name="n.yaml", defaults={"deliver": ["draft_576p"]})
    other.write_text(other.read_text(encoding="utf-8").replace("name: tests", "name: others"), encoding="utf-8")
    up = dailies("up", "--port", str(port), "--dashboard-port", "0", "--nightly", str(other))
    until("dailies up", lambda: up.poll() is not None or heard(log, "ready"))
    assert up.poll() is None, log.read_text(encoding="utf-8")
    due = (datetime.now(UTC) + timedelta(seconds=85)).replace(second=0, microsecond=0)  # in 25 to 85 seconds
    asked = {"cron": f"{due:%M} {due:%H} * * *", "done_by": f"{due + timedelta(hours=2):%H:%M}"}
    rows = [{"id": name, "source": "large.png", "seed": n} for n, name in enumerate(("mug", "cup", "bowl"))]
    file = home.manifest(rows, defaults={"deliver": ["draft_576p"], "upscale": {"still": False}}, schedule=asked)
    applying = dailies("schedule", "apply", str(file))
    assert applying.wait(60) == 0, (home.folder / "schedule.log").read_text(encoding="utf-8")
    with home.tools() as tools:
        assert schedule(tools.catalog, "tests").next_at == due
        assert schedule(tools.catalog, "others").cron == "0 1 * * *"
        begun = until("its start", lambda: schedule(tools.catalog, "tests").last_started_at)
        # Prefect rounds the time until a start to whole seconds.
        assert timedelta(seconds=-1) <= begun - due < timedelta(minutes=1)
        reports = home.settings.home / "reports" / "tests"
        told = until("its report", lambda: next(reports.glob("*.html"), None)).read_text(encoding="utf-8")
        found = schedule(tools.catalog, "tests")
        assert found.last_run_id is not None and found.next_at == due + timedelta(days=1)
        row = run_status(tools.catalog, found.last_run_id).run
        assert (row.state, row.triggered_by) == ("done", "schedule tests")
    assert all(f"<strong>{name}</strong>" in told for name in ("mug", "cup", "bowl"))
    assert told.count("data:image/jpeg;base64,") == 3 and "to spare" in told
    assert [one["state"] for one in index_of(home.folder / "out")] == ["done"] * 3
    up.send_signal(signal.SIGTERM)
    assert up.wait(60) == 0
