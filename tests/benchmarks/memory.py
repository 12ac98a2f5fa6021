"""Peak memory of a long shot against a short one, on the way every shot goes: `python -m tests.benchmarks.memory`.

Each shot is planned, submitted, claimed and worked on the line in a process of its own, without Prefect; its peak and
that of its largest child (ffmpeg) are read from the kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from tests.benchmarks.bars import Bar, peak_megabytes, peak_megabytes_of_children, show
from tests.benchmarks.camera_motion import studio_still

SHORT, LONG, RATIO = 6.0, 60.0, 1.2
WAYS = {
    "camera, straight to the encoder": "{}",
    "camera at 10 fps, stored, then flow": "{rate: 10}",
}


def manifest(folder: Path, seconds: float, render: str, preset: str) -> Path:
    """One shot of one picture."""
    Image.fromarray(studio_still(1600, 1200)).save(folder / "still.png")
    path = folder / f"{seconds:g}.yaml"
    clip = f"seconds: {seconds}, speed: draft, render: {render}, deliver: [{preset}]"
    path.write_text(f"version: 1\nname: memory\nrows:\n  - {{id: shot, source: still.png, {clip}}}\n")
    return path


def worked(path: Path) -> dict[str, float]:
    """Work the manifest's shots in a process of their own; its peak memory and its largest child's, MiB."""
    home = {"DAILIES_HOME": str(path.with_suffix("")), "DAILIES_DATABASE_URL": "", "DAILIES_STORE_URL": ""}
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--measure", str(path)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | home).stdout)


def measure(path: Path) -> dict[str, float]:
    """Work the manifest's shots here, the three steps of the line side by side as `render` does."""
    from catalog.queries import run_status, shots_of
    from flows.request import Request
    from flows.settings import Settings
    from flows.workshop import workshop
    from tasks.line import Line
    from tasks.submission import submit

    settings = Settings()
    with workshop(settings) as tools:
        request = Request(path)
        plan = request.plan(tools, request.load())
        run = submit(tools.catalog, plan, triggered_by="benchmark", out_folder="", flow_run_id=None)
        ids = [shot.id for shot in shots_of(tools.catalog, run, ["waiting"])]
        claims = tools.catalog.claim(tools.catalog.new_batch(run, ids), ids, "benchmark", 3600)
        line = Line(tools, claims, shots_of(tools.catalog, run, ["claimed"]))
        with ThreadPoolExecutor(3) as pool:
            for step in [pool.submit(step) for step in (line.prepare, line.generate, line.deliver)]:
                step.result()
        status = run_status(tools.catalog, run)
    if status.run.shots != {"done": len(ids)}:
        raise RuntimeError(f"the shot was not made: {status.failures}")
    return {"own": peak_megabytes(), "child": peak_megabytes_of_children()}


def bars(short: float, long: float, preset: str) -> list[Bar]:
    """The ratio for every way, after what it is made of."""
    found: list[Bar] = []
    for way, render in WAYS.items():
        peaks: list[float] = []
        for seconds in (short, long):
            with tempfile.TemporaryDirectory() as folder:
                told = worked(manifest(Path(folder), seconds, render, preset))
            peaks.append(told["own"] + told["child"])
            found.append(Bar(f"{way}: {seconds:g} s", peaks[-1], "MB"))
        found.append(Bar(f"  {long:g} s against {short:g} s", peaks[1] / peaks[0], "x", RATIO))
    return found


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="1 s against 3 s, to see that it runs")
    options.add_argument("--preset", default="web_1080p")
    options.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure)))
    else:
        show("memory", bars(*((1.0, 3.0) if asked.quick else (SHORT, LONG)), asked.preset))


if __name__ == "__main__":
    main()
