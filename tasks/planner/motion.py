"""From the asked camera move to the recipe of one, and how far the camera will look beyond the frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from models.camera.move import Move
from models.camera.path import Box, extent, path
from models.clip import Clip
from tasks.planner.subject import Subject
from tasks.planner.timing import Timing
from tasks.recipe import CameraRecipe, Point, Sides

ROOM = 0.03
"""Share of the frame between the product and its edge that a move leaves: touching looks like cutting."""


@dataclass(frozen=True)
class Flight:
    """A move as it will be flown: `overscan` beyond the home frame, `nearest` view's size, `kept` of the amount."""

    move: Move
    overscan: Sides
    nearest: float
    kept: float


def flight(subject: Subject, frame: tuple[int, int], timing: Timing, box: Sides, safe: Sides) -> Flight:
    """Lay the asked move over a `frame` (width, height px) with the product in `box` (home-frame shares).

    `safe`: the frame's margins; half of each, up to `ROOM`, is kept free around the product in every view.
    A whole picture is looked at from inside (`widest` view = home frame); a product's camera may look beyond home, and
    never cuts the product.
    """
    move = asked_move(subject, box, subject.ask.motion.focus)
    return _fly(move, frame, timing.cycle, timing.rate, None if subject.whole else with_room(box, safe))


def asked_move(subject: Subject, box: Sides, focus: Point | Literal["product"]) -> Move:
    """The move as the row asks for it, about `focus` or the middle of the product's `box`, in home-frame shares."""
    motion, direction = subject.ask.motion, subject.ask.motion.direction
    if motion.move == "tilt" and direction in ("left", "right"):
        direction = "up"
    return Move(
        move=motion.move,
        amount=motion.amount,
        direction=direction,
        easing=motion.easing,
        focus=focus if isinstance(focus, tuple) else ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2),
        loop=motion.loop,
        parallax=subject.parallax,
        seed=subject.ask.seed,
        base="widest" if subject.whole else "nearest",
    )


def with_room(box: Sides, safe: Sides) -> Box:
    """`box` with half of each `safe` margin around it, up to `ROOM`."""
    left, top, right, bottom = (min(margin / 2, ROOM) for margin in safe)
    return Box(max(0.0, box[0] - left), max(0.0, box[1] - top), min(1.0, box[2] + right), min(1.0, box[3] + bottom))


@lru_cache(maxsize=4096)
def _fly(move: Move, frame: tuple[int, int], frames: int, rate: Fraction, subject: Box | None) -> Flight:
    flown = path(move, Clip(frame[0], frame[1], rate, frames), subject=subject)
    nearest = min(float(views.w.min()) for views in (flown.plate, flown.layer) if views is not None)
    return Flight(flown.move, extent(flown), nearest, flown.kept)


def camera_recipe(subject: Subject, flight: Flight, size: tuple[int, int], timing: Timing) -> CameraRecipe:
    """The move as the animate stage is told it, at `size` (width, height px) and the timing's rate."""
    move, light = flight.move, subject.ask.light
    return CameraRecipe(
        engine="camera",
        move=move.move,
        amount=move.amount,
        direction=move.direction,
        easing=move.easing,
        focus=move.focus,
        loop=move.loop,
        parallax=move.parallax,
        seed=move.seed if move.move == "drift" else 0,
        base=move.base,
        sweep=light.sweep,
        sweep_angle=light.angle if light.sweep else 0.0,
        sweep_width=light.width if light.sweep else 0.0,
        width=size[0],
        height=size[1],
        rate=str(timing.rate),
        cycle=timing.cycle,
        after=timing.after,
        frames=timing.frames,
    )
