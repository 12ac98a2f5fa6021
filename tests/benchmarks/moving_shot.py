"""A shot whose every in-between frame is known: it is drawn, at any instant, from a seeded texture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.clip import Frame

SUPERSAMPLING = 2


def texture(side: int, seed: int) -> NDArray[np.uint8]:
    """(side, side, 3): dead leaves (discs of power-law sizes lying on each other), the usual stand-in for photographs.

    Edges and details at every scale, as in Lee, Mumford & Huang, "Occlusion Models for Natural Images", IJCV 2001.
    """
    random = np.random.default_rng(seed)
    picture = np.full((side, side, 3), 128, np.uint8)
    smallest, largest, leaves = 3.0, side / 5, 6000
    # Radii with density r^-3 between the two, by inverting the distribution function; large ones lie underneath.
    share = random.uniform(0, 1, leaves)
    radii = (smallest**-2 - share * (smallest**-2 - largest**-2)) ** -0.5
    for radius in np.sort(radii)[::-1]:
        x, y = random.uniform(0, side, 2)
        colour = random.integers(20, 236, 3).tolist()
        cv2.circle(picture, (round(x * 16), round(y * 16)), round(radius * 16), colour, -1, cv2.LINE_AA, 4)
    grain = random.normal(0, 4, (side, side, 1)) + cv2.resize(random.normal(0, 12, (32, 32)), (side, side))[..., None]
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class MovingShot:
    """A ground that turns and grows, and a disc with its own texture that crosses it.

    Motion is given per unit of time, with lengths as shares of the frame's width; a unit is one source frame.
    """

    width: int
    height: int
    seed: int = 7
    degrees: float = 1.0
    growth: float = 0.015
    crossing: float = 0.0125
    disc_degrees: float = -1.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ground", texture(1024, self.seed))
        object.__setattr__(self, "_disc", texture(512, self.seed + 1))

    def _draw(self, picture: NDArray[np.uint8], centre: tuple[float, float], degrees: float, scale: float) -> Frame:
        """`picture` around `centre` (pixels of the supersampled frame), mirrored beyond its edges."""
        side = picture.shape[0]
        matrix = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), degrees, scale)
        matrix[:, 2] += np.asarray(centre) - (side / 2 - 0.5)
        size = (self.width * SUPERSAMPLING, self.height * SUPERSAMPLING)
        return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)

    def at(self, time: float) -> Frame:
        """The frame at `time`, in source frames from the start."""
        wide, high = self.width * SUPERSAMPLING, self.height * SUPERSAMPLING
        zoom = (1 + self.growth) ** time
        ground = self._draw(self._ground, (wide / 2, high / 2), self.degrees * time, wide / 900 * zoom)  # type: ignore[attr-defined]
        radius = 0.14 * wide
        centre = (wide * (0.3 + self.crossing * time), high * (0.45 + 0.3 * self.crossing * time))
        disc = self._draw(self._disc, centre, self.disc_degrees * time, 2.2 * radius / 512)  # type: ignore[attr-defined]
        mask = np.zeros((high, wide), np.uint8)
        cv2.circle(mask, (round(centre[0] * 16), round(centre[1] * 16)), round(radius * 16), 255, -1, cv2.LINE_AA, 4)
        cv2.copyTo(disc, mask, ground)
        return cv2.resize(ground, (self.width, self.height), interpolation=cv2.INTER_AREA)
