"""What becomes of a network's picture: the source's colours in the large, and the size that is wanted.

On tensors, on whatever device they are; OpenCV's conventions, so that a picture is the same within a level whichever
runtime enlarged it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from models.errors import EngineError
from models.realesrgan.tiles import mirrored

SIGMA = 2.0
"""Source pixels: what is larger than this is light, and the source's; what is smaller is texture, and the network's."""
_RADIUS = 8
"""OpenCV's for a Gaussian of this sigma on float32: a kernel of round(8 sigma + 1) px."""


def true_to(source: Tensor, made: Tensor) -> Tensor:
    """`made` with the colours of `source`: what the network changed in the large is taken back, what it drew in the
    small stays.

    `source` (N, 3, H, W), `made` (N, 3, H*s, W*s) for a whole s, both in [0, 1] -> as `made`.
    """
    height, width = source.shape[-2:]
    if made.shape[-2] % height or made.shape[-1] % width or made.shape[0] != source.shape[0]:
        raise EngineError(f"color: enlarged {tuple(made.shape)} is no whole multiple of {tuple(source.shape)}")
    shrunk = F.avg_pool2d(made, (made.shape[-2] // height, made.shape[-1] // width))
    drift = _blurred(source.float() - shrunk.float()).to(made.dtype)
    drift = F.interpolate(drift, size=made.shape[-2:], mode="bilinear", align_corners=False)
    return drift.add_(made).clamp_(0, 1)


def resized(made: Tensor, width: int, height: int) -> Tensor:
    """(N, 3, H, W) -> (N, 3, height, width), same dtype: OpenCV's INTER_AREA.

    Where neither side grows, each pixel is the mean of the area it covers; otherwise it is blended linearly where it
    straddles two source pixels.
    """
    tall, wide = made.shape[-2:]
    if (tall, wide) == (height, width):
        return made
    if tall % height == 0 and wide % width == 0:
        return F.avg_pool2d(made, (tall // height, wide // width))
    covered = height <= tall and width <= wide
    rows, columns = (_taps(*sides, covered, made.device) for sides in ((tall, height), (wide, width)))
    return _gathered(_gathered(made, -2, *rows), -1, *columns)


def _blurred(x: Tensor) -> Tensor:
    """Gaussian over rows and columns, the border mirrored (OpenCV's BORDER_REFLECT_101)."""
    at = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float32, device=x.device)
    kernel = torch.exp(-(at**2) / (2 * SIGMA**2))
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, 1, -1)
    rows, columns = (mirrored(side, _RADIUS, x.device) for side in x.shape[-2:])
    across = F.conv2d(x[..., columns], kernel, groups=x.shape[1])
    return F.conv2d(across[..., rows, :], kernel.transpose(-1, -2), groups=x.shape[1])


def _cover(found: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each of `wanted` pixels the source pixels it covers, (taps, wanted), and how much of each."""
    left = np.arange(wanted) * found / wanted
    right = left + found / wanted
    taps = int(np.max(np.ceil(right - 1e-9) - np.floor(left)))
    index = np.floor(left).astype(np.int64) + np.arange(taps)[:, None]
    share = (np.minimum(right, index + 1) - np.maximum(left, index)).clip(0) * wanted / found
    return np.minimum(index, found - 1), share.astype(np.float32)


def _straddle(found: int, wanted: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each of `wanted` pixels the source pixel it begins in and the next one, (2, wanted), and how much of each."""
    at = np.arange(wanted)
    first = np.floor(at * (found / wanted)).astype(np.int64)
    share = ((at + 1) - (first + 1) * (wanted / found)).clip(0) % 1
    share[first >= found - 1] = 0
    index = np.stack([first, np.minimum(first + 1, found - 1)])
    return index, np.stack([1 - share, share]).astype(np.float32)


@lru_cache(maxsize=16)
def _taps(found: int, wanted: int, covered: bool, device: torch.device) -> tuple[Tensor, Tensor]:
    """Index and share on the device: moved there once a size, for moving them makes the host wait for the device."""
    index, share = (_cover if covered else _straddle)(found, wanted)
    return torch.from_numpy(index).to(device), torch.from_numpy(share).to(device)


def _gathered(x: Tensor, axis: int, index: Tensor, share: Tensor) -> Tensor:
    """The weighted sum of `x` at each row of `index` along `axis`."""
    shape = [1] * x.ndim
    shape[axis] = -1
    total: Tensor | None = None
    for at, weight in zip(index, share, strict=True):
        part = x.index_select(axis, at).float()
        part = part.mul_(weight.reshape(shape))
        total = part if total is None else total.add_(part)
    return x if total is None else total.to(x.dtype)
