"""Hundreds of random SIGKILLs during one run, and then every promise looked at: `make soak`.

    python -m tests.faults.soak --kills 300 --shots 240 --database both

A run of real shots is worked by `dailies up`; engine children, flow runs, workers, the server and the whole process
group are killed at random times, a reader decodes every visible file meanwhile, and nobody ever calls resume. Then the
deliveries must be, byte for byte, those of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalog import Catalog
from catalog.errors import StoreUnavailable
from catalog.queries import incidents_of, latest_run, run_status
from flows.settings import Settings
from tests.faults.house import House
from tests.faults.kills import KillLoop
from tests.faults.promises import Digests, as_text, broken_promises, digests_of
from tests.workroom import product_photo

PATIENT = {"LEASE_SECONDS": "8", "RECONCILE_SECONDS": "15"}
"""A short lease, so that a death costs seconds and a soak is about many of them."""
RUN_NAME = "soak"


@dataclass(frozen=True)
class Soaked:
    """What came of it. `wrong`: broken promises, in words."""

    run_id: str
    seconds: float
    killed: dict[str, Any]
    looked: int
    incidents: dict[str, int]
    starts: int
    wrong: list[str]


def manifest_of(folder: Path, shots: int) -> Path:
    """`shots` drafts of six frames: from the studio and from small pictures, which an engine child enlarges first."""
    for number in range(3):
        product_photo(number, (960, 540)).save(folder / f"large{number}.png")
        product_photo(9 + number, (240, 200)).save(folder / f"small{number}.png")
    rows = [
        {
            "id": f"s{n:03d}",
            "source": f"small{n // 6 % 3}.png" if n % 6 == 0 else f"large{n % 3}.png",
            "place": {"fill": round(0.5 + 0.0025 * (n % 120), 4)},
            "motion": {"amount": round(0.04 + 0.0015 * n, 4)},
        }
        for n in range(shots)
    ]
    defaults = {
        "seconds": 0.5,
        "speed": "draft",
        "deliver": ["web_1080p"],
        "upscale": {"model": "realesr-animevideov3"},
    }
    head = {"version": 1, "name": RUN_NAME, "out": {"folder": "out"}, "defaults": defaults}
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump(head | {"rows": rows}, sort_keys=False), encoding="utf-8")
    return path


def undisturbed(folder: Path, shots: int) -> Digests:
    """The deliveries of the same manifest, made in one quiet run of a house of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    house = House(folder / "home", {"RUN_ON": "here"})
    done = house.command("run", str(manifest_of(folder, shots)), "--json")
    if done.returncode:
        raise RuntimeError(f"the undisturbed run did not end well: {done.stderr[-2000:]}")
    settings = house.as_settings()
    with Catalog.open(settings.catalog_url, settings.store) as catalog:
        run_id = latest_run(catalog)
        assert run_id is not None
        return digests_of(catalog, run_id)


def soak(
    folder: Path,
    expected: Digests,
    *,
    kills: int,
    database_url: str = "",
    gap_seconds: float = 3.0,
    seed: int = 1,
    patience_seconds: float = 1200.0,
    told: Callable[[str], None] = print,
) -> Soaked:
    """One disturbed run in `folder`, which is kept. `patience_seconds`: after the last kill, for the run to end."""
    folder.mkdir(parents=True, exist_ok=True)
    shots = len(expected)
    manifest = manifest_of(folder, shots)
    with socket.socket() as probe:  # a port of its own: the usual one may be in use
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    house = House(
        folder / "home", PATIENT | ({"DATABASE_URL": database_url} if database_url else {}), ["--port", str(port)]
    )
    settings, out = house.as_settings(), folder / "out"
    started = time.monotonic()
    try:
        house.start()
        house.submit(manifest)
        house.wait("the run to be in the catalog", lambda: _state(settings)[0] != "", seconds=240)
        run_id = _state(settings)[0]
        loop = KillLoop(house, kills, gap_seconds, seed, told)
        with _reader(house, settings, out) as reader:
            loop.run(Seldom(lambda: _state(settings)[1] in ("done", "failed", "cancelled")))
            house.wait("the run to end by itself", lambda: _over(settings, out, house), seconds=patience_seconds)
            told_by_reader = _stopped(reader)
    finally:
        house.stop()
    wrong = [f"{line['path']}: {line['wrong']}" for line in told_by_reader if "wrong" in line]
    wrong += broken_promises(settings, run_id, expected, out)
    with Catalog.open(settings.catalog_url, settings.store) as catalog:
        counted: dict[str, int] = {}
        for one in incidents_of(catalog, run_id):
            counted[one.code] = counted.get(one.code, 0) + 1
    looked = sum(int(line.get("looked", 0)) for line in told_by_reader)
    return Soaked(run_id, time.monotonic() - started, loop.as_facts(), looked, counted, house.starts, wrong)


def _state(settings: Settings) -> tuple[str, str]:
    """The run and its state; empty while there is none, or while the database is away."""
    try:
        with Catalog.open(settings.catalog_url, settings.store) as catalog:
            run_id = latest_run(catalog, RUN_NAME)
            return (run_id, run_status(catalog, run_id).run.state) if run_id else ("", "")
    except StoreUnavailable:
        return "", ""


class Seldom:
    """A question that costs, asked anew once a second; in between the last answer stands."""

    def __init__(self, question: Callable[[], bool]) -> None:
        self._question, self._answer, self._asked = question, False, 0.0

    def __call__(self) -> bool:
        """The answer, at most a second old."""
        if (now := time.monotonic()) - self._asked >= 1.0:
            self._asked, self._answer = now, self._question()
        return self._answer


def _over(settings: Settings, out: Path, house: House) -> bool:
    house.keep_up()
    return _state(settings)[1] in ("done", "failed", "cancelled") and (out / "index.csv").is_file()


@contextmanager
def _reader(house: House, settings: Settings, out: Path) -> Iterator[subprocess.Popen[str]]:
    line = [sys.executable, "-m", "tests.faults.reader", settings.catalog_url, str(house.home / "store"), str(out)]
    # Not of the house: what is killed there must not take its witness along.
    environment = {**os.environ, "PYTHONPATH": house.environment["PYTHONPATH"]}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _stopped(reader: subprocess.Popen[str]) -> list[dict[str, Any]]:
    if reader.poll() is not None:
        return [{"path": "the reader", "wrong": f"ended with {reader.returncode} before the run did"}]
    reader.terminate()
    said, _ = reader.communicate(timeout=300)
    return [json.loads(line) for line in said.splitlines()]


def main() -> int:
    """Soak on one database or both; 1 if a promise was broken."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=300)
    options.add_argument("--shots", type=int, default=240, help="enough of them that the kills come before the end")
    options.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options.add_argument("--gap", type=float, default=3.0, help="seconds between two kills, on average")
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--folder", type=Path, help="where; a temporary folder that goes when all went well")
    asked = options.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="dailies-soak-"))
    print(f"soaking in {folder}, seed {asked.seed}; first {asked.shots} shots undisturbed")
    expected = undisturbed(folder / "undisturbed", asked.shots)
    failed = False
    for name in ("sqlite", "postgresql") if asked.database == "both" else (asked.database,):
        with database_for(name, folder) as url:
            came = soak(
                folder / name, expected, kills=asked.kills, database_url=url, gap_seconds=asked.gap, seed=asked.seed
            )
        print(
            f"{name}: run {came.run_id}, {came.killed}, started {came.starts} times, {came.seconds:.0f} s, "
            f"{came.looked} files decoded, incidents {came.incidents}"
        )
        if came.killed["kills"] < asked.kills:
            came.wrong.append(f"it ended after {came.killed['kills']} of {asked.kills} kills: ask for more --shots")
        print(as_text(came.wrong) or f"{name}: every promise was kept")
        failed |= bool(came.wrong)
    if not failed and asked.folder is None:
        shutil.rmtree(folder)
    return int(failed)


@contextmanager
def database_for(name: str, folder: Path) -> Iterator[str]:
    """The URL of a fresh database; empty for SQLite in the home."""
    if name == "sqlite":
        yield ""
        return
    from tests.postgres import Postgres

    with Postgres(folder / "postgres") as server:
        yield server.new("soak")


if __name__ == "__main__":
    sys.exit(main())
