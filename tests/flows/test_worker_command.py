"""`dailies worker`: a worker registers what it has, keeps working through troubles, and leaves when told to."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.queries import WorkerRow, workers
from flows import post
from flows.card_state import OwnCard
from flows.cli import command
from flows.own_worker import own_worker
from flows.station import Station
from manifests.errors import InputError
from tasks.card import Sample
from tasks.planner.device import Device
from tests.flows.processes import events, heard, of_home, until
from tests.postgres import Postgres
from tests.workroom import Workroom

ROOT = Path(__file__).parents[2]
HOST = platform.node()


# ---- what a worker is asked to be


def test_what_is_left_out_is_filled_in(home: Workroom) -> None:
    plain = Station.of(home.settings, "cpu")
    assert (plain.name, plain.slots, plain.queues) == (f"{HOST}/cpu", 1, ("urgent", "normal", "low"))
    control = Station.of(home.settings, "cpu", ("control",))
    assert (control.name, control.slots, control.catalog_pool) == (f"{HOST}/control", 12, "control")


def test_a_cpu_worker_leaves_cards_alone(home: Workroom) -> None:
    auto = home.settings.model_copy(update={"device": "auto"})
    assert Station.of(auto, "cpu").environment["DAILIES_DEVICE"] == "cpu"
    assert Station.of(auto, "cpu", device="vulkan:0").environment["DAILIES_DEVICE"] == "vulkan:0"


def test_batches_share_the_cores(home: Workroom) -> None:
    cores = len(os.sched_getaffinity(0))
    assert Station.of(home.settings, "cpu", slots=cores).environment["DAILIES_WORKERS"] == "1"
    assert "DAILIES_WORKERS" not in Station.of(home.settings, "cpu", ("control",)).environment


@pytest.mark.parametrize(("visible", "card"), [("", "1"), ("3,5", "5")])
def test_a_gpu_worker_sees_its_own_card_alone(
    home: Workroom, monkeypatch: pytest.MonkeyPatch, visible: str, card: str
) -> None:
    two = (Device("cuda", 0, "one", 24 * 2**30), Device("cuda", 1, "other", 16 * 2**30))
    monkeypatch.setattr("flows.station.cards", lambda: two)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    station = Station.of(home.settings, "gpu", device="cuda:1")
    assert station.name == f"{HOST}/gpu{card}"
    assert station.environment == {"CUDA_VISIBLE_DEVICES": card, "DAILIES_DEVICE": "cuda:0"}
    with pytest.raises(InputError, match="this machine has 2"):
        Station.of(home.settings, "gpu", device="cuda:2")


def test_queues_and_cards_that_are_not_there_are_refused(
    home: Workroom, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command(["worker", "start", "--pool", "gpu", "--queue", "control"]) == 2
    assert "UNKNOWN_QUEUE" in capsys.readouterr().err
    monkeypatch.setattr("flows.station.cards", lambda: ())
    assert command(["worker", "start", "--pool", "gpu", "--device", "auto"]) == 2
    assert "NO_CARD" in capsys.readouterr().err


def test_without_a_server_it_says_what_to_do(
    home: Workroom, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert command(["worker", "start", "--pool", "cpu"]) == 2
    told = capsys.readouterr().err
    assert "NO_SERVER" in told and "dailies up" in told


def test_a_worker_nobody_knows_cannot_be_drained(home: Workroom, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["worker", "drain", "nowhere/cpu"]) == 2
    assert "dailies worker list" in capsys.readouterr().err
    assert command(["worker", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_process_that_works_its_own_run_tells_of_its_card_too(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Told:
        uuid, name, memory_bytes = "GPU-1", "NVIDIA Known", 80

        def sample(self) -> Sample:
            return Sample(0.5, 30)

    from flows.render import _Watch  # brings Prefect, which the rest of these tests does without

    monkeypatch.setattr("flows.render.BEAT_SECONDS", 0.0)
    room.picture("a.png")
    run_id = room.run(room.manifest([{"id": "a", "source": "a.png"}])).run_id
    with room.tools() as tools:
        own = own_worker(tools)
        tools = replace(tools, worker=own.name, worker_id=own.id)
        with _Watch().over(tools, run_id, [], 60.0, None, OwnCard("cuda:0", lambda device: Told())):
            until("its card", lambda: workers(tools.catalog, pool="local")[0].gpu)
        (row,) = workers(tools.catalog)
    assert row.gpu is not None and (row.gpu["uuid"], row.gpu["busy"], row.gpu["memory_bytes"]) == ("GPU-1", 0.5, 30)


# ---- a worker at work

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(home: Workroom, prefect_server: str) -> Iterator[Start]:
    """Starts `dailies worker start --json ...`, its lines in `worker.log` of the home's folder."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(*words: str, **environment: str) -> subprocess.Popen[bytes]:
        code = "from flows.cli import main; main()"
        with (home.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code, "worker", "start", "--pool", "cpu", "--json", *words],
                env={**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_server, **environment},
                stdout=log,
                stderr=log,
            )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
    until("all to be gone", lambda: not of_home(home.settings.home), 30)


def row_of(home: Workroom, url: str = "") -> WorkerRow:
    with Catalog.open(url or home.settings.catalog_url, home.settings.store) as catalog:
        (row,) = workers(catalog, live=False)
    return row


@pytest.mark.slow
def test_a_worker_tells_what_it_has_is_kept_running_and_leaves_when_drained(
    home: Workroom, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    log = home.folder / "worker.log"
    process = start()
    until("Prefect's worker", lambda: heard(log, "started"))
    row = row_of(home)
    assert (row.name, row.state, row.pid) == (f"{HOST}/cpu", "active", process.pid)
    assert "camera" in row.engines["can"] and row.weights["realesrgan-x4plus.bin"]

    assert command(["worker", "start", "--pool", "cpu"]) == 2, "a second one of that name"
    assert "WORKER_RUNS" in capsys.readouterr().err

    first = heard(log, "started")
    assert first is not None
    os.kill(first["pid"], signal.SIGKILL)
    until("a new Prefect worker", lambda: heard(log, "started", 2))
    assert "SIGKILL" in (heard(log, "died") or {"text": ""})["text"]

    assert command(["worker", "drain", f"{HOST}/cpu", "--why", "a new fan"]) == 0
    assert process.wait(60) == 0
    ended = heard(log, "ended")
    assert ended is not None and ended["text"] == "drained: a new fan"
    assert (row_of(home).state, row_of(home).reason) == ("drained", "a new fan")
    assert not of_home(home.settings.home)
    assert command(["worker", "drain", f"{HOST}/cpu", "--undo"]) == 0
    assert (row_of(home).state, row_of(home).reason) == ("stopped", None)


@pytest.mark.slow
def test_a_database_that_is_away_ends_no_worker(home: Workroom, start: Start, tmp_path: Path) -> None:
    log = home.folder / "worker.log"
    with Postgres(tmp_path / "pg") as postgres:
        url = postgres.new("catalog")
        process = start(DAILIES_DATABASE_URL=url)
        until("Prefect's worker", lambda: heard(log, "started"))
        postgres.stop("immediate")
        until("that it is told", lambda: heard(log, "away"))
        postgres.start()
        until("that it is back", lambda: heard(log, "back"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, events(log)
        assert row_of(home, url).state == "stopped"


def test_a_worker_is_heard_of_again_after_whatever_went_wrong(
    home: Workroom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(post, "BEAT_SECONDS", 0.001)
    at_post = post.Post(Station.of(home.settings, "cpu"), home.settings, lambda event: None)
    beats: list[int] = []

    def heartbeat(*_: object, **__: object) -> str:
        beats.append(1)
        if len(beats) == 1:
            raise ValueError("nobody thought of this")
        at_post._over.set()  # pyright: ignore[reportPrivateUsage]
        return "active"

    with home.tools() as tools:
        monkeypatch.setattr(tools.catalog, "heartbeat", heartbeat)
        facts = at_post._station.facts(home.settings)  # pyright: ignore[reportPrivateUsage]
        at_post._beat(tools.catalog, facts)  # pyright: ignore[reportPrivateUsage]
    assert len(beats) == 2 and "nobody thought of this" in caplog.text
