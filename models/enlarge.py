"""Real-ESRGAN in torch over whole clips: batches on the device, copies to the host beside the next batch.

Quantised frames go in and come out, so that a mezzanine made from a stored master is the same as one made while the
master was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

    def frames(self, frames: Iterator[Frame], wanted: Enlarge) -> Iterator[Frame]:
        """Every frame (H, W, 3) uint8 enlarged to the wanted size, in order."""
        while group := list(islice(frames, BATCH)):
            yield from fetched(self.batch(as_tensor(group).to(self.upscaler(wanted).device), wanted))

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
        return self._upscalers[wanted.model]

    def ran(self) -> Mapping[str, Any]:
        """What ran so far, by network."""
        return {name: dict(upscaler.ran()) for name, upscaler in self._upscalers.items()}


def quantised(frames: Tensor) -> Tensor:
    """(..., 3, H, W) in [0, 1] -> the nearest of 256 levels, uint8."""
    return frames.to(torch.float32).mul(255).round_().clamp_(0, 255).to(torch.uint8)


def as_tensor(frames: Sequence[Frame]) -> Tensor:
    """(H, W, 3) frames -> (N, 3, H, W), uint8."""
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def fetched(frames: Tensor) -> list[Frame]:
    """(N, 3, H, W) uint8 on any device -> (H, W, 3) frames of one's own."""
    pixels = frames.permute(0, 2, 3, 1).contiguous()
    if pixels.device.type == "cuda":  # through pinned memory: three times as fast, and it does not stop the device
        host = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=True)
        host.copy_(pixels, non_blocking=True)
        torch.cuda.current_stream(pixels.device).synchronize()
        pixels = host
    return list(pixels.cpu().numpy())
