"""The whole chain on one GPU: stills to 4K files, six shots, with preparing and encoding beside the device's work.

One engine child holds SVD, fidelity, Real-ESRGAN and RIFE; its parent renders the commanded camera path for the next
shot and feeds ffmpeg meanwhile. What a real batch does between (masters and mezzanines stored, measures, catalog) is
left out: it is the GPU that is looked at.
"""

from __future__ import annotations

import queue
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from models.camera import Move, Scene, mattes, path, render
from models.clip import Clip, Frame
from models.drawn import Enlarge
from models.generator import Generator
from models.host.hosted import hosted
from models.rife.network import Interpolator
from models.svd.settings import Dtype, Picture, Settings
from tests.benchmarks import gpu_checkpoint
from tests.benchmarks.gpu_bench import Bench, matte, still
from tests.benchmarks.gpu_clock import Timing
from tests.benchmarks.gpu_frames import realesrgan_weights, rife_weights
from tests.benchmarks.gpu_report import Report, Row

SHOTS = 6
TIMES = (0.25, 0.5, 0.75)
"""In-between moments: 7 frames a second become 28."""
RATE = 28
LOOK_SECONDS = 0.1


class Shots:
    """The child's engine: shots from pictures to frames that only want encoding."""

    def __init__(self, device: str, dtype: Dtype, cache: str | None, small: bool, rife: str) -> None:
        networks = partial(gpu_checkpoint.networks, small=small)
        self._generator = Generator(networks, device, dtype, compiled=cache is not None, cache=cache)
        self._rife = Interpolator(rife, device)
        self._device = torch.device(device)

    def shot(
        self, pictures: Iterator[Picture], settings: Settings, size: tuple[int, int], enlarge: Enlarge
    ) -> Iterator[Frame]:
        """Every frame of one shot, in-between ones too."""
        before: Frame | None = None
        for drawn in self._generator.generate(pictures, settings, size, enlarge, moving=False):
            frame = drawn.mezzanine
            assert frame is not None
            if before is not None:
                yield from self._rife.between_many(before, frame, TIMES)
            yield frame
            before = frame

    def ran(self) -> Mapping[str, Any]:
        """Of the last shot; and the most memory the process ever had."""
        peak = torch.cuda.max_memory_allocated(self._device) if self._device.type == "cuda" else 0
        return {**self._generator.ran(), "rife": dict(self._rife.ran()), "peak_bytes": peak}


class Busy(threading.Thread):
    """Share of the time in which the GPU ran anything, as NVML sees it; nothing where there is no NVML."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(daemon=True)
        self.shares: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._handle: Any = None
        if device.type == "cuda":
            with suppress(ImportError):
                import pynvml  # pyright: ignore[reportMissingImports] - nvidia-ml-py, where there is a GPU

                pynvml.nvmlInit()
                self._handle = pynvml.nvmlDeviceGetHandleByIndex(device.index or 0)
                self._utilization = pynvml.nvmlDeviceGetUtilizationRates

    def run(self) -> None:
        """Look every LOOK_SECONDS until `end`."""
        while self._handle is not None and not self._ended.wait(LOOK_SECONDS):
            self.shares.append((time.perf_counter(), self._utilization(self._handle).gpu / 100))

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self.join()

    def between(self, start: float, end: float) -> float | None:
        """The mean share in that time."""
        seen = [share for at, share in self.shares if start <= at <= end]
        return statistics.fmean(seen) if seen else None


def chain(bench: Bench) -> Report:
    """Six shots by each upscaler: seconds a shot in steady state, and how busy the GPU was."""
    report = Report(facts={"realesrgan": realesrgan_weights()})
    for name in ("realesr-animevideov3-x4",) if bench.small else ("realesr-animevideov3-x4", "realesrgan-x4plus"):
        with tempfile.TemporaryDirectory() as scratch:
            report.rows.append(_batch(bench, name, Path(scratch), report.facts))
    return report


def _batch(bench: Bench, upscaler: str, scratch: Path, facts: dict[str, Any]) -> Row:
    rife, facts["rife"] = rife_weights(scratch, bench.small)
    shots = 2 if bench.small else SHOTS
    # A camera path as prior: it starts at sigma 15.6, step 12 of 25. The product is laid back over each frame.
    settings = bench.settings(25, sigma_start=15.6, fidelity="strict", noise_aug=0.02)
    width, height = bench.size
    final = Clip(width * 15 // 4, height * 15 // 4, Fraction(RATE), 0)
    enlarge = Enlarge(upscaler, 4, 0, final.width, final.height)
    cache = None if bench.small else str(bench.cache)
    begun = time.perf_counter()
    ends: list[float] = []
    busy = Busy(bench.device)
    with (
        hosted(
            "tests.benchmarks.gpu_chain:Shots",
            deadline=600.0,
            device=str(bench.device),
            dtype=bench.dtype,
            cache=cache,
            small=bench.small,
            rife=str(rife),
        ) as engine,
        ThreadPoolExecutor(2) as beside,
    ):
        ahead: Future[list[Picture]] = beside.submit(_views, settings, 0)
        encodings: list[_Encoding] = []
        frames = 0
        busy.start()
        for shot in range(shots):
            views, ahead = ahead.result(), beside.submit(_views, settings, shot + 1)
            encoding = _Encoding(scratch / f"{shot}.mp4", final)
            encodings.append(encoding)
            for frame in engine.shot(iter(views), replace(settings, seed=shot), (width, height), enlarge):
                encoding.put(frame)
                frames += 1
            encoding.last()
            ends.append(time.perf_counter())
        for encoding in encodings:
            encoding.wait()
        ended = time.perf_counter()
        ran = engine.ran()
        busy.end()
    # The first shot has compilation in it; from its end on is the steady state, to the end of the last one's frames.
    steady = (ends[-1] - ends[0]) / (shots - 1)
    share = busy.between(ends[0], ends[-1])
    timing = Timing(ends[0] - begun, [b - a for a, b in pairwise(ends)], ran["peak_bytes"])
    found = (
        f"{steady:.2f} s a shot of {frames // shots} frames at {final.width}x{final.height}, {shots} shots in "
        f"{ended - begun:.1f} s, GPU busy {'unknown' if share is None else f'{share:.0%}'}"
    )
    facts[f"{upscaler} ran"] = str(ran)
    facts[f"{upscaler} waited for the encoder"] = f"{sum(encoding.waited for encoding in encodings):.2f} s"
    return Row(
        f"{shots} shots, {upscaler}",
        timing,
        found=found,
        bar="GPU busy >= 85%",
        met=None if share is None or bench.small else share >= 0.85,
    )


def _views(settings: Settings, number: int) -> list[Picture]:
    """What the camera engine sees along a push, and where the product is: one for each frame."""
    width, height = settings.width, settings.height
    plate = still(number, width * 5 // 4, height * 5 // 4)
    home = (width / 8, height / 8, float(width), float(height))
    scene = Scene(plate, home, None, matte(width * 5 // 4, height * 5 // 4))
    flown = path(Move("push", 0.1), Clip(width, height, Fraction(7), settings.frames))
    rendered = zip(render(scene, flown, workers=4), mattes(scene, flown), strict=True)
    return [Picture(frame, mask) for frame, mask in rendered]


class _Encoding:
    """One ffmpeg, fed by a thread of its own."""

    def __init__(self, file: Path, clip: Clip) -> None:
        self.waited = 0.0
        self._file = file
        self._frames: queue.Queue[Frame | None] = queue.Queue(maxsize=16)
        size = f"{clip.width}x{clip.height}"
        self._process = subprocess.Popen(
            [
                *(_ffmpeg(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size),
                *("-r", str(clip.rate), "-i", "-", "-vf", "scale=out_color_matrix=bt709:out_range=tv"),
                *("-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", str(file)),
            ],
            stdin=subprocess.PIPE,
        )
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._feeder.start()

    def put(self, frame: Frame) -> None:
        """The next frame; waits where the encoder is far behind."""
        start = time.perf_counter()
        self._frames.put(frame)
        self.waited += time.perf_counter() - start

    def last(self) -> None:
        """No frame follows."""
        self._frames.put(None)

    def wait(self) -> None:
        """Until the file is whole."""
        self._feeder.join()
        if self._process.wait() or not self._file.is_file():
            raise RuntimeError(f"ffmpeg ended with {self._process.returncode} on {self._file.name}")

    def _feed(self) -> None:
        assert self._process.stdin is not None
        with self._process.stdin as pipe:
            while (frame := self._frames.get()) is not None:
                pipe.write(frame)


def _ffmpeg() -> str:
    on_path = shutil.which("ffmpeg")
    if on_path:
        return on_path
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()
