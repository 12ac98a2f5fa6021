"""The shape of each move: where the camera goes, before anything is said about layers or the home frame's limits.

Everything here is in home-frame units for `base="nearest"`: the camera's offset from the home frame's centre, its zoom
`w` (1 at the nearest, more when wider) and its roll.
"""

from __future__ import annotations

import math
import random
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from models.camera.move import Floats, Move, pace

ORBIT_HALF_ANGLE = math.radians(60)
ORBIT_RISE = 1 / 8  # the ellipse's short half axis and the distance gained at its ends, as shares of the travel
ORBIT_ZOOM = 1 / 8
ARC_ANGLE = math.radians(75)
ARC_BOW = 1 / 4
ARC_ZOOM = 1 / 2
ARC_ROLL = math.radians(12)  # at amount 1: an arc of 0.1 begins 1.2 degrees off upright
DRIFT_BAND_HZ = (0.1, 0.6)  # breathing and sway of a steady hand; tremor above it reads as a fault in a product shot
DRIFT_TONES = 5
DRIFT_ZOOM = 1 / 4
DRIFT_ROLL = math.radians(6)


class Trajectory(NamedTuple):
    """Per frame, (N,) each: slide along x and y (shares of home width and height), zoom, and roll in radians."""

    dx: Floats
    dy: Floats
    w: Floats
    roll: Floats


def trajectory(move: Move, t: Floats, seconds: float) -> Trajectory:
    """Fly `move` at times `t` (0..1) of a clip of `seconds`."""
    u = pace(t, move)
    rest = np.zeros_like(t)
    one = np.ones_like(t)
    amount = move.amount
    match move.move:
        case "hold":
            return Trajectory(rest, rest, one, rest)
        case "push":
            return Trajectory(rest, rest, (1.0 + amount) ** (1.0 - u), rest)
        case "pull":
            return Trajectory(rest, rest, (1.0 + amount) ** u, rest)
        case "pan" | "tilt":
            slide = (u - 0.5) * amount
            hx, hy = move.heading
            return Trajectory(hx * slide, hy * slide, one, rest)
        case "orbit":
            return _orbit(move, t, u)
        case "arc":
            return _arc(move, t, u)
        case "drift":
            return _drift(move, t, seconds)


def _orbit(move: Move, t: Floats, u: Floats) -> Trajectory:
    """An arc of an ellipse past the product, nearest in its middle; a loop goes round the whole ellipse."""
    if move.loop:
        along = np.sin(2.0 * np.pi * t)
        away = u
    else:
        angle = (2.0 * u - 1.0) * ORBIT_HALF_ANGLE
        along = np.sin(angle) / math.sin(ORBIT_HALF_ANGLE)
        away = (1.0 - np.cos(angle)) / (1.0 - math.cos(ORBIT_HALF_ANGLE))
    dx, dy = _across(move, along * move.amount / 2.0, away * move.amount * ORBIT_RISE)
    return Trajectory(dx, dy, 1.0 + away * move.amount * ORBIT_ZOOM, np.zeros_like(t))


def _arc(move: Move, t: Floats, u: Floats) -> Trajectory:
    """A curved approach, a little wide and a little tilted, that lands upright on the home frame; a loop swings by."""
    if move.loop:
        swing = np.sin(2.0 * np.pi * t)
        along, bow, away, roll = swing / 2.0, u, u, swing / 2.0
    else:
        left = 1.0 - u
        along = -np.sin(left * ARC_ANGLE) / math.sin(ARC_ANGLE)
        bow = (1.0 - np.cos(left * ARC_ANGLE)) / (1.0 - math.cos(ARC_ANGLE))
        away, roll = left, -left
    dx, dy = _across(move, along * move.amount, bow * move.amount * ARC_BOW)
    hx, hy = move.heading
    side = 1.0 if hx + hy > 0 else -1.0
    return Trajectory(dx, dy, (1.0 + move.amount * ARC_ZOOM) ** away, roll * move.amount * ARC_ROLL * side)


def _across(move: Move, along: Floats, bow: Floats) -> tuple[Floats, Floats]:
    """Travel along the heading, bowed upwards (sideways when the heading is vertical)."""
    hx, hy = move.heading
    return hx * along + abs(hy) * bow, hy * along - abs(hx) * bow


def _drift(move: Move, t: Floats, seconds: float) -> Trajectory:
    """A hand-held camera: a few slow tones per axis, drawn from the seed alone; a loop rounds them to whole cycles."""
    dx, dy, zoom, roll = _sways(move.seed, t.tobytes(), seconds, move.loop)
    w = 1.0 + (zoom - zoom.min()) * move.amount * DRIFT_ZOOM / 2.0
    return Trajectory(dx * move.amount / 2.0, dy * move.amount / 2.0, w, roll * move.amount * DRIFT_ROLL)


@lru_cache(maxsize=64)
def _sways(seed: int, t: bytes, seconds: float, loop: bool) -> tuple[Floats, ...]:
    """The four tones of a seed at times `t` (float64): the same for every frame shape and amount."""
    draw = random.Random(seed)  # its random() is specified to stay the same across Python versions
    return tuple(_sway(draw, np.frombuffer(t), seconds, loop=loop) for _ in range(4))


def _sway(draw: random.Random, t: Floats, seconds: float, *, loop: bool) -> Floats:
    """Band-limited motion within -1..1: the lower the tone, the more of it."""
    low, high = DRIFT_BAND_HZ
    total = np.zeros_like(t)
    weight = 0.0
    for _ in range(DRIFT_TONES):
        hertz = low * (high / low) ** draw.random()
        phase = 2.0 * math.pi * draw.random()
        cycles = hertz * seconds
        if loop:
            cycles = max(1, round(cycles))
        total += np.sin(2.0 * np.pi * cycles * t + phase) * (low / hertz)
        weight += low / hertz
    return total / weight
