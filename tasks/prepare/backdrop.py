"""Designed backdrops: one colour, a gradient, or a studio cove whose wall runs softly into its floor."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.prepare.surface import Float

COVE = 0.075
"""How far above and below the horizon wall turns into floor, as a share of the home frame's height (one sigma)."""


def backdrop(kind: str, colors: Sequence[str], rows: Float, horizon: float) -> Float:
    """(H, 1, 3) levels, to be repeated across: `rows` (H,) are heights in the home frame (0 top, 1 bottom).

    `kind` is color, gradient or floor; `colors` (`#rrggbb`, at least one) run from top to bottom. One colour makes a
    floor from lighter and darker tones of itself, two are wall and floor, more are a wall's gradient and a floor.
    """
    stops = [parse(color) for color in colors]
    if kind == "color":
        return np.broadcast_to(stops[0], (len(rows), 1, 3)).astype(np.float32)
    if kind == "gradient":
        if len(stops) == 1:
            stops = [_lighter(stops[0], 4), _lighter(stops[0], -5)]
        return _ramp(stops, rows)[:, None, :]
    if len(stops) == 1:
        stops = [_lighter(stops[0], -3), _lighter(stops[0], 1), _lighter(stops[0], 3)]
    elif len(stops) == 2:
        stops = [stops[0], stops[0], stops[1]]
    wall = _ramp(stops[:-1], rows / max(horizon, 0.05))
    # Light from above: the floor is brightest where the cove ends and falls off gently towards the camera.
    toward = np.clip((rows - horizon) / max(1 - horizon, 0.05), 0, 1.5)[:, None]
    floor = stops[-1] * (1 - 0.035 * toward)
    turn = 0.5 * (1 + np.tanh((rows - horizon) / COVE * 1.2))[:, None]
    # Where wall and floor meet, less light arrives.
    crease = 1 - 0.022 * np.exp(-np.square((rows - horizon + 0.3 * COVE) / (1.1 * COVE)))[:, None]
    return ((wall * (1 - turn) + floor * turn) * crease)[:, None, :].astype(np.float32)


def colors_for(rgb: NDArray[np.uint8], matte: NDArray[np.uint8]) -> tuple[str, ...]:
    """Wall (top), wall (at the horizon) and floor: a light warm grey leaning a little to the product's own hue.

    A product with light edges (a white sole, a clear bottle) gets a darker grey, so that it stays visible.
    """
    small = _sample(rgb, matte)
    lab = cv2.cvtColor(small[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    lean = np.clip(lab[:, 1:].mean(0) * 0.03, -1.2, 1.2)
    a, b = 0.3 + 0.5 * lean[0], 3.2 + lean[1]
    rim = _rim(rgb, matte)
    bright = float((rim > 84).mean()) if rim.size else 0.0
    light = 91.0 - 8.0 * min(1.0, bright * 2.5)
    return tuple(_hex(_rgb(light + step, a, b)) for step in (-4.5, 1.0, 3.0))


def parse(color: str) -> Float:
    """`#rrggbb` -> (3,) levels."""
    return np.array([int(color[index : index + 2], 16) for index in (1, 3, 5)], np.float32)


def _ramp(stops: Sequence[Float], rows: Float) -> Float:
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(rows, places, [stop[channel] for stop in stops]) for channel in range(3)]
    return np.stack(channels, axis=1).astype(np.float32)


def _lighter(color: Float, steps: float) -> Float:
    lab = cv2.cvtColor(color.reshape(1, 1, 3) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    return _rgb(float(np.clip(lab[0] + steps, 0, 100)), float(lab[1]), float(lab[2]))


def _rgb(light: float, a: float, b: float) -> Float:
    lab = np.array([[[light, a, b]]], np.float32)
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)[0, 0] * 255, 0, 255).astype(np.float32)


def _hex(color: Float) -> str:
    return "#" + "".join(f"{round(float(value)):02x}" for value in color)


def _sample(rgb: NDArray[np.uint8], matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = max(1, max(matte.shape) // 256)
    pixels = rgb[::step, ::step][matte[::step, ::step] > 127]
    return pixels if len(pixels) else rgb[::step, ::step].reshape(-1, 3)


def _rim(rgb: NDArray[np.uint8], matte: NDArray[np.uint8]) -> Float:
    """Lightness (0..100) of the product's outermost pixels."""
    step = max(1, max(matte.shape) // 512)
    solid = (matte[::step, ::step] > 230).astype(np.uint8)
    inner = cv2.erode(solid, np.ones((7, 7), np.uint8), borderValue=0)
    pixels = rgb[::step, ::step][(solid == 1) & (inner == 0)]
    if not len(pixels):
        return np.zeros(0, np.float32)
    return np.asarray(cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0, :, 0], np.float32)
