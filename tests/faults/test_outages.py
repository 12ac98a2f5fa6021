"""What a run stands on goes away and comes back: the run waits, ends complete, and says what happened."""

from __future__ import annotations

import errno
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.queries import incidents_of, latest_run, run_status, shots_of
from flows.settings import Settings
from tests.catalog.store_server import shared as shared_store
from tests.faults.file_layer import failing
from tests.flows.conftest import Start
from tests.flows.like_shots import manifest_of
from tests.flows.processes import ENOUGH
from tests.postgres import Postgres
from tests.workroom import Workroom, decoded, index_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small"), pytest.mark.timeout(600)]


def delivered(home: Workroom, url: str, shots: int, stood: int = 0) -> dict[str, float]:
    """Every shot is there, whole, and at its first attempt or, the `stood` of them, at none; code -> seconds in all."""
    rows = index_of(home.folder / "out")
    assert [row["state"] for row in rows] == ["done"] * shots
    assert all(decoded(home.folder / "out" / row["file"]).shape == (15, 180, 320, 3) for row in rows)
    settings = Settings()
    with Catalog.open(url or settings.catalog_url, settings.store) as catalog:
        run_id = latest_run(catalog)
        assert run_id is not None and run_status(catalog, run_id).run.state == "done"
        assert sorted(shot.attempts for shot in shots_of(catalog, run_id)) == [0] * stood + [1] * (shots - stood)
        lasted: dict[str, float] = {}
        for one in incidents_of(catalog, run_id):
            lasted[one.code] = lasted.get(one.code, 0.0) + (one.seconds or 0.0)
    return lasted


def when(until: Callable[[], bool], run: subprocess.Popen[str]) -> None:
    """Wait until the run has got that far."""
    end = time.monotonic() + ENOUGH
    while not until():
        assert run.poll() is None, f"it ended too early, with {run.returncode}: {run.communicate()[0]}"
        assert time.monotonic() < end, "it got no further"
        time.sleep(0.05)


def first_clip(home: Workroom) -> bool:
    """Whether a shot is done: the run is in the middle."""
    return (home.settings.home / "catalog.db").exists() and any(
        row.state == "done" for row in home.executions(stage="encode")
    )


@pytest.fixture
def little_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    folder = tmp_path / "little"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.promise("disk full, database gone, store gone")
def test_a_full_disk_is_waited_for(
    home: Workroom, dailies: Start, little_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILIES_STORE_URL", str(little_disk / "store"))
    shots = 8
    run = dailies("run", str(manifest_of(home, shots)))
    when(lambda: first_clip(home), run)
    filler = little_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError as full:
            assert full.errno == errno.ENOSPC
    time.sleep(8)
    assert run.poll() is None, "a full disk ended the run"
    filler.unlink()
    said, _ = run.communicate(timeout=ENOUGH)
    assert run.returncode == 0, said
    lasted = delivered(home, "", shots)
    assert lasted.get("DISK_FULL", 0) + lasted.get("STORE_UNAVAILABLE", 0) > 2, lasted
    assert "DISK_FULL" in said or "STORE_UNAVAILABLE" in said, said


@pytest.mark.promise("disk full, database gone, store gone")
def test_postgresql_stopped_in_the_middle_and_started_again(
    home: Workroom, dailies: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots = 8
    with Postgres(tmp_path / "pg") as server:
        url = server.new("catalog")
        monkeypatch.setenv("DAILIES_DATABASE_URL", url)
        run = dailies("run", str(manifest_of(home, shots)))

        def in_the_middle() -> bool:
            with Catalog.open(url, home.settings.store) as catalog:
                run_id = latest_run(catalog)
                return run_id is not None and run_status(catalog, run_id).run.shots.get("done", 0) > 0

        when(in_the_middle, run)
        server.stop()
        time.sleep(8)
        assert run.poll() is None, "a stopped database ended the run"
        server.start()
        said, _ = run.communicate(timeout=ENOUGH)
        assert run.returncode == 0, said
        lasted = delivered(home, url, shots)
    assert lasted.get("DATABASE_AWAY", 0) > 0, lasted
    assert "DATABASE_AWAY" in said, said


@pytest.mark.parametrize(
    ("calls", "number"), [("write", errno.ENOSPC), ("fsync", errno.EIO), ("rename,open", errno.EIO)]
)
@pytest.mark.parametrize("nth", [2, 9])
@pytest.mark.promise("disk full, database gone, store gone")
def test_errors_of_the_file_layer_are_waited_for(
    home: Workroom, dailies: Start, file_layer: Path, calls: str, number: int, nth: int
) -> None:
    report = home.folder / "report"
    faults = failing(file_layer, home.settings.home / "store", calls, nth, 3, number, report)
    run = dailies("run", str(manifest_of(home, 2)), **faults)
    said, _ = run.communicate(timeout=ENOUGH)
    assert run.returncode == 0, said
    assert report.exists(), "nothing was made to fail"
    assert delivered(home, "", 2), f"{report.read_text()} was survived and not said"


@pytest.mark.promise("disk full, database gone, store gone")
def test_errors_under_sqlite_are_waited_for(home: Workroom, dailies: Start, file_layer: Path) -> None:
    report = home.folder / "report"
    run_id = json.loads(_quietly(dailies("run", str(manifest_of(home, 1)), "--json")))["status"]["run"]["id"]
    assert run_id
    faults = failing(file_layer, home.settings.home / "catalog.db", "write", 200, 4, errno.ENOSPC, report)
    run = dailies("run", str(manifest_of(home, 3)), **faults)
    said, _ = run.communicate(timeout=ENOUGH)
    assert run.returncode == 0, said
    assert report.exists(), "nothing was made to fail"
    delivered(home, "", 3, stood=1)


def _quietly(run: subprocess.Popen[str]) -> str:
    said, _ = run.communicate(timeout=ENOUGH)
    assert run.returncode == 0, said
    return said[said.index("{") :]


@pytest.mark.promise("disk full, database gone, store gone")
def test_a_store_that_is_away_for_half_a_minute(
    home: Workroom, dailies: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots, server = 6, shared_store()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAILIES_STORE_URL", server.address(server.new()))
    run = dailies("run", str(manifest_of(home, shots)))
    when(lambda: first_clip(home), run)
    with server.line.away():
        time.sleep(30)
        assert run.poll() is None, "a store that was away ended the run"
    said, _ = run.communicate(timeout=ENOUGH)
    assert run.returncode == 0, said
    lasted = delivered(home, "", shots)
    assert lasted.get("STORE_UNAVAILABLE", 0) > 15, lasted
    assert "STORE_UNAVAILABLE" in said, said
