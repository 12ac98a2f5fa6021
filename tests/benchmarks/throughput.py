"""What the catalog and the line cost beside the stages: `python -m tests.benchmarks.throughput`.

With engines that make no pixels (`null_engines`), on SQLite with `synchronous=FULL`: a whole run as `dailies run` works
it, its memory, and how often it calls Prefect's API; the same shots with one Prefect task for each step of each shot;
and, on a PostgreSQL, two workers of a work pool beside one. Every measurement is a process
of its own (`throughput_measured`).

Orchestration is processor time of the flow's process and of Prefect's server, less that of the steps themselves, of
planning, and of the out folder: seconds on a clock would count what the steps wait for each other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.bars import Bar, show
from tests.benchmarks.planning import write_pictures

SHOTS, BASELINE, LONG, PAIR = 1_000, 300, 10_000, 600
PICTURES = 10
SHOTS_PER_SECOND, RATIO, CALLS, MEGABYTES, TWICE = 40.0, 0.1, 0.1, 50.0, 1.8
SLEEP = 0.1
HEADER = """\
version: 1
name: Throughput
roots: [pictures]
defaults: {deliver: [meta_feed_square], seconds: 4, motion: {move: push}}
rows: {csv: rows.csv}
"""


def write_manifest(folder: Path, shots: int) -> Path:
    """Shots that each need a still, a move and a file of their own."""
    write_pictures(folder / "pictures", PICTURES, 1300)
    rows = (f"i{n:05},p{n % PICTURES:05}.jpg,{0.04 + n // PICTURES * 2e-4:.5f}\n" for n in range(shots))
    (folder / "rows.csv").write_text("id,source,motion.amount\n" + "".join(rows))
    manifest = folder / "manifest.yaml"
    manifest.write_text(HEADER)
    return manifest


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A home of its own, and nothing of ours or Prefect's from outside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAILIES_", "PREFECT_"))}
    return {**kept, "DAILIES_HOME": str(folder / "home"), "DAILIES_RUN_ON": "here", "DAILIES_DEVICE": "cpu", **more}


def measured(how: str, shots: int, *more: str, **settings: str) -> dict[str, float]:
    """What `throughput_measured` says of so many shots, in a process and a home of their own."""
    with tempfile.TemporaryDirectory(prefix="dailies-") as name:
        folder = Path(name)
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.throughput_measured",
            how,
            str(write_manifest(folder, shots)),
            *more,
        ]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment(folder, **settings))
        found = json.loads(done.stdout.splitlines()[-1])
    if found["done"] != shots:
        raise RuntimeError(f"{found['done']:g} of {shots} shots were done ({how})")
    return found


def pair(shots: int) -> float:
    """How many times the speed of one work-pool worker two have, on a PostgreSQL, where each stage takes 0.1 s."""
    from tests.postgres import Postgres

    with tempfile.TemporaryDirectory(prefix="dailies-") as name, Postgres(Path(name)) as postgres:
        seconds = [
            measured("pools", shots, str(workers), DAILIES_DATABASE_URL=postgres.new(), DAILIES_RUN_ON="pools")
            for workers in (1, 2)
        ]
    return seconds[0]["seconds"] / seconds[1]["seconds"]


def bars(shots: int, baseline: int, long: int, both: int) -> list[Bar]:
    """All measurements."""
    ours, tasks, counted = measured("flow", shots), measured("tasks", baseline), measured("counted", baseline)
    found = [
        Bar(f"seconds per shot on the line, {shots} shots", ours["line"] / shots, "s", 1 / SHOTS_PER_SECOND),
        Bar("  of which the makers", ours["makers"] / shots, "s"),
        Bar("  transactions that write, per shot", counted["writes"] / baseline, ""),
        Bar("  statements per shot", counted["statements"] / baseline, ""),
        Bar("  flushes of files and folders per shot", counted["flushes"] / baseline, ""),
        Bar("seconds per shot of the whole run", ours["seconds"] / shots, "s"),
        Bar("orchestration per shot, processor", ours["orchestration"] / shots, "s"),
        Bar(f"  one Prefect task per step, {baseline} shots", tasks["orchestration"] / baseline, "s"),
        Bar("  ours to that", ours["orchestration"] / shots / (tasks["orchestration"] / baseline), "x", RATIO),
        Bar("Prefect API calls per shot", ours["calls"] / shots, "", CALLS),
        Bar("  one Prefect task per step", tasks["calls"] / baseline, ""),
    ]
    if long:
        grown = measured("flow", long)
        found.append(Bar(f"memory from shot 500 to {long}", grown["grown"], "MB", MEGABYTES))
        found.append(Bar("  Prefect API calls per shot", grown["calls"] / long, "", CALLS))
        found.append(Bar("  seconds per shot on the line", grown["line"] / long, "s", 1 / SHOTS_PER_SECOND))
    times = pair(both)
    found.append(Bar(f"one worker to two, {SLEEP} s a stage, {both} shots", 1 / times, "x", 1 / TWICE))
    return found


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="a few shots, to see that it runs")
    options.add_argument("--long", action="store_true", help=f"also {LONG} shots, for their memory: several minutes")
    options.add_argument("--shots", type=int, default=SHOTS)
    asked = options.parse_args()
    show("throughput", bars(20, 10, 0, 8) if asked.quick else bars(asked.shots, BASELINE, LONG * asked.long, PAIR))


if __name__ == "__main__":
    main()
