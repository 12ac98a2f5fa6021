"""A move in the picture plane without bending: shift, zoom and roll."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.camera.path import Box, View
from models.camera.pyramid import Pyramid, pixel_grid
from models.clip import Frame

Matte = NDArray[np.uint8]
"""(H, W), 255 on the product."""
Matrix = NDArray[np.float64]
"""(2, 3): an affine map of pixel positions, the centre of the first pixel at 0, 0."""
Points = NDArray[np.float64]
"""(N, 2): x and y in pixels."""

TRACKABLE_PX = 1.5
"""Residual beyond which a product was bent rather than moved, in a frame 1024 pixels wide; it grows with the width."""


@dataclass(frozen=True)
class Similarity:
    """p -> c + scale * R(roll) (p - c) + (dx, dy), c being the frame's centre; what is at p goes there.

    `dx`, `dy` in pixels of the frame, right and down; `roll` in radians, clockwise. `residual_px`: root mean square of
    what the similarity leaves unexplained of the motion inside the matte, in pixels of the frame; infinite where the
    product was not found again.
    """

    dx: float
    dy: float
    scale: float
    roll: float
    residual_px: float

    def matrix(self, width: int, height: int) -> Matrix:
        """The map in a frame of this size."""
        centre = np.array([(width - 1) / 2, (height - 1) / 2])
        cos, sin = self.scale * math.cos(self.roll), self.scale * math.sin(self.roll)
        linear = np.array([[cos, -sin], [sin, cos]])
        return np.column_stack([linear, centre - linear @ centre + np.array([self.dx, self.dy])])

    def view(self, width: int, height: int) -> View:
        """The window on the first frame, which is its own home frame, that shows it moved like this."""
        cos, sin = math.cos(self.roll) / self.scale, math.sin(self.roll) / self.scale
        x, y = cos * self.dx + sin * self.dy, cos * self.dy - sin * self.dx
        return View(0.5 - x / width, 0.5 - y / height, 1 / self.scale, -self.roll)

    def trackable(self, width: int) -> bool:
        """Whether this tells where the product is in a frame `width` pixels wide: False, and it was bent or lost."""
        return self.residual_px <= TRACKABLE_PX * width / 1024

    def distance_px(self, matte: Matte) -> float:
        """Root mean square over the matte of how far its points are moved, in pixels; 0 for an empty matte."""
        height, width = matte.shape
        y, x = np.nonzero(matte[::4, ::4] > 127)
        points = np.column_stack([x, y]).astype(np.float64) * 4
        return rms(moved(self.matrix(width, height), points) - points) if len(points) else 0.0


IDENTITY = Similarity(0.0, 0.0, 1.0, 0.0, 0.0)


def from_matrix(matrix: Matrix, width: int, height: int, residual_px: float) -> Similarity:
    """The similarity whose matrix this is, in a frame of this size."""
    centre = np.array([[(width - 1) / 2, (height - 1) / 2]])
    dx, dy = (moved(matrix, centre) - centre)[0]
    a, b = matrix[:, 0]
    return Similarity(float(dx), float(dy), math.hypot(a, b), math.atan2(b, a), residual_px)


def moved(matrix: Matrix, points: Points) -> Points:
    """The points mapped."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def rms(offsets: Points) -> float:
    """Root mean square length."""
    return float(np.sqrt((offsets**2).sum(axis=1).mean()))


class Product:
    """A frame and its matte, ready to be moved: sampled as the camera engine samples a still."""

    def __init__(self, rgb: Frame, matte: Matte) -> None:
        self._height, self._width = matte.shape
        home, whole = (0.0, 0.0, float(self._width), float(self._height)), Box(0.0, 0.0, 1.0, 1.0)
        self._picture = Pyramid(rgb, home, whole, (1.0, 1.0))
        self._matte = Pyramid(matte.astype(np.float32), home, whole, (1.0, 1.0))

    def warp(self, similarity: Similarity) -> tuple[Frame, Matte]:
        """Frame and matte as `similarity` moves them; beyond the frame its edge goes on."""
        view, grid = similarity.view(self._width, self._height), pixel_grid(self._width, self._height)
        matte = np.rint(self._matte.sample(view, grid)).clip(0, 255).astype(np.uint8)
        return self._picture.sample(view, grid), matte


def warp(rgb: Frame, matte: Matte, similarity: Similarity) -> tuple[Frame, Matte]:
    """`rgb` (H, W, 3) and its `matte` (H, W) moved by `similarity`; for many frames keep a `Product`."""
    return Product(rgb, matte).warp(similarity)
