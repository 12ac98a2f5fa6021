"""A long animatic's memory, and what one changed panel costs: `python -m tests.benchmarks.animatic`.

Memory: segments of picture joined, and sounds mixed under them, in a process of its own; its peak and that of its
largest child (ffmpeg) are read from the kernel, at 320x180. Time: a board on the line, without Prefect, made whole and
then again with one other picture, at 320x180 and as `--draft` makes it (1024x576, of drawings of 1920x1080).
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.bars import Bar, peak_megabytes, peak_megabytes_of_children, show

SHORT, LONG, GROWTH = 3.0, 30.0, 1.2
PANELS, SHARE = 60, 0.10
DRAFT_SECONDS = 300.0
SHEET = (1920, 1080)
SHOT_SECONDS, SOUND_EVERY = 5.0, 4
"""Shots of the animatic, and of how many of them one has a sound."""


def small() -> None:
    """Make the tests' small presets known in this process."""
    from tests.workroom import teach_small_presets

    def set_attribute(name: str, value: Any) -> None:
        module, _, attribute = name.rpartition(".")
        setattr(importlib.import_module(module), attribute, value)

    teach_small_presets(set_attribute)


def measure(minutes: float) -> dict[str, float]:
    """Join and mix an animatic of so many minutes here; peak memory of this process and its largest child, MiB."""
    import numpy as np

    from tasks.encode import ffmpeg_path
    from tasks.scene.join import join
    from tasks.scene.mix import SAMPLES, mix
    from tasks.scene.recipe import AssembleRecipe, CueRecipe, MixRecipe, TrackRecipe
    from tests.tasks.scene.cutting import plan, rows
    from tests.tasks.scene.marks import marked_clip
    from tests.tasks.scene.sounding import written

    small()
    shots = round(minutes * 60 / SHOT_SECONDS)
    planned = plan(rows(*[SHOT_SECONDS] * shots), rate=24, speed="draft")
    frames = round(SHOT_SECONDS * 24)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segment = marked_clip(folder / "segment.mp4", planned, 1, frames)
        sounds = {"a": written(folder / "a.wav", np.random.default_rng(1).uniform(-0.1, 0.1, 2 * SAMPLES))}
        places = [round(shot * SHOT_SECONDS * SAMPLES) for shot in range(0, shots, SOUND_EVERY)]
        tracks = tuple(TrackRecipe(sound="a", gain=0.0, sample=place) for place in places)
        length = round(shots * SHOT_SECONDS * SAMPLES)
        recipe = MixRecipe(tracks=tracks, samples=length, loudness=-16.0, bitrate=192_000)
        began = time.perf_counter()
        mix(recipe, sounds, folder / "mix.m4a", ffmpeg=ffmpeg_path())
        mixed = time.perf_counter()
        cues = tuple(CueRecipe(first=shot * frames, frames=frames, text=f"Line {shot}") for shot in range(shots))
        whole = AssembleRecipe(encode=planned.delivery.encode, segments=(frames,) * shots, cues=cues, poster_at=0)
        join(whole, [segment] * shots, folder / "mix.m4a", folder / "whole.mp4", ffmpeg=ffmpeg_path())
        joined = time.perf_counter()
    told = {"mix": mixed - began, "join": joined - mixed, "tracks": len(tracks)}
    return {"own": peak_megabytes(), "child": peak_megabytes_of_children(), **told}


def memory(short: float, long: float) -> list[Bar]:
    """The growth of either process, after what it is made of."""
    told: list[dict[str, float]] = []
    found: list[Bar] = []
    for minutes in (short, long):
        command = [sys.executable, "-m", "tests.benchmarks.animatic", "--measure", str(minutes)]
        told.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
        one = told[-1]
        found.append(Bar(f"{minutes:g} min: joining", one["own"], "MB"))
        found.append(Bar(f"  mixing {one['tracks']:g} sounds (ffmpeg)", one["child"], "MB"))
        found.append(Bar("  mixed in", one["mix"], "s"))
        found.append(Bar("  joined in", one["join"], "s"))
    for what, name in (("joining", "own"), ("mixing", "child")):
        found.append(Bar(f"{what}: {long:g} min against {short:g} min", told[1][name] / told[0][name], "x", GROWTH))
    return found


def change(panels: int, *, draft: bool) -> list[Bar]:
    """Seconds of a whole board, and the share of them that one other picture takes."""
    from tests.tasks.scene.storyroom import board, run
    from tests.workroom import Workroom

    small()
    with tempfile.TemporaryDirectory() as name:
        room = Workroom(Path(name))
        if draft:
            for number in range(panels):
                room.picture(f"p{number}.png", seed=number + 1, size=SHEET)
        manifest = board(room, *({"seconds": 2} for _ in range(panels)))
        seconds: list[float] = []
        for wanted in (panels, 1, 0):
            if wanted == 1:
                room.picture(f"p{panels // 2}.png", seed=9999, size=SHEET if draft else (480, 360))
            began = time.perf_counter()
            made = run(room, manifest, draft=draft).made
            seconds.append(time.perf_counter() - began)
            if made.get("encode", 0) != wanted:
                raise RuntimeError(f"{made}, wanted {wanted} clips")
    whole, again, nothing = seconds
    return [
        Bar(f"{panels} panels{' as --draft' if draft else ''}", whole, "s", DRAFT_SECONDS if draft else None),
        Bar("  one picture changed", again, "s"),
        Bar("  nothing changed", nothing, "s"),
        Bar("  one changed, of the whole", again / whole, "x", SHARE),
    ]


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="half a minute against one, six panels")
    options.add_argument("--measure", type=float, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure)))
        return
    lengths = (0.5, 1.0) if asked.quick else (SHORT, LONG)
    panels = 6 if asked.quick else PANELS
    show("animatic", [*memory(*lengths), *change(panels, draft=False), *change(panels, draft=True)])


if __name__ == "__main__":
    main()
