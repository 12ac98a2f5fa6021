"""The generator with faults built in: memory that ends, networks that give no numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from models.generator import Generator
from models.svd import decoding, tasks

_decode, _sample = decoding.decode, tasks.sample


def little_memory(frames: int) -> Any:
    """A factory of generators whose decoder has room for so many frames at once, and none for more."""

    def decode(networks: Any, latents: Tensor, chunk: int) -> Iterator[Tensor]:
        if chunk > frames:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {chunk} frames")
        return _decode(networks, latents, chunk)

    decoding.decode = decode
    return Generator


def two_frames_at_once(**kwargs: Any) -> Generator:
    """Room to decode two frames."""
    return little_memory(2)(**kwargs)


def no_room(**kwargs: Any) -> Generator:
    """No room to decode one."""
    return little_memory(0)(**kwargs)


def not_numbers(**kwargs: Any) -> Generator:
    """Latents of even seeds are no numbers, in any precision."""

    def sample(networks: Any, window: Any, settings: Any, told: Any) -> Tensor:
        latents = _sample(networks, window, settings, told)
        return latents if settings.seed % 2 else latents * float("nan")

    tasks.sample = sample
    return Generator(**kwargs)
