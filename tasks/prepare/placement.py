"""Where a product goes in a frame: pure geometry, no pixels.

Three coordinate systems: the source picture's pixels; the home frame's (delivery pixels at zoom 1); the plate's. The
plate covers home plus overscan at `density` plate pixels per delivery pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tasks.recipe import PrepareRecipe

Box = tuple[float, float, float, float]
"""left, top, right, bottom"""


@dataclass(frozen=True)
class Placement:
    """`scale`: plate pixels per source pixel; `origin`: the source picture's top left corner in the plate, whole
    pixels; `home`: x, y, width, height of the home frame in plate pixels; `size`: the plate's width and height."""

    scale: float
    density: float
    origin: tuple[int, int]
    home: tuple[float, float, float, float]
    size: tuple[int, int]

    @property
    def resampled(self) -> bool:
        """False where a source pixel is a plate pixel."""
        return self.scale != 1.0

    def to_home(self, box: Box) -> Box:
        """A box in plate pixels -> shares of the home frame."""
        x, y, width, height = self.home
        return ((box[0] - x) / width, (box[1] - y) / height, (box[2] - x) / width, (box[3] - y) / height)

    def to_plate(self, box: Box) -> Box:
        """A box in source pixels -> plate pixels."""
        x, y = self.origin
        return (
            x + box[0] * self.scale,
            y + box[1] * self.scale,
            x + box[2] * self.scale,
            y + box[3] * self.scale,
        )


def place(box: Box, recipe: PrepareRecipe) -> Placement:
    """Scale and move so that `box` (source pixels) takes `fill` of the free frame, its centre at `anchor`."""
    left, top, right, bottom = recipe.safe
    free_width = recipe.frame_width * (1 - left - right)
    free_height = recipe.frame_height * (1 - top - bottom)
    box_width, box_height = box[2] - box[0], box[3] - box[1]
    per_source = min(recipe.fill * free_width / box_width, recipe.fill * free_height / box_height)
    density = min(max(1.0 / per_source, 1.0), recipe.density)
    scale = per_source * density
    if abs(scale - 1) < 1e-9:
        scale = 1.0  # the source's own pixels, untouched

    def centre(share: float, length: float, size: float) -> float:
        half = min(size / 2, length / 2)
        return min(max(share * length, half), length - half)

    centre_x = left * recipe.frame_width + centre(recipe.anchor[0], free_width, box_width * per_source)
    centre_y = top * recipe.frame_height + centre(recipe.anchor[1], free_height, box_height * per_source)

    # The picture's corner falls on a whole plate pixel; the home frame, a float rectangle, is moved instead.
    corner_x = centre_x * density - (box[0] + box[2]) / 2 * scale
    corner_y = centre_y * density - (box[1] + box[3]) / 2 * scale
    home_x, before_x = _room(recipe.overscan[0] * recipe.frame_width * density, corner_x)
    home_y, before_y = _room(recipe.overscan[1] * recipe.frame_height * density, corner_y)
    home_width, home_height = recipe.frame_width * density, recipe.frame_height * density
    return Placement(
        scale=scale,
        density=density,
        origin=(before_x, before_y),
        home=(home_x, home_y, home_width, home_height),
        size=(
            _ceil(home_x + home_width * (1 + recipe.overscan[2])),
            _ceil(home_y + home_height * (1 + recipe.overscan[3])),
        ),
    )


def _room(overscan: float, corner: float) -> tuple[float, int]:
    """(home's offset in the plate, the picture's whole-pixel corner): at least `overscan`, at most one pixel more."""
    whole = _ceil(overscan + corner)
    return whole - corner, whole


def _ceil(value: float) -> int:
    return math.ceil(value - 1e-6)
