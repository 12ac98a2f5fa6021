"""Camera engine against ffmpeg's zoompan, speed and jitter: `python -m tests.benchmarks.camera`.

Speed: a 1080p push of 150 frames, still on disk to H.264 on disk, same still and encoder settings, run in turn so that
a busy machine slows all of them; the ratio is the median over rounds. Jitter: registered motion less commanded motion,
per frame, on a slow push and a slow pan.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path as FilePath

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from models.camera import Move, Path, Scene, path, render
from models.clip import Clip
from tests.benchmarks.camera_motion import jitter, positions, studio_still

CLIP = Clip(1920, 1080, Fraction(30), 150)
PUSH = Move("push", 0.12, easing="linear")
PLATE = (round(1920 * 1.125), round(1080 * 1.125))
HOME = ((PLATE[0] - 1920) / 2, (PLATE[1] - 1080) / 2, 1920.0, 1080.0)
ENCODER = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-pix_fmt", "yuv420p"]
SLOW_FRAMES = 48
SLOW_PAN_PX = 0.05
SLOW_PUSH = 0.004
WATCHED = (700, 430)
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def ours(still: FilePath, out: FilePath, workers: int) -> float:
    """Seconds to read the still, render planes and encode them through a pipe."""
    started = time.perf_counter()
    scene = Scene(np.array(Image.open(still).convert("RGB")), HOME)
    source = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{CLIP.width}x{CLIP.height}", "-r", "30", "-i", "-"]
    command = [FFMPEG, "-v", "error", "-y", *source, *ENCODER, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin is not None
        fcntl.fcntl(encoder.stdin, fcntl.F_SETPIPE_SZ, 1 << 20)
        for frame in render(scene, path(PUSH, CLIP), planes=True, workers=workers):
            for plane in frame:
                encoder.stdin.write(plane.data)
    if encoder.returncode:
        raise RuntimeError(f"ffmpeg ended with {encoder.returncode}")
    return time.perf_counter() - started


def zoompan(still: FilePath, out: FilePath, scale: int) -> float:
    """Seconds of the same push by zoompan, the still enlarged `scale` times before."""
    started = time.perf_counter()
    command = [FFMPEG, "-v", "error", "-y", "-i", str(still), "-vf", _zoompan(path(PUSH, CLIP), scale), *ENCODER]
    subprocess.run([*command, str(out)], check=True)
    return time.perf_counter() - started


def _zoompan(flown: Path, scale: int) -> str:
    """The filter for a linear push or pan: zoom is geometric, position is the view's corner on the plate."""
    n = flown.clip.frames - 1
    x, y, w, h = HOME
    first, last = flown.plate[0], flown.plate[n]
    width = f"({w * first.w}*pow({last.w / first.w},on/{n}))"
    centre = [
        f"({a * scale}+({(b - a) * scale})*on/{n})"
        for a, b in ((x + first.cx * w, x + last.cx * w), (y + first.cy * h, y + last.cy * h))
    ]
    size = f"s={flown.clip.width}x{flown.clip.height}:fps=30"
    zoom = f"zoompan=z='{PLATE[0]}/{width}':x='{centre[0]}-iw/zoom/2':y='{centre[1]}-ih/zoom/2':d={n + 1}:{size}"
    return f"scale=iw*{scale}:-1,{zoom}" if scale > 1 else zoom


def slow(kind: str) -> Path:
    """A push or pan so slow that a whole-pixel camera shows it."""
    clip = replace(CLIP, frames=SLOW_FRAMES)
    amount = SLOW_PUSH if kind == "push" else SLOW_PAN_PX * (SLOW_FRAMES - 1) / CLIP.width
    return path(Move("push" if kind == "push" else "pan", amount, easing="linear"), clip)


def commanded(flown: Path) -> NDArray[np.float64]:
    """Where what lay at WATCHED in the first frame should be found in each, less where it lay: (N, 2) px."""
    size = np.array([flown.clip.width, flown.clip.height])
    views = flown.plate
    centres = np.column_stack([views.cx, views.cy])
    share = (np.array(WATCHED) + 0.5) / size - 0.5
    point = centres[0] + share * views.w[0]
    seen = ((point - centres) / views.w[:, None] + 0.5) * size - 0.5
    return seen - np.array(WATCHED)


def zoompan_luma(still: FilePath, flown: Path, scale: int) -> Iterator[NDArray[np.uint8]]:
    """The luma zoompan makes of `flown`."""
    size = flown.clip.width * flown.clip.height
    command = [FFMPEG, "-v", "error", "-i", str(still), "-vf", _zoompan(flown, scale) + ",format=gray"]
    made = subprocess.run([*command, "-f", "rawvideo", "-"], check=True, stdout=subprocess.PIPE).stdout
    for frame in range(flown.clip.frames):
        yield np.frombuffer(made, np.uint8, size, frame * size).reshape(flown.clip.height, flown.clip.width)


def jitters(still: FilePath, engine: str, kind: str) -> tuple[float, float]:
    """Root mean square and largest jitter of one engine on one slow move, in px per frame."""
    flown = slow(kind)
    if engine == "camera":
        scene = Scene(np.array(Image.open(still).convert("RGB")), HOME)
        frames = (frame.y for frame in render(scene, flown, planes=True))
    else:
        frames = zoompan_luma(still, flown, 4 if "x4" in engine else 1)
    return jitter(positions(frames, WATCHED), commanded(flown))


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options.add_argument("--still", type=FilePath, help="a picture to time instead of the drawn one")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        still, out = FilePath(folder, "still.png"), FilePath(folder, "out.mp4")
        textured = FilePath(folder, "textured.png")  # soft photos give registration itself an error of 0.05 px
        Image.fromarray(studio_still(*PLATE)).save(textured)
        Image.open(asked.still or textured).convert("RGB").resize(PLATE, Image.Resampling.LANCZOS).save(still)
        seconds: dict[str, list[float]] = {"camera": [], "zoompan x4": [], "zoompan": []}
        for _ in range(asked.rounds):
            seconds["camera"].append(ours(still, out, asked.workers))
            seconds["zoompan x4"].append(zoompan(still, out, 4))
            seconds["zoompan"].append(zoompan(still, out, 1))
        table = Table(
            "engine", "s, median", "camera is faster by", "pan jitter rms / max px", "push jitter rms / max px"
        )
        for engine, spent in seconds.items():
            ratio = statistics.median(theirs / own for theirs, own in zip(spent, seconds["camera"], strict=True))
            moved = [jitters(textured, engine, kind) for kind in ("pan", "push")]
            table.add_row(
                engine,
                f"{statistics.median(spent):.2f}",
                f"{ratio:.2f}x",
                *(f"{rms:.4f} / {largest:.4f}" for rms, largest in moved),
            )
        Console(width=120).print(table)


if __name__ == "__main__":
    main()
