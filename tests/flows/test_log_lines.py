"""Logs for machines: each line an object, with the run and the shot it is about, its errors whole."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from contextvars import copy_context
from pathlib import Path

import pytest

from catalog.queries import list_runs, workers
from flows.log_lines import JsonLines
from tasks.told_of import telling_of
from tests.flows.conftest import _SMALL, ROOT, Start
from tests.flows.processes import ENOUGH, until
from tests.workroom import Workroom


def line(record: logging.LogRecord) -> dict[str, str]:
    text = JsonLines().format(record)
    assert "\n" not in text
    return json.loads(text)


def record(message: str, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("dailies.line", logging.WARNING, "line.py", 1, message, ("mug",), None)
    made.__dict__.update(more)
    return made


def test_a_line_says_what_it_is_about() -> None:
    assert set(line(record("shot %s"))) == {"time", "level", "logger", "message"}
    with telling_of(run_id="r1", batch_id="b1", worker="hub/cpu"):
        with telling_of(shot_id="r1.00001"):
            told = line(record("shot %s:\nsecond line"))
            seen: list[dict[str, str]] = []
            thread = threading.Thread(target=copy_context().run, args=(lambda: seen.append(line(record("%s"))),))
            thread.start()
            thread.join()
        assert "shot_id" not in line(record("%s"))
        assert line(record("%s", shot_id="r1.00002"))["shot_id"] == "r1.00002"
    assert told["message"] == "shot mug:\nsecond line" and told["level"] == "WARNING"
    about = {"run_id": "r1", "batch_id": "b1", "worker": "hub/cpu", "shot_id": "r1.00001"}
    assert told.items() >= about.items() and seen[0].items() >= about.items()


def test_an_error_is_a_field() -> None:
    try:
        raise ValueError("a mug is no lamp")
    except ValueError:
        told = line(record("%s", exc_info=sys.exc_info()))
    assert "Traceback" in told["exception"] and told["exception"].endswith("ValueError: a mug is no lamp")


def test_what_ends_a_process_is_a_line_too(tmp_path: Path) -> None:
    code = (
        "from flows import log_lines; log_lines.begin(); __import__('warnings').warn('old'); raise RuntimeError('so')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"DAILIES_LOG_FORMAT": "json", **PATHS},
    )
    warned, ended = (json.loads(one) for one in done.stderr.splitlines())
    assert done.returncode == 1 and warned["logger"] == "py.warnings"
    assert ended["level"] == "CRITICAL" and "RuntimeError: so" in ended["exception"]
    quiet = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=PATHS)
    assert quiet.stderr.startswith(("<string>", "Traceback")), "text, as ever"


PATHS = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.mark.slow
def test_a_run_tells_its_log_to_machines(home: Workroom, prefect_server: str) -> None:
    """On stderr is nothing but lines, and those of shots name the run, the batch and the shot."""
    home.picture("a.png")
    manifest = home.manifest([{"id": name, "source": "a.png", "motion": {"amount": amount}} for name, amount in MOVES])
    done = subprocess.run(
        [sys.executable, "-c", _SMALL, "run", str(manifest)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_server, "DAILIES_LOG_FORMAT": "json"},
        cwd=home.folder,
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(one) for one in done.stderr.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(one) for one in lines)
    with home.tools() as tools:
        (run,) = list_runs(tools.catalog, limit=2)
    ended = {one["message"]: one for one in lines if one["message"].endswith(": done")}
    assert set(ended) == {f"shot {name}: done" for name, _ in MOVES}
    for number, (name, _) in enumerate(MOVES, start=1):
        told = ended[f"shot {name}: done"]
        assert (told["run_id"], told["shot_id"]) == (run.id, f"{run.id}.{number:05d}")
        assert told["batch_id"].startswith("b") and told["worker"].endswith("/local")
    assert any(one["message"].endswith("begins: 2 shots") and one["run_id"] == run.id for one in lines)


MOVES = (("near", 0.1), ("far", 0.2))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_worker_and_its_flow_runs_tell_theirs(home: Workroom, dailies: Start, prefect_server: str) -> None:
    """What Prefect starts for a batch says it in the same way; only its worker prints that it starts and stops."""
    from flows.deployments import apply

    apply()
    home.picture("a.png")
    manifest = home.manifest([{"id": name, "source": "a.png", "motion": {"amount": amount}} for name, amount in MOVES])
    worker = dailies("worker", "start", "--pool", "cpu", "--name", "hub/cpu", DAILIES_LOG_FORMAT="json")
    with home.tools() as tools:
        until("a worker", lambda: bool(workers(tools.catalog, pool="cpu")))
        running = dailies("run", str(manifest), "--json", DAILIES_RUN_ON="pools")
        said, _ = running.communicate(timeout=ENOUGH)
        assert running.returncode == 0, said
        (run,) = list_runs(tools.catalog, limit=2)
    worker.terminate()
    events, _ = worker.communicate(timeout=ENOUGH)
    told = [json.loads(one) for one in events.splitlines()]
    assert {one["worker"] for one in told} == {"hub/cpu"} and "pool cpu" in told[0]["message"]
    text = (home.settings.home / "logs" / "hub-cpu.log").read_text(encoding="utf-8")
    printed = re.compile(
        r"Worker 'hub-cpu' (started|stopped)!|Received SIG(TERM|INT)\. Sending SIGINT to the process .*"
    )
    lines = [json.loads(one) for one in text.splitlines() if not printed.fullmatch(one)]
    ended = {one["shot_id"]: one for one in lines if one["message"].endswith(": done")}
    assert set(ended) == {f"{run.id}.00001", f"{run.id}.00002"}
    assert {one["run_id"] for one in ended.values()} == {run.id}
    assert {one["worker"] for one in ended.values()} == {"hub/cpu"}
