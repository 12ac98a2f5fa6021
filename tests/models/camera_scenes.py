"""Plates whose every point is known, and what a view of them must show."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from models.camera import Move, Path, Scene, Views, extent
from models.camera.move import Kind
from models.clip import Clip

CLIP = Clip(320, 180, Fraction(25), 9)


def move_of(kind: Kind, amount: float = 0.1, **more) -> Move:
    return Move(kind, amount, direction="up" if kind == "tilt" else "left", seed=4, **more)


def waves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A picture known everywhere: (..., 3) at plate positions in pixels, finest wave 14 px long."""
    red = 120 + 50 * np.sin(2 * np.pi * (x * 0.06 + y * 0.02)) + 40 * np.cos(2 * np.pi * (y * 0.05))
    green = 128 + 60 * np.cos(2 * np.pi * (x * 0.031 - y * 0.047))
    blue = 110 + 70 * np.sin(2 * np.pi * (x * 0.04 + y * 0.04) + 1.0)
    return np.stack([red, green, blue], axis=-1)


def drawn(flown: Path, density: float = 1.0) -> Scene:
    """A plate of waves just large enough for the path, home at a fractional place."""
    left, top, right, bottom = extent(flown)
    w, h = flown.clip.width * density, flown.clip.height * density
    home = (left * w + 0.3, top * h + 0.6, w, h)
    size = (math.ceil((1 + left + right) * w + 1), math.ceil((1 + top + bottom) * h + 1))
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    return Scene(np.rint(waves(x, y)).astype(np.uint8), home)


def seen(views: Views, frame: int, clip: Clip, home: tuple, step: int = 1, at: tuple = (0.5, 0.5)) -> np.ndarray:
    """What frame `frame` should show: the definition of a view, applied to the waves themselves."""
    view = views[frame]
    u, v = np.meshgrid(
        ((np.arange(clip.width // step) * step + at[0]) / clip.width - 0.5) * view.w * home[2],
        ((np.arange(clip.height // step) * step + at[1]) / clip.height - 0.5) * view.w * home[3],
    )
    cos, sin = math.cos(view.roll), math.sin(view.roll)
    return waves(home[0] + view.cx * home[2] + u * cos - v * sin, home[1] + view.cy * home[3] + u * sin + v * cos)


def assert_shows(got: np.ndarray, want: np.ndarray, *, max_rms: float, max_error: float, what: str) -> None:
    edge = 3  # the plate ends within a filter's width of the frame's edge
    wrong = (got.astype(float) - want)[edge:-edge, edge:-edge]
    rms, largest = float(np.sqrt(np.mean(wrong**2))), float(np.abs(wrong).max())
    assert rms <= max_rms and largest <= max_error, (
        f"{what}: rms {rms:.3f} (<= {max_rms}), max {largest:.2f} (<= {max_error})"
    )


def with_product(scene: Scene) -> Scene:
    """A hard-edged product in the middle of home, with rubbish colour where it is transparent."""
    height, width = scene.plate.shape[:2]
    x, y, w, h = scene.home
    layer = np.zeros((height, width, 4), np.uint8)
    layer[...] = (255, 0, 255, 0)
    layer[round(y + 0.3 * h) : round(y + 0.7 * h), round(x + 0.4 * w) : round(x + 0.6 * w)] = (90, 110, 130, 255)
    return replace(scene, layer=layer)
