"""Planning at scale: `python -m tests.benchmarks.planning`.

10,000 rows over 50 pictures, three deliveries each, from the text of the manifest to batches, in a process
of its own whose peak memory counts. And 3,000 pictures planned a second time, with nothing changed and nothing decoded.
No two of the rows with the same picture ask for the same clip: nothing is planned by remembering the row before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tests.benchmarks.bars import Bar, peak_megabytes, show

ROWS, PICTURES, UNCHANGED = 10_000, 50, 3_000
SECONDS, MEGABYTES, GROWN = 20.0, 400.0, 250.0
MOVES = ("push", "pull", "pan", "tilt", "orbit", "arc", "drift", "hold")
HEADER = """\
version: 1
name: Scale
roots: [pictures]
defaults:
  deliver: [web_1080p, instagram_reel, meta_feed_square]
rows:
  csv: rows.csv
  rest: meta
"""


def write_pictures(folder: Path, count: int, side: int) -> None:
    """`count` different studio shots of `side` px: a coloured block on a grey ground."""
    folder.mkdir(parents=True)
    for number in range(count):
        random = np.random.default_rng(number)
        picture = np.full((side, side, 3), 224, np.uint8)
        left, top = random.integers(side // 8, side // 3, 2)
        picture[top : side - side // 5, left : side - side // 4] = random.integers(30, 200, 3)
        Image.fromarray(picture).save(folder / f"p{number:05}.jpg", quality=90)


def write_manifest(folder: Path, rows: int, pictures: int) -> Path:
    """A manifest whose rows differ in picture, move, amount, length and in what a shop says of them."""
    lines = ["id,source,title,motion.move,motion.amount,seconds,tags,price,brand,colour,stock"]
    for row in range(rows):
        round_ = row // pictures
        amount, seconds = 0.05 + round_ % 97 / 1000, 4 + round_ % 5
        shop = f"{row % 500}.90,Brand {row % 40},colour {row % 16},{row * 7 % 1000}"
        clip = f"{MOVES[round_ % len(MOVES)]},{amount:.3f},{seconds}"
        lines.append(f"i{row:05},p{row % pictures:05}.jpg,Item {row},{clip},t{row % 9},{shop}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")
    manifest = folder / "manifest.yaml"
    manifest.write_text(HEADER)
    return manifest


def planned(manifest: Path, *, on: bool = False) -> dict[str, float]:
    """Plan `manifest` in a process that does nothing else, and what `measure` says there."""
    command = [sys.executable, "-m", "tests.benchmarks.planning", "--measure", str(manifest), *(["--on"] if on else [])]
    home = {"DAILIES_HOME": str(manifest.parent / "home"), "DAILIES_DATABASE_URL": "", "DAILIES_STORE_URL": ""}
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | home).stdout)


def measure(manifest: Path, *, on: bool) -> dict[str, float]:
    """Plan `manifest` here: seconds, peak memory, pictures decoded. With `on`, go on to the batches of a run."""
    from catalog.queries import idle_shots
    from flows.request import Request
    from flows.settings import Settings
    from flows.workshop import workshop
    from tasks import submission
    from tasks.batches import cut_batches
    from tasks.planner import survey

    decoded = 0
    look = survey.look

    def counted(*given: object, **named: object) -> object:
        nonlocal decoded
        decoded += 1
        return look(*given, **named)  # type: ignore[arg-type]

    survey.look = counted  # type: ignore[assignment]
    with workshop(Settings()) as tools:
        begun = peak_megabytes()
        started, cpu = time.perf_counter(), time.process_time()
        request = Request(manifest)
        plan = request.plan(tools, request.load())
        told: dict[str, float] = {
            "seconds": time.perf_counter() - started,
            "cpu": time.process_time() - cpu,
            "begun": begun,
            "megabytes": peak_megabytes(),
            "decoded": decoded,
            "shots": sum(bool(one.packed) for one in plan.shots),
        }
        if on:
            started = time.perf_counter()
            plan, _ = submission.verified(tools, plan)
            run = submission.submit(tools.catalog, plan, triggered_by="benchmark", out_folder="", flow_run_id=None)
            told |= {"submit": time.perf_counter() - started, "megabytes_on": peak_megabytes()}
            told["batches"] = len(cut_batches(idle_shots(tools.catalog, run), lambda pool: 1))
            told |= {"cut": time.perf_counter() - started - told["submit"], "megabytes_cut": peak_megabytes()}
    return told


def bars(rows: int, unchanged: int) -> list[Bar]:
    """Both measurements; a plan that lacks a shot is no plan."""
    with tempfile.TemporaryDirectory() as folder:
        many, again = Path(folder, "many"), Path(folder, "again")
        write_pictures(many / "pictures", min(PICTURES, rows), 1000)
        first = planned(write_manifest(many, rows, min(PICTURES, rows)), on=True)
        write_pictures(again / "pictures", unchanged, 300)
        manifest = write_manifest(again, unchanged, unchanged)
        planned(manifest)
        second = planned(manifest)
    if (first["shots"], second["shots"]) != (rows, unchanged):
        raise RuntimeError(f"planned {first['shots']} and {second['shots']} shots, wanted {rows} and {unchanged}")
    return [
        Bar(f"planning {rows} rows over {min(PICTURES, rows)} pictures", first["seconds"], "s", SECONDS),
        Bar("  of which on a processor", first["cpu"], "s"),
        Bar("  peak memory", first["megabytes"], "MB", MEGABYTES),
        Bar("  then writing the run down", first["submit"], "s"),
        Bar("  then cutting it into batches", first["cut"], "s"),
        Bar("  memory that planning and writing down took", first["megabytes_on"] - first["begun"], "MB", GROWN),
        Bar("  peak memory of all that", first["megabytes_cut"], "MB"),
        Bar(f"planning {unchanged} unchanged pictures again", second["seconds"], "s", SECONDS),
        Bar("  pictures decoded", second["decoded"], "", 0),
    ]


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="a hundredth of the size, to see that it runs")
    options.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--on", action="store_true", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure, on=asked.on)))
    else:
        part = 100 if asked.quick else 1
        show("planning", bars(ROWS // part, UNCHANGED // part))


if __name__ == "__main__":
    main()
