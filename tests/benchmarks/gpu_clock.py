"""How the GPU benchmarks measure: in turn in one process, the device waited for, medians, peaks, and the ceiling."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

Work = Callable[[], Any]


@dataclass
class Timing:
    """`first`: the first run, with compilation and warm-up; `runs`: those after it, in seconds."""

    first: float = 0.0
    runs: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def seconds(self) -> float:
        """The median of the runs after the first."""
        return statistics.median(self.runs)


def waited(device: torch.device) -> float:
    """Now, on the host's clock, all work queued on `device` done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def in_turn(works: Mapping[str, Work], device: torch.device, rounds: int) -> dict[str, Timing]:
    """Each of `works` once to warm up, then `rounds` times in turn, so that whatever else goes on slows all of them."""
    timings = {name: Timing() for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            start = waited(device)
            made = work()
            seconds = waited(device) - start
            del made
            timing = timings[name]
            if turn == 0:
                timing.first = seconds
                print(f"  {name}: first run {seconds:.2f} s", flush=True)
            else:
                timing.runs.append(seconds)
            if device.type == "cuda":
                timing.peak_bytes = max(timing.peak_bytes, torch.cuda.max_memory_allocated(device))
    return timings


class Marks:
    """Moments on the device, set without waiting for it and read when all is done."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._device = device
        self._marks: list[Any] = []

    def set(self) -> None:
        """Now, as the device's queue sees it."""
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self._device))
            self._marks.append(event)
        else:
            self._marks.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """From each mark to the next. Waits for the device."""
        waited(self._device)
        pairs = zip(self._marks[:-1], self._marks[1:], strict=True)
        return [a.elapsed_time(b) / 1000 if self._cuda else b - a for a, b in pairs]


def matmul_tflops(device: torch.device, dtype: torch.dtype, side: int = 8192) -> float:
    """TFLOP/s of a square matrix product on random numbers: the ceiling all shares are told against."""
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    marks = Marks(device)
    for turn in range(24):
        if turn >= 3:
            marks.set()
        a @ b
    marks.set()
    return 2 * side**3 / statistics.median(marks.seconds()) / 1e12


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures were measured on, and with."""
    versions = {}
    for name in ("torch", "triton", "diffusers", "transformers", "numpy"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    found: dict[str, Any] = {"date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "versions": versions}
    found |= {"python": platform.python_version(), "cores": os.cpu_count(), "device": f"cpu ({platform.machine()})"}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {
            "device": properties.name,
            "memory_gib": round(properties.total_memory / 2**30, 1),
            "driver": _driver(device),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return found


def _driver(device: torch.device) -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return "unknown"
    command = [program, f"--id={device.index or 0}", "--query-gpu=driver_version", "--format=csv,noheader"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return asked.stdout.strip() or "unknown"
