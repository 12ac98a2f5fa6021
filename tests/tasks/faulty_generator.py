"""The generator with faults built in: memory that ends, networks that give no numbers. A clip's seed says which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from models.generator import Generator
from models.svd import decoding, tasks

NOT_NUMBERS = 100
NO_FRAMES, TWO_FRAMES = 200, 202
"""The decoder has room for so many frames at once, beyond 200; other seeds are without fault."""
_MOST = 300

_decode, _sample = decoding.decode, tasks.sample


def by_seed(**kwargs: Any) -> Generator:
    """A generator whose clips fail as their seeds say."""
    seeds: list[int] = []

    def sample(networks: Any, window: Any, settings: Any, told: Any) -> Tensor:
        seeds[:] = [settings.seed]
        latents = _sample(networks, window, settings, told)
        return latents * float("nan") if settings.seed == NOT_NUMBERS else latents

    def decode(networks: Any, latents: Tensor, chunk: int) -> Iterator[Tensor]:
        if NO_FRAMES <= seeds[0] < _MOST and chunk > seeds[0] - NO_FRAMES:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {chunk} frames")
        return _decode(networks, latents, chunk)

    tasks.sample, decoding.decode = sample, decode
    return Generator(**kwargs)
