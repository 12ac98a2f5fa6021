"""Continuing a photo's surroundings beyond its edges, so that a square picture fills a wide or a tall frame.

Each edge goes on with the mean of its outer strip and its own slope, which dies away; contrast along the edge (the
line where wall meets floor, a shadow that was cut) stays where it is and softens with distance; the photo's own grain
lies over it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.prepare.surface import Float, add_tiled, blur, fill_holes, grain_tile

STRIP = 24 / 1024
"""Width of the strip an edge is judged by, as a share of the picture's longer side."""
REACH = 160 / 1024
"""Distance over which an edge's slope dies away."""
MAX_GRAIN = 2.0
"""Standard deviation (levels) of the grain at most: more is the texture of a thing, and would look like sand."""
MAX_DRIFT = 0.05
"""Share of its brightness a slope may add in all: beyond this it is a shadow or an object, not the light's falloff."""


def extend(
    picture: NDArray[np.uint8],
    origin: tuple[int, int],
    size: tuple[int, int],
    *,
    plain: bool,
    random: np.random.Generator,
    product: NDArray[np.uint8] | None = None,
) -> Float:
    """Canvas float32 (H, W, 3), levels: `picture` (h, w, 3) at `origin` (x, y; may be negative) and what lies around.

    `size` is (W, H). `plain`: the edges are a studio backdrop; otherwise a scene, which is continued as a soft,
    increasingly blurred surround. `product` (h, w): its opacity in the picture; a product near an edge is no part of
    what goes on beyond it.
    """
    width, height = size
    x, y = origin
    h, w = picture.shape[:2]
    unit = max(h, w) / 1024
    left, right = max(0, x), max(0, width - x - w)
    top, bottom = max(0, y), max(0, height - y - h)
    values = picture.astype(np.float32)
    if product is not None:
        values = _ground(values, product, unit)
    beside = [
        _beyond(values, left, unit, plain)[:, ::-1] if left else None,
        values,
        _beyond(values[:, ::-1], right, unit, plain) if right else None,
    ]
    wide = np.concatenate([part for part in beside if part is not None], axis=1)
    wide = wide[:, max(0, -x) :][:, :width]
    turned = wide.transpose(1, 0, 2)
    above = [
        _beyond(turned, top, unit, plain)[:, ::-1] if top else None,
        turned,
        _beyond(turned[:, ::-1], bottom, unit, plain) if bottom else None,
    ]
    canvas = np.concatenate([part for part in above if part is not None], axis=1).transpose(1, 0, 2)
    canvas = np.ascontiguousarray(canvas[max(0, -y) :][:height])
    if left or right or top or bottom:
        add_tiled(canvas, grain_of(values, random))
    inside = canvas[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)]
    inside[:] = picture[max(0, -y) :, max(0, -x) :][: inside.shape[0], : inside.shape[1]]
    return canvas


def _ground(values: Float, product: NDArray[np.uint8], unit: float) -> Float:
    """`values` with what `product` covers in the outer two strips filled from around it."""
    strip = 2 * max(2, round(STRIP * 1024 * unit))
    side = 2 * max(2, round(8 * unit)) + 1
    covered = cv2.dilate((product > 2).astype(np.uint8), np.ones((side, side), np.uint8))
    covered[strip:-strip, strip:-strip] = 0
    return fill_holes(values, 1 - covered.astype(np.float32)) if covered.any() else values


def _beyond(values: Float, count: int, unit: float, plain: bool) -> Float:
    """(H, W, 3) -> (H, count, 3): what lies beyond column 0, the nearest column first."""
    height, width = values.shape[:2]
    strip = max(2, min(round(STRIP * 1024 * unit), width // 3))
    reach = REACH * 1024 * unit
    outer = values[:, :strip].mean(1)
    near = values[:, : max(1, strip // 8)].mean(1)
    slope = np.zeros((height, 1), np.float32)  # relative, per pixel: light falls off in all channels alike, so that
    if plain:  # no cast grows from rounding
        inner = values[:, strip : 2 * strip].mean(1)
        change = (outer - inner).mean(1, keepdims=True) / np.maximum(outer.mean(1, keepdims=True), 8)
        slope = np.clip(_soften(change / strip, 100 * unit), -MAX_DRIFT / reach, MAX_DRIFT / reach)
    finest = 1.5 * unit
    profile = outer * (1 + slope * (strip / 2))
    edge = _soften(near * (1 + slope * (max(1, strip // 8) / 2)) - profile, finest)

    growth = 0.2 if plain else 0.6
    steps = np.arange(count, dtype=np.float32) + 0.5
    sigmas = np.minimum(finest + growth * steps, height / 3)
    ladder = [finest]
    while ladder[-1] < sigmas[-1]:
        ladder.append(ladder[-1] * 1.3)
    rungs = np.stack([_soften(profile, sigma) for sigma in ladder])
    place = np.interp(sigmas, ladder, np.arange(len(ladder)))
    lower = np.minimum(place.astype(int), max(0, len(ladder) - 2))
    upper = np.minimum(lower + 1, len(ladder) - 1)
    share = (place - lower).astype(np.float32)[:, None, None]
    beyond = rungs[lower] * (1 - share) + rungs[upper] * share
    # What only the outermost pixels show is carried across the seam and let go within a third of the strip.
    beyond += np.exp(-steps / (strip / 3))[:, None, None] * edge
    beyond *= 1 + (reach * (1 - np.exp(-steps / reach)))[:, None, None] * slope
    return np.ascontiguousarray(beyond.transpose(1, 0, 2), np.float32)


def _soften(profile: Float, sigma: float) -> Float:
    """Gaussian blur along a (H, 3) profile; beyond its ends it stays level (a reflected slope would turn back)."""
    if sigma < 0.3:
        return profile
    image = profile[:, None, :]
    blurred = cv2.GaussianBlur(image, (1, 0), sigmaX=0.1, sigmaY=sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32).reshape(profile.shape)


def grain_of(values: Float, random: np.random.Generator) -> Float:
    """Periodic (512, 512, 3) noise like the grain of a picture's border, in levels.

    The sample is a block of the border, less its own blur: the quietest quarter's loudest, which has no edges in it.
    """
    h, w = values.shape[:2]
    unit = max(h, w) / 1024
    block = max(8, round(48 * unit))
    block = min(block, h // 2, w // 2, 512)
    starts = [
        (row, column)
        for row in range(0, h - block + 1, block)
        for column in (*range(0, w - block + 1, block), w - block)
        if row == 0 or row + 2 * block > h or column in (0, w - block)
    ]
    blocks = [values[row : row + block, column : column + block] for row, column in starts]
    residuals = [piece - blur(piece, 4 * unit) for piece in blocks]
    order = sorted(range(len(residuals)), key=lambda index: float(residuals[index].std()))
    sample = residuals[order[len(order) // 4]]
    return grain_tile(sample * min(1.0, MAX_GRAIN / max(float(sample.std()), 1e-6)), random)
