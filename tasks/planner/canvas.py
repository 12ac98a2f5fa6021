"""What SVD draws on, and the middle of it that becomes the delivery: products stay inside the middle in every view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from models.camera.move import Move
from models.camera.path import Box, Path, Views, extent, path
from models.clip import Clip
from tasks.planner.motion import Flight
from tasks.recipe import Point, Sides

Named = Literal["wide", "tall", "square"]
SIZES: dict[Named, tuple[int, int]] = {"wide": (1024, 576), "tall": (576, 1024), "square": (768, 768)}
"""The networks were trained at the first one only."""
UPRIGHT = 0.75
"""Width over height below which a middle cut from the wide canvas is too few pixels: 9:16 would leave 324x576."""
_TOUCHING = 1e-9


@dataclass(frozen=True)
class Canvas:
    """`size`: of the picture the network draws; `middle`: of the part that is kept; width and height in pixels."""

    size: tuple[int, int]
    middle: tuple[int, int]

    @property
    def share(self) -> Point:
        """The middle's width and height as shares of the canvas'."""
        return self.middle[0] / self.size[0], self.middle[1] / self.size[1]

    @property
    def crop(self) -> Point:
        """What is cut off at each side, across and down, as shares of the canvas."""
        across, down = self.share
        return (1 - across) / 2, (1 - down) / 2

    def safe(self, safe: Sides) -> Sides:
        """Margins of the canvas that keep a product inside the middle and `safe` margins of it."""
        (across, down), (side, top) = self.share, self.crop
        return side + safe[0] * across, top + safe[1] * down, side + safe[2] * across, top + safe[3] * down

    def outwards(self, point: Point) -> Point:
        """A point of the middle, as shares of it -> shares of the canvas."""
        return 0.5 + (point[0] - 0.5) * self.share[0], 0.5 + (point[1] - 0.5) * self.share[1]

    def inwards(self, box: Sides) -> Sides:
        """A box of the canvas, as shares of it -> shares of the middle."""
        (across, down), (side, top) = self.share, self.crop
        return (box[0] - side) / across, (box[1] - top) / down, (box[2] - side) / across, (box[3] - top) / down

    def scaled(self, move: Move) -> Move:
        """`move` told in shares of the middle, as it is told in shares of the canvas: travel shrinks, zoom stays."""
        across, down = self.share
        if move.move in ("pan", "tilt", "orbit", "arc"):
            factor = across if move.direction in ("left", "right") else down
        else:
            factor = min(across, down) if move.move == "drift" else 1.0
        return replace(move, amount=round(move.amount * factor, 9))


def canvas_of(asked: Literal["auto"] | Named | tuple[int, int], delivery: tuple[int, int]) -> Canvas:
    """The canvas for a delivery of that size, and its largest even middle of the delivery's aspect."""
    aspect = delivery[0] / delivery[1]
    if asked == "auto":
        asked = "wide" if aspect >= UPRIGHT else "tall"
    width, height = asked if isinstance(asked, tuple) else SIZES[asked]
    if aspect >= width / height:
        return Canvas((width, height), (width, _even(width / aspect)))
    return Canvas((width, height), (_even(height * aspect), height))


@lru_cache(maxsize=4096)
def fly(move: Move, canvas: Canvas, frames: int, rate: Fraction, subject: Box | None) -> Flight:
    """Lay `move` (told in shares of the canvas) over the canvas; the middle of every view shows all of `subject`.

    `subject` is a box in shares of the middle. A move that would cut it is flown less far.
    """
    clip = Clip(*canvas.size, rate, frames)
    flown, kept = path(move, clip), 1.0
    if subject is not None and _margin(flown, canvas, subject) < -_TOUCHING:
        low, high = 0.0, 1.0
        for _ in range(16):
            middle = (low + high) / 2
            inside = _margin(path(replace(move, amount=move.amount * middle), clip), canvas, subject) >= -_TOUCHING
            low, high = (middle, high) if inside else (low, middle)
        kept = low
        flown = path(replace(move, amount=move.amount * kept), clip)
    nearest = min(float(views.w.min()) for views in (flown.plate, flown.layer) if views is not None)
    return Flight(flown.move, extent(flown), nearest, kept)


def _margin(flown: Path, canvas: Canvas, subject: Box) -> float:
    """The least room between `subject` and the edge of any view's middle, as a share of the middle."""
    aspect = canvas.middle[0] / canvas.middle[1]
    return min(
        _of_middle(views, canvas).margin(subject, aspect) for views in (flown.plate, flown.layer) if views is not None
    )


def _of_middle(views: Views, canvas: Canvas) -> Views:
    """The views' middles, in shares of the home frame's own middle: their size is the same number there."""
    across, down = canvas.share
    return Views((views.cx - 0.5) / across + 0.5, (views.cy - 0.5) / down + 0.5, views.w, views.roll)


def _even(pixels: float) -> int:
    return max(2, 2 * round(pixels / 2))
