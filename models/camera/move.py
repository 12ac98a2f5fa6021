"""What the camera is told to do, and the pace at which it does it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.camera.errors import CameraError

Kind = Literal["push", "pull", "pan", "tilt", "orbit", "arc", "drift", "hold"]
Direction = Literal["left", "right", "up", "down"]
Easing = Literal["smooth", "linear", "in", "out"]
Base = Literal["nearest", "widest"]
Floats = NDArray[np.float64]
_KINDS, _DIRECTIONS, _EASINGS, _BASES = map(get_args, (Kind, Direction, Easing, Base))


@dataclass(frozen=True)
class Move:
    """One camera move; lengths are shares of the home frame.

    `amount` (0..1): push, pull: how much wider the widest view is than the nearest; pan, tilt, orbit, arc, drift: how
    far the view travels. With `parallax` it is told at the product; the backdrop, further away, moves less.
    `direction`: the way the view travels over the picture (what is pictured goes the other way); push, pull, drift and
    hold do not use it, tilt goes up or down only. `focus`: the point a push keeps still, and where spare room goes.
    `easing`: the pace from the first frame to the last; a loop's pace is always sinusoidal, since a change of pace at
    its ends would show the seam. `parallax` (0..1): how much deeper the backdrop lies than the product; for an orbit, 1
    pins the product and turns the backdrop behind it. `seed` shapes a drift and nothing else.
    `base`: the home frame is the `nearest` view (w = 1; the camera looks beyond home) or holds all views (`widest`).
    """

    move: Kind
    amount: float
    direction: Direction = "right"
    easing: Easing = "smooth"
    focus: tuple[float, float] = (0.5, 0.5)
    loop: bool = False
    parallax: float = 0.0
    seed: int = 0
    base: Base = "nearest"

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("move", self.move, _KINDS),
            ("direction", self.direction, _DIRECTIONS),
            ("easing", self.easing, _EASINGS),
            ("base", self.base, _BASES),
        ):
            if value not in allowed:
                raise CameraError(f"camera move: {name} is {value!r}, wanted one of {', '.join(allowed)}")
        for name, share in (
            ("amount", self.amount),
            ("parallax", self.parallax),
            ("focus x", self.focus[0]),
            ("focus y", self.focus[1]),
        ):
            if not (math.isfinite(share) and 0.0 <= share <= 1.0):
                raise CameraError(f"camera move {self.move!r}: {name} is {share}, wanted a share from 0 to 1")
        if self.move == "tilt" and self.direction in ("left", "right"):
            raise CameraError(
                f"camera move 'tilt': direction is {self.direction!r}, wanted up or down",
                remedy="use direction up or down, or move: pan",
            )

    @property
    def heading(self) -> tuple[float, float]:
        """Unit vector of the direction: x to the right, y down."""
        return {"left": (-1.0, 0.0), "right": (1.0, 0.0), "up": (0.0, -1.0), "down": (0.0, 1.0)}[self.direction]


@lru_cache(maxsize=256)
def times(frames: int, *, loop: bool) -> Floats:
    """When each frame is, 0..1: the last frame of a clip is at 1; a loop's frame `frames` would be its frame 0."""
    made = np.arange(frames, dtype=np.float64) / frames if loop else np.linspace(0.0, 1.0, frames)
    made.flags.writeable = False
    return made


def eased(t: Floats, easing: Easing) -> Floats:
    """How much of the way is done at time t; monotone, 0 at 0 and 1 at 1."""
    if easing == "smooth":
        return t * t * t * (t * (6.0 * t - 15.0) + 10.0)  # no velocity and no acceleration at either end
    if easing == "in":
        return t * t
    if easing == "out":
        return t * (2.0 - t)
    return t


def pace(t: Floats, move: Move) -> Floats:
    """How much of the way is done at each time: eased from 0 to 1, or 0 to 1 and back without a corner."""
    if move.loop:
        return (1.0 - np.cos(2.0 * np.pi * t)) / 2.0
    return eased(t, move.easing)
