"""Latents to pictures with the temporal decoder, a few frames at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from models.svd.numbers import require_finite


class Decoding(Protocol):
    """What decoding needs of the networks."""

    @property
    def vae(self) -> Any:
        """diffusers' AutoencoderKLTemporalDecoder."""
        ...

    @property
    def scaling_factor(self) -> float:
        """What the latents were multiplied by."""
        ...


def decode(networks: Decoding, latents: Tensor, chunk: int) -> Iterator[Tensor]:
    """(F, 4, h, w) scaled latents -> at most `chunk` frames at a time, (n, 3, 8h, 8w) fp32 in [0, 1], same device.

    The decoder looks across the frames it is given together, so `chunk` is part of what the pixels are: fewer frames
    at once see less of each other and flicker more. Chunks are cut as the stock pipeline cuts them. Raises NotFinite
    (one look per chunk: clamping would make a picture of an infinity) and whatever the device raises; whoever steps
    down on that must have kept, not passed on, the chunks before it.
    """
    if chunk < 1:
        raise ValueError(f"decode: {chunk} frames at once; wanted at least 1")
    weights = next(networks.vae.decoder.parameters())
    for start in range(0, len(latents), chunk):
        part = 1 / networks.scaling_factor * latents[start : start + chunk]
        with torch.no_grad():
            frames = networks.vae.decode(part.to(weights), num_frames=len(part)).sample.float()
        require_finite(frames, "decoded frames", first=start)
        yield frames.mul_(0.5).add_(0.5).clamp_(0, 1)
        del frames  # or the next chunk is decoded beside this one
