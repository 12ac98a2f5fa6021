"""A source picture's pixels on the plate's grid, only where the plate is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.prepare.placement import Placement
from tasks.prepare.surface import Float


@dataclass(frozen=True)
class Piece:
    """`pixels` (h, w) or (h, w, C) whose top left corner is at `x`, `y` of the plate, wholly inside it."""

    pixels: np.ndarray
    x: int
    y: int

    def on(self, canvas: np.ndarray) -> np.ndarray:
        """The view of `canvas` that this piece covers."""
        height, width = self.pixels.shape[:2]
        return canvas[self.y : self.y + height, self.x : self.x + width]

    def spread(self, size: tuple[int, int]) -> np.ndarray:
        """Alone on an empty canvas of `size` (width, height)."""
        canvas = np.zeros((size[1], size[0], *self.pixels.shape[2:]), self.pixels.dtype)
        self.on(canvas)[:] = self.pixels
        return canvas


def on_plate(image: NDArray[np.uint8] | Float, placement: Placement, down: int = 0) -> Piece:
    """The part of `image` inside the plate, at plate resolution.

    `image`: uint8 (H, W), (H, W, 3) or (H, W, 4; resampled premultiplied), or float32 (H, W) in [0, 1]; the same type
    comes back. `down` moves it by whole plate pixels. Where a source pixel is a plate pixel, pixels are copied.
    """
    x, y = placement.origin[0], placement.origin[1] + down
    scale = placement.scale
    height, width = image.shape[:2]
    left, right = _visible(x, placement.size[0], width * scale)
    top, bottom = _visible(y, placement.size[1], height * scale)
    if right <= left or bottom <= top:
        return Piece(image[:0, :0], 0, 0)
    if not placement.resampled:
        return Piece(image[top:bottom, left:right], x + left, y + top)
    method = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    box = (left / scale, top / scale, min(right / scale, width), min(bottom / scale, height))
    size = (right - left, bottom - top)
    source = Image.fromarray(image)
    if image.ndim == 3 and image.shape[2] == 4:
        # Colours below transparent pixels must not bleed into the edge.
        resized = np.asarray(source.convert("RGBa").resize(size, method, box).convert("RGBA"))
    else:
        resized = np.asarray(source.resize(size, method, box))
    return Piece(np.clip(resized, 0, 1) if resized.dtype == np.float32 else resized, x + left, y + top)


def lay(canvas: Float, color: Float, opacity: Piece) -> None:
    """Composite `color` (3,) levels with `opacity` (h, w) in [0, 1] onto `canvas` (H, W, 3), in place."""
    below = opacity.on(canvas)
    below += (color - below) * opacity.pixels[..., None]


def _visible(origin: int, plate: int, length: float) -> tuple[int, int]:
    """First and last (exclusive) plate-sized pixel of a picture at `origin` that lies inside the plate."""
    whole = int(length + 1e-6)
    return max(0, -origin), max(0, min(whole, plate - origin))
