"""Smooth surfaces over a picture: holes filled from around, noise of a given texture, dither. Everything is seeded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating]
"""float32 in practice; numpy's promotion rules are not in its types."""


def fill_holes(values: Float, known: Float) -> Float:
    """(H, W, C) with weights `known` (H, W) in [0, 1] -> (H, W, C), smooth where `known` is 0, unchanged where it is 1.

    Pull-push over a pyramid (Gortler et al., "The Lumigraph", 1996): near the edge of a hole it follows the pixels
    beside it, deep inside it is the average of all around.
    """
    height, width = known.shape
    weighted = values * known[..., None]
    if min(height, width) <= 2:
        mean = weighted.sum((0, 1)) / max(float(known.sum()), 1e-6)
        return weighted + (1 - known[..., None]) * mean
    half = ((width + 1) // 2, (height + 1) // 2)
    down = cv2.resize(weighted, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], -1)
    weight = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    coarse = down / np.maximum(weight, 1e-6)[..., None]
    coarse = fill_holes(coarse, np.minimum(weight * 4, 1.0).astype(np.float32))
    up = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, -1)
    return weighted + (1 - known[..., None]) * up


def blur(values: Float, sigma: float) -> Float:
    """Gaussian blur in both directions, edges reflected; a no-op below 0.3 px."""
    if sigma < 0.3:
        return values
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)


def seeded(sha256: str, purpose: int) -> np.random.Generator:
    """A random source that depends on the picture and on what it is used for alone."""
    return np.random.Generator(np.random.PCG64([int(sha256[:16], 16), purpose]))


def add_tiled(values: Float, tile: Float) -> None:
    """Add `tile` (h, w, C), repeated as often as needed, to `values` (H, W, C), in place."""
    for block, part in _blocks(values, tile):
        block += part


def to_bytes(values: Float, random: np.random.Generator, grain: float = 0.0) -> NDArray[np.uint8]:
    """Round (H, W, 3) to uint8 with dither: slow gradients show no bands; whole numbers stay exact at `grain` 0.

    `grain` is the standard deviation (levels) of a fine grain that survives a video encoder's quantiser.
    """
    noise = random.uniform(-0.5, 0.5, (512, 512, 1)).astype(np.float32)
    if grain:
        noise = noise + random.normal(0, grain, noise.shape).astype(np.float32)
    rounded = np.empty(values.shape, np.uint8)
    for (block, part), (out, _) in zip(_blocks(values, noise), _blocks(rounded, noise), strict=True):
        dithered = block + part
        np.rint(dithered, out=dithered)
        out[:] = np.clip(dithered, 0, 255, out=dithered)
    return rounded


def _blocks(values: NDArray[Any], tile: Float) -> Iterator[tuple[NDArray[Any], Float]]:
    """Views of `values` in the tile's size, each with its part of the tile: small enough to stay in the cache."""
    rows, columns = tile.shape[:2]
    for top in range(0, values.shape[0], rows):
        for left in range(0, values.shape[1], columns):
            block = values[top : top + rows, left : left + columns]
            yield block, tile[: block.shape[0], : block.shape[1]]


def grain_tile(residual: Float, random: np.random.Generator, size: int = 512) -> Float:
    """(h, w, 3) zero-mean texture sample -> periodic (size, size, 3) noise with its variance and correlation.

    Asymptotic discrete spot noise (Galerne, Gousseau, Morel, "Random Phase Textures", 2011): white noise convolved
    with the sample. One white noise for all channels keeps their correlation.
    """
    sample = residual - residual.mean((0, 1))
    height, width = sample.shape[:2]
    spot = np.zeros((size, size, 3), np.float32)
    spot[:height, :width] = sample / np.sqrt(height * width)
    white = np.fft.rfft2(random.standard_normal((size, size)))
    noise = np.fft.irfft2(np.fft.rfft2(spot, axes=(0, 1)) * white[..., None], s=(size, size), axes=(0, 1))
    return noise.astype(np.float32)
