"""What a run costs beside its stages: `python -m tests.benchmarks.overhead`.

The command itself, as people call it, on a home of its own: a first run (which also makes Prefect's database), then
runs that make one short clip, and runs in which everything stands. A run's own seconds are those of its process less
those its stages wrote into the catalog. A busy machine stretches seconds, not the processor time beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.benchmarks.bars import Bar, show
from tests.benchmarks.camera_motion import studio_still

SECONDS = 12.0
MANIFEST = """\
version: 1
name: overhead
rows:
  - {id: shot, source: still.png, seconds: 1, speed: draft, deliver: [meta_feed_square]}
"""


@dataclass(frozen=True)
class Spent:
    """`own`: seconds beside the stages. `cpu`: processor seconds of everything, stages included. `made`: stages run."""

    own: float
    cpu: float
    made: int


def run(folder: Path, *override: str) -> Spent:
    """One `dailies run` of the manifest in `folder`."""
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run", str(folder / "manifest.yaml")]
    names = [name for name in os.environ if name.startswith(("DAILIES_", "PREFECT_"))]
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment["DAILIES_HOME"] = str(folder / "home")
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*command, "--json", *override], stdout=subprocess.PIPE, check=True, env=environment)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    stages = json.loads(done.stdout)["status"]["stages"]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(seconds - sum(stage["seconds"] for stage in stages), cpu, sum(stage["made"] for stage in stages))


def bars(rounds: int) -> list[Bar]:
    """The median of each kind of run after the first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Image.fromarray(studio_still(1200, 1200)).save(folder / "still.png")
        (folder / "manifest.yaml").write_text(MANIFEST)
        first = run(folder)
        making = [run(folder, "--set", f"motion.amount={0.06 + 0.01 * turn:.2f}") for turn in range(rounds)]
        standing = [run(folder, "--set", "motion.amount=0.06") for _ in range(rounds)]
    if not all(one.made for one in [first, *making]) or any(one.made for one in standing):
        raise RuntimeError(f"a run made what it should not, or did not make what it should: {making}, {standing}")
    found = [Bar("first run: its own", first.own, "s")]
    for what, runs in (("one clip made", making), ("everything stands", standing)):
        found.append(Bar(f"{what}: its own", statistics.median(one.own for one in runs), "s", SECONDS))
        found.append(Bar("  processor time of all", statistics.median(one.cpu for one in runs), "s"))
    return found


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="one round, to see that it runs")
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    show("overhead", bars(1 if asked.quick else asked.rounds))


if __name__ == "__main__":
    main()
