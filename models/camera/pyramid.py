"""Exact sub-pixel sampling of one still under many slightly different views.

A frame is sampled bilinearly from a level: the still, filtered once to the sharpness the frame can show and resampled
to `OVERSAMPLING` samples per frame pixel. Bilinear weights are exact in position (OpenCV computes them in float; its
bicubic and Lanczos tables move in stairs of 1/32 px), and at that density they soften alike at every phase, so
a slow pan neither shimmers nor breathes. Where the zoom range is wide, levels of falling sharpness are blended by
zoom, as trilinear mip-mapping does.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.camera.path import Box, View

OVERSAMPLING = 2.5  # no whole number: neighbouring pixels then never share one phase, and none is seen to pulse
LARGEST_LEVEL_PX = 32_000  # OpenCV's warps address their source with 16-bit coordinates
LEVEL_RATIO = 1.25  # zoom range one level serves
SHARPEN = 0.1  # side taps that undo the mean softening of bilinear weights, 1 - (pi f)^2 / 3 at f cycles per sample
MARGIN_PX = 8  # beyond the seen part, so that no filter meets an edge that is not the plate's


Samples = NDArray[Any]
"""uint8 or float32, (H, W) or (H, W, 3 or 4)."""


class Grid(NamedTuple):
    """Where samples lie on a frame of width x height pixels: sample (i, j) at (x + i * step, y + j * step).

    Positions are pixels from the frame's outer corner: the centre of the first pixel is (0.5, 0.5).
    """

    width: int
    height: int
    x: float
    y: float
    step: float
    columns: int
    rows: int

    def part(self, left: int, top: int, columns: int, rows: int) -> Grid:
        """A rectangle of this grid's samples."""
        return self._replace(x=self.x + left * self.step, y=self.y + top * self.step, columns=columns, rows=rows)


def pixel_grid(width: int, height: int) -> Grid:
    """Every pixel centre of a frame."""
    return Grid(width, height, 0.5, 0.5, 1.0, width, height)


def to_plate(view: View, home: tuple[float, float, float, float], grid: Grid) -> NDArray[np.float64]:
    """(2, 3) affine map from sample index to plate position in pixels from the plate's outer corner."""
    x, y, w, h = home
    across, down = view.w * w / grid.width, view.w * h / grid.height
    cos, sin = math.cos(view.roll), math.sin(view.roll)
    linear = np.array([[across * cos, -down * sin], [across * sin, down * cos]])
    start = linear @ np.array([grid.x - grid.width / 2.0, grid.y - grid.height / 2.0])
    centre = np.array([x + view.cx * w, y + view.cy * h])
    return np.column_stack([linear * grid.step, start + centre])


class Level(NamedTuple):
    """A part of the still at one sharpness: `scale` samples per plate pixel from plate position `origin`."""

    samples: Samples
    origin: tuple[float, float]
    scale: tuple[float, float]
    pitch: float

    def sample(self, affine: NDArray[np.float64], size: tuple[int, int], border: int) -> Samples:
        """Bilinear samples at affine(index), (rows, columns[, C])."""
        scale = np.array(self.scale)[:, None]
        inverse = affine * scale
        inverse[:, 2] -= np.array(self.origin) * np.array(self.scale) + 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        sampled = cv2.warpAffine(self.samples, inverse, size, flags=flags, borderMode=border)
        return np.asarray(sampled, dtype=self.samples.dtype)


class Pyramid:
    """One picture, ready to be sampled at any view inside `bounds` with a sample pitch inside `pitches`.

    `picture`: premultiplied where it has alpha; what is sampled has its type. `bounds`: home-frame units.
    `pitches`: the smallest and largest distance between neighbouring samples that will be asked, in plate pixels.
    `transparent`: beyond the picture there is nothing (else its edge goes on).
    """

    def __init__(
        self,
        picture: Samples,
        home: tuple[float, float, float, float],
        bounds: Box,
        pitches: tuple[float, float],
        *,
        transparent: bool = False,
    ) -> None:
        self.home = home
        self.border = cv2.BORDER_CONSTANT if transparent else cv2.BORDER_REPLICATE
        near, far = pitches
        steps = max(0, math.ceil(math.log(far / near) / math.log(LEVEL_RATIO) - 1e-9))
        steps = 0 if steps <= 1 else steps
        self.levels = [
            _level(picture, home, bounds, near * (far / near) ** (k / max(1, steps))) for k in range(steps + 1)
        ]

    def sample(self, view: View, grid: Grid) -> Samples:
        """The picture seen through `view` at the grid's samples: (rows, columns[, C])."""
        affine = to_plate(view, self.home, grid)
        size = (grid.columns, grid.rows)
        if len(self.levels) == 1:
            return self.levels[0].sample(affine, size, self.border)
        pitch = math.hypot(affine[0, 0], affine[1, 0])
        ratio = math.log(self.levels[1].pitch / self.levels[0].pitch)
        place = min(max(math.log(pitch / self.levels[0].pitch) / ratio, 0.0), len(self.levels) - 1.0)
        nearer = min(int(place), len(self.levels) - 2)
        share = place - nearer
        first, second = (level.sample(affine, size, self.border) for level in self.levels[nearer : nearer + 2])
        return np.asarray(cv2.addWeighted(first, 1.0 - share, second, share, 0.0), dtype=first.dtype)


def _level(picture: Samples, home: tuple[float, float, float, float], bounds: Box, pitch: float) -> Level:
    """Filter the seen part of the picture to what samples `pitch` plate pixels apart can show, and oversample it."""
    height, width = picture.shape[:2]
    x, y, w, h = home
    margin = MARGIN_PX * max(1.0, pitch)
    left = max(0, math.floor(x + bounds.left * w - margin))
    top = max(0, math.floor(y + bounds.top * h - margin))
    right = min(width, math.ceil(x + bounds.right * w + margin))
    bottom = min(height, math.ceil(y + bounds.bottom * h + margin))
    wide, high = right - left, bottom - top
    density = min(OVERSAMPLING / pitch, LARGEST_LEVEL_PX / max(wide, high))
    fine = (round(wide * density), round(high * density))
    coarse = (round(wide / pitch), round(high / pitch)) if pitch > 1.0 else (wide, high)
    seen = picture[top:bottom, left:right]
    channels = [seen] if seen.ndim == 2 else [seen[..., c] for c in range(seen.shape[2])]
    made = [_resized(_resized(channel, coarse), fine) for channel in channels]
    taps = np.array([-SHARPEN, 1.0 + 2.0 * SHARPEN, -SHARPEN])
    sharp = [cv2.sepFilter2D(channel, -1, taps, taps, borderType=cv2.BORDER_REPLICATE) for channel in made]
    samples = np.asarray(sharp[0] if seen.ndim == 2 else np.dstack(sharp), dtype=picture.dtype)
    return Level(samples, (float(left), float(top)), (fine[0] / wide, fine[1] / high), pitch)


def _resized(channel: Samples, size: tuple[int, int]) -> Samples:
    """Lanczos with its support widened to the output's pixels: filters when it shrinks, interpolates when it grows."""
    if (channel.shape[1], channel.shape[0]) == size:
        return channel
    picture = Image.fromarray(np.ascontiguousarray(channel))
    return np.array(picture.resize(size, Image.Resampling.LANCZOS), dtype=channel.dtype)
