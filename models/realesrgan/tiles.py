"""A picture in squares, each enlarged with a margin of what surrounds it: the binding's way, so that both agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

OVERLAP = 10
"""Pixels around every tile that are worked on and thrown away; beyond the picture its mirror image (measured)."""
MOST_VALUES = 2**31 - 1
"""Torch's nearest-neighbour kernels on CUDA count what they make in 32 bits."""
WIDEST = 64
"""Channels of the widest layer at full size."""


@dataclass(frozen=True)
class Layout:
    """How many pictures at a time, and the side of their tiles in source pixels; 0: whole."""

    batch: int
    tile: int

    def __str__(self) -> str:
        return f"{self.batch} in tiles of {self.tile} px" if self.tile else f"{self.batch} whole"


def layouts(first: Layout, height: int, width: int, scale: int) -> Iterator[Layout]:
    """`first` (or the largest torch can do below it), then ever less memory: fewer pictures, then smaller tiles."""

    def possible(batch: int, tile: int) -> bool:
        sides = (min(tile or side, side) + 2 * OVERLAP for side in (height, width))
        pixels = next(sides) * next(sides)
        return batch * pixels * scale**2 * WIDEST <= MOST_VALUES

    batch = first.batch
    while batch > 1 and not possible(batch, first.tile):
        batch -= 1
    while batch > 1:
        yield Layout(batch, first.tile)
        batch //= 2
    largest = first.tile or max(height, width)
    for tile in (first.tile, *(side for side in (1024, 512, 256, 128, 64, 32) if side < largest)):
        if possible(1, tile):
            yield Layout(1, tile)


def mirrored(length: int, margin: int, device: torch.device) -> Tensor:
    """(length + 2 margin,) indices into a row: mirrored at both ends without repeating them, however short it is."""
    period = max(2 * (length - 1), 1)
    position = torch.arange(-margin, length + margin, device=device) % period
    return torch.minimum(position, period - position)


def enlarged(network: Callable[[Tensor], Tensor], x: Tensor, scale: int, tile: int) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> (N, 3, H*scale, W*scale) in [0, 1]; same dtype and device."""
    height, width = x.shape[-2:]
    rows, columns = mirrored(height, OVERLAP, x.device), mirrored(width, OVERLAP, x.device)
    framed = x[..., rows, :][..., columns].contiguous(memory_format=torch.channels_last)
    edge = OVERLAP * scale
    if not tile or (height <= tile and width <= tile):
        return network(framed)[..., edge:-edge, edge:-edge].clamp(0, 1)
    made = x.new_empty(x.shape[0], 3, height * scale, width * scale)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom, right = min(top + tile, height), min(left + tile, width)
            piece = framed[..., top : bottom + 2 * OVERLAP, left : right + 2 * OVERLAP]
            larger = network(piece)[..., edge:-edge, edge:-edge].clamp(0, 1)
            made[..., top * scale : bottom * scale, left * scale : right * scale] = larger
    return made
