"""`dailies up`: one machine under one command, ended by one Ctrl-C, and gone on with after a power cut."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.queries import latest_run, run_status, workers
from flows.cli import command
from flows.up_file import read_up
from tests.flows.conftest import Start
from tests.flows.like_shots import manifest_of
from tests.flows.processes import heard, of_home, until
from tests.prefect_schema import with_schema
from tests.workroom import Workroom, index_of

ROOT = Path(__file__).parents[2]


def test_it_listens_to_the_world_only_with_a_password(
    home: Workroom, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    assert command(["up", "--host", "0.0.0.0"]) == 2
    assert "NO_PASSWORD" in capsys.readouterr().err
    assert not of_home(home.settings.home)


def test_a_port_that_is_taken_is_told(home: Workroom, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert command(["up", "--port", str(taken.getsockname()[1])]) == 2
    assert "PORT_TAKEN" in capsys.readouterr().err
    assert read_up(home.settings.home) is None


def test_what_a_killed_one_left_behind_counts_for_nothing(home: Workroom) -> None:
    code = f"from flows.up_file import write_up; from pathlib import Path; write_up(Path({str(home.folder)!r}), 'http://x')"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    assert (home.folder / "up.json").exists()
    assert read_up(home.folder) is None


Up = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def up(home: Workroom, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    """Starts `dailies up --json`, its lines in `up.log`; whatever it leaves is killed at the end."""
    monkeypatch.setenv("DAILIES_LEASE_SECONDS", "5")
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    started: list[subprocess.Popen[bytes]] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def begin() -> subprocess.Popen[bytes]:
        code = "from flows.cli import main; main()"
        log = home.folder / "up.log"
        log.unlink(missing_ok=True)
        with log.open("ab") as lines:
            process = subprocess.Popen(
                [sys.executable, "-c", code, "up", "--port", port, "--dashboard-port", "0", "--json"],
                env={**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_WORKER_QUERY_SECONDS": "2"},
                stdout=lines,
                stderr=lines,
            )
        started.append(process)
        until("dailies up", lambda: process.poll() is not None or heard(log, "ready"))
        assert process.poll() is None, log.read_text(encoding="utf-8")
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
    until("all to be gone", lambda: not of_home(home.settings.home))


def active(home: Workroom) -> set[str]:
    with home.tools() as tools:
        return {row.pool for row in workers(tools.catalog) if row.state == "active"}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("small")
def test_one_machine_under_one_command(
    home: Workroom, up: Up, dailies: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    process, log = up(), home.folder / "up.log"
    told = read_up(home.settings.home)
    assert told is not None and told.pid == process.pid
    until("its workers", lambda: active(home) == {"cpu", "control"})

    assert command(["up", "--port", "1"]) == 2, "a second one in the same home"
    refused = capsys.readouterr().err
    assert "UP_RUNS" in refused and str(process.pid) in refused

    # A run in another shell hands its batches to the pools, though nobody told it of a server.
    run = dailies("run", str(manifest_of(home, 2)), "--json", PREFECT_API_URL="")
    said, _ = run.communicate(timeout=280)
    assert run.returncode == 0, said
    assert [row["state"] for row in index_of(home.folder / "out")] == ["done", "done"]
    worked = {row.worker for row in home.executions() if row.state == "done"}
    assert len(worked) == 1 and next(iter(worked)).endswith("/cpu"), worked

    server = next(pid for pid, line in of_home(home.settings.home).items() if "flows.prefect_server" in line)
    os.kill(server, signal.SIGKILL)
    until("another server", lambda: sum(one["program"] == "server" for one in _started(log)) == 2)

    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not of_home(home.settings.home), "something was left behind"
    assert read_up(home.settings.home) is None
    with home.tools() as tools:
        assert {row.state for row in workers(tools.catalog, live=False) if row.pool in ("cpu", "control")} == {
            "stopped"
        }


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("small")
def test_after_a_power_cut_the_next_one_finishes_what_was_running(home: Workroom, up: Up, dailies: Start) -> None:
    with_schema(home.settings.prefect_home)
    process = up()
    until("its workers", lambda: active(home) == {"cpu", "control"})
    run = dailies("run", str(manifest_of(home, 4)), PREFECT_API_URL="")
    until("the first shot", lambda: any(row.stage == "encode" for row in home.executions() if row.state == "done"))
    process.kill()  # all that it started dies with it
    run.kill()
    process.wait()
    run.wait()
    # A flow run that was only starting asks a server that is gone for a while, and holds nothing.
    until("all to be gone", lambda: not of_home(home.settings.home))
    with home.tools() as tools:
        run_id = latest_run(tools.catalog)
        assert run_id is not None and run_status(tools.catalog, run_id).run.state == "running"

    process = up()

    def done() -> bool:
        with home.tools() as tools:
            return run_status(tools.catalog, run_id).run.state == "done"

    until("the run's end", done)
    assert [row["state"] for row in index_of(home.folder / "out")] == ["done"] * 4
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert not of_home(home.settings.home), "something was left behind"


def _started(log: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "started"]
