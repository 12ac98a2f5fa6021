"""Flow interpolation against ffmpeg's `minterpolate`, 7.5 to 30 fps, on a shot whose in-between frames are known.

Run it with `python -m tests.benchmarks.flow`. Both get decoded frames and give decoded frames to nobody: no codec is
timed. Rounds are paired (ours, then each of ffmpeg's, in turn), so that a busy machine slows both sides of a ratio.
ffmpeg works in its own YUV 4:2:0, half our samples; quality is measured on luma, where neither loses to chroma
subsampling. `minterpolate` leaves out the end of a clip, so only the frames both made are compared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from models import flow
from models.clip import Clip, Frame
from models.interpolate import resample
from tests.benchmarks.moving_shot import MovingShot

RATE_IN, RATE_OUT = Fraction(15, 2), Fraction(30)
FILTERS = {
    "minterpolate, default": "mi_mode=mci",
    "minterpolate, aobmc+vsbmc+bidir": "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1",
}


def luma(frame: Frame) -> NDArray[np.uint8]:
    """BT.709 luma, 0..255, (H, W)."""
    return np.rint(frame @ np.array([0.2126, 0.7152, 0.0722])).astype(np.uint8)


def psnr_db(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Peak signal to noise of two 8-bit planes."""
    return float(cv2.PSNR(a, b))


def ours(frames: list[Frame]) -> list[Frame]:
    """Every frame at RATE_OUT."""
    height, width = frames[0].shape[:2]
    with flow.Interpolator() as engine:
        _, out = resample(iter(frames), Clip(width, height, RATE_IN, len(frames)), RATE_OUT, engine, loop=False)
        return list(out)


def ffmpeg(source: Path, width: int, height: int, options: str, pix_fmt: str, sink: Path | None) -> int:
    """`minterpolate` over raw frames of `pix_fmt` in `source`; its luma to `sink` or nowhere. Returns frames made."""
    chain = f"minterpolate=fps={RATE_OUT}:scd=none:{options}"
    out = ["-f", "null", "-"] if sink is None else ["-vf", f"{chain},extractplanes=y", "-f", "rawvideo", str(sink)]
    size = ["-f", "rawvideo", "-pix_fmt", pix_fmt, "-s", f"{width}x{height}", "-r", str(float(RATE_IN))]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-progress", "pipe:1", *size, "-i", str(source)]
    told = subprocess.run([*command, "-vf", chain, *out], check=True, capture_output=True, text=True).stdout
    return int([line for line in told.splitlines() if line.startswith("frame=")][-1].split("=")[1])


def planes_420(frame: Frame) -> bytes:
    """Full-range I420 as raw bytes: luma first, so that ffmpeg's output can be compared with `luma` directly."""
    height, width = frame.shape[:2]
    half = cv2.resize(frame, (width // 2, height // 2), interpolation=cv2.INTER_AREA).astype(np.float32)
    y = half @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    u, v = (half[..., 2] - y) / 1.8556 + 128, (half[..., 0] - y) / 1.5748 + 128
    return luma(frame).tobytes() + b"".join(np.clip(np.rint(p), 0, 255).astype(np.uint8).tobytes() for p in (u, v))


def timed(work: Callable[[], int]) -> float:
    """Frames per second of `work`, which says how many frames it made."""
    start = time.perf_counter()
    return work() / (time.perf_counter() - start)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--frames", type=int, default=7, help="source frames")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    between = int(RATE_OUT / RATE_IN)
    shot = MovingShot(width, height)
    truth = [shot.at(n / between) for n in range((asked.frames - 1) * between + 1)]
    source = truth[::between]
    wanted = [luma(frame) for frame in truth]

    with tempfile.TemporaryDirectory() as folder:
        raw, made = Path(folder) / "source.yuv", Path(folder) / "made.y"
        raw.write_bytes(b"".join(map(planes_420, source)))
        pictures = {"flow": [luma(frame) for frame in ours(source)]}
        for name, options in FILTERS.items():
            ffmpeg(raw, width, height, options, "yuv420p", made)
            pictures[name] = list(np.fromfile(made, np.uint8).reshape(-1, height, width))
        speeds: dict[str, list[float]] = {name: [] for name in pictures}
        for _ in range(asked.rounds):
            speeds["flow"].append(timed(lambda: len(ours(source))))
            for name, options in FILTERS.items():
                speeds[name].append(timed(lambda o=options: ffmpeg(raw, width, height, o, "yuv420p", None)))

    moments = [n for n in range(min(map(len, pictures.values()))) if n % between]
    quality = {name: [psnr_db(made[n], wanted[n]) for n in moments] for name, made in pictures.items()}
    blend = [cv2.addWeighted(wanted[n - n % between], 1 - n % between / between,
                             wanted[n - n % between + between], n % between / between, 0) for n in moments]  # fmt: skip
    print(f"{asked.size}, {float(RATE_IN)} -> {RATE_OUT} fps, {len(moments)} in-between frames, {asked.rounds} rounds")
    print(f"{'':34}{'frames/s':>9}{'ours is':>10}{'PSNR dB':>9}{'worst':>8}{'ours is':>10}")
    for name in pictures:
        ratio = statistics.median(a / b for a, b in zip(speeds["flow"], speeds[name], strict=True))
        mean, gain = statistics.mean(quality[name]), statistics.mean(quality["flow"]) - statistics.mean(quality[name])
        rate = statistics.median(speeds[name])
        print(f"{name:34}{rate:9.1f}{ratio:9.1f}x{mean:9.2f}{min(quality[name]):8.2f}{gain:+9.2f}")
    plain = statistics.mean(psnr_db(b, wanted[n]) for b, n in zip(blend, moments, strict=True))
    print(f"{'plain blend of the two frames':34}{'':28}{plain:.2f}")


if __name__ == "__main__":
    main()
