"""Real-ESRGAN in torch over whole clips: batches on the device, copies to the host beside the next batch.

Quantised frames go in and come out, so that a mezzanine made from a stored master is the same as one made while the
master was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.clip import Frame
from models.drawn import Enlarge
from models.realesrgan.color import resized, true_to
from models.realesrgan.network import Upscaler

BATCH = 5
"""Frames enlarged together: enough to fill a large GPU, 0.4 GB of results at 4K. Always the same, for pixels' sake."""


class Enlarger:
    """Networks of Real-ESRGAN on one device, loaded when first wanted. Raises EngineMissing, OutOfMemory."""

    def __init__(self, device: str = "auto", dtype: str = "auto", compiled: bool = False) -> None:
        self._device, self._dtype, self._compiled = device, dtype, compiled
        self._upscalers: dict[str, Upscaler] = {}
        self._last: Upscaler | None = None

    def frames(self, frames: Iterator[Frame], wanted: Enlarge) -> Iterator[Frame]:
        """Every frame (H, W, 3) uint8 enlarged to the wanted size, in order."""
        device = self.upscaler(wanted).device
        before: Fetch | None = None
        while group := list(islice(frames, BATCH)):
            made = Fetch(self.batch(placed(as_tensor(group), device), wanted))
            if before is not None:
                yield from before.frames()
            before = made
        if before is not None:
            yield from before.frames()

    def batch(self, masters: Tensor, wanted: Enlarge) -> Tensor:
        """(N, 3, H, W) uint8 -> (N, 3, height, width) uint8 on the same device, with the masters' own colours."""
        source = masters.to(torch.float32) / 255
        made = true_to(source, self.upscaler(wanted).enlarge(source).to(torch.float32))
        return quantised(resized(made, wanted.width, wanted.height))

    def upscaler(self, wanted: Enlarge) -> Upscaler:
        """The network `wanted` names."""
        if wanted.model not in self._upscalers:
            self._upscalers[wanted.model] = Upscaler(
                wanted.model, wanted.scale, wanted.tile, self._device, self._dtype, BATCH, self._compiled
            )
        self._last = self._upscalers[wanted.model]
        return self._last

    def ran(self) -> Mapping[str, Any]:
        """What ran last."""
        return dict(self._last.ran()) if self._last else {}


def quantised(frames: Tensor) -> Tensor:
    """(..., 3, H, W) in [0, 1] -> the nearest of 256 levels, uint8."""
    return frames.to(torch.float32).mul(255).round_().clamp_(0, 255).to(torch.uint8)


def as_tensor(frames: Sequence[Frame]) -> Tensor:
    """(H, W, 3) frames -> (N, 3, H, W), uint8."""
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def placed(pixels: Tensor, device: torch.device) -> Tensor:
    """Host pixels on `device`, without waiting for what the device is at."""
    return pixels.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else pixels


class Fetch:
    """(N, 3, H, W) uint8 frames on their way to the host; the device goes on with what it is given next."""

    def __init__(self, frames: Tensor) -> None:
        self._pixels = frames.permute(0, 2, 3, 1).contiguous()
        self._here: torch.cuda.Event | None = None
        if frames.device.type == "cuda":
            host = torch.empty(self._pixels.shape, dtype=torch.uint8, pin_memory=True)
            host.copy_(self._pixels, non_blocking=True)
            self._pixels = host
            self._here = torch.cuda.Event()
            self._here.record(torch.cuda.current_stream(frames.device))

    def frames(self) -> list[Frame]:
        """(H, W, 3) each, once they are here."""
        if self._here is not None:
            self._here.synchronize()
        return list(self._pixels.numpy())


class Clock:
    """Seconds a device spends on pieces of work, added up; on CUDA by events, so that nobody waits."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pieces: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts what is begun within."""
        if self._device.type != "cuda":
            started = time.monotonic()
            yield
            self._seconds += time.monotonic() - started
            return
        begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        stream = torch.cuda.current_stream(self._device)
        begun.record(stream)
        yield
        ended.record(stream)
        self._pieces.append((begun, ended))

    def seconds(self) -> float:
        """The sum; waits for the last piece."""
        if self._pieces:
            self._pieces[-1][1].synchronize()
        return self._seconds + sum(begun.elapsed_time(ended) for begun, ended in self._pieces) / 1000
