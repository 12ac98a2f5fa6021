"""A band of light that glides over the product."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.camera.errors import CameraError
from models.camera.move import eased, times
from models.camera.scene import Bytes

REACH = 3.0  # the Gaussian ends here, in standard deviations: the band starts and ends clear of the product
GLOSS = 0.15
"""Share of the light that a surface reflects without taking its colour."""
_STEPS = 2048


@dataclass(frozen=True)
class Sweep:
    """A Gaussian band of light crossing the product once per clip.

    `strength` (0..1): the light in its middle, linear; the surface gives it back in its own colour, and `GLOSS` of it
    as it is. `angle`: the direction it
    travels, in degrees clockwise from rightwards. `width` (> 0): its width at half strength, as a share of the
    product's extent along that direction.
    """

    strength: float
    angle: float = 20.0
    width: float = 0.25

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0 or not 0.0 < self.width <= 4.0 or not math.isfinite(self.angle):
            raise CameraError(
                f"camera sweep: strength {self.strength}, width {self.width}, angle {self.angle}; wanted a strength "
                "from 0 to 1, a width above 0 and up to 4, and an angle in degrees"
            )


class SweepLight:
    """A sweep laid out over a clip, for a product whose box is known.

    `box`: left, top, right, bottom of the product on the plate, in plate pixels.
    """

    def __init__(self, sweep: Sweep, box: tuple[int, int, int, int], frames: int, *, loop: bool) -> None:
        left, top, right, bottom = box
        angle = math.radians(sweep.angle)
        self.normal = np.array([math.cos(angle), math.sin(angle)])
        self.centre = np.array([(left + right) / 2.0, (top + bottom) / 2.0])
        half = (abs(self.normal[0]) * (right - left) + abs(self.normal[1]) * (bottom - top)) / 2.0
        self.reach = REACH * sweep.width * 2.0 * half / (2.0 * math.sqrt(2.0 * math.log(2.0)))
        at = times(frames, loop=loop)
        # A loop's band goes at an even pace: it is clear of the product at the seam either way.
        self.places = (2.0 * (at if loop else eased(at, "smooth")) - 1.0) * (half + self.reach)
        self.profile = _profile(sweep.strength)

    def shine(self, picture: Bytes, matte: Bytes, affine: NDArray[np.float64], frame: int) -> Bytes:
        """Light `picture` (h, w, 3) where `matte` (h, w) is; `affine` maps its pixel index to plate pixels."""
        rows, columns = matte.shape
        slope = self.normal @ affine[:, :2]
        start = self.normal @ (affine[:, 2] - self.centre) - self.places[frame]
        across = (slope[0] * np.arange(columns) + start).astype(np.float32)
        down = (slope[1] * np.arange(rows)).astype(np.float32)
        distance = (across[None, :] + down[:, None]) * np.float32(_STEPS / 2 / self.reach) + np.float32(_STEPS / 2)
        level = self.profile[np.clip(distance, 0, _STEPS).astype(np.uint16)]
        if not level.any():
            return picture
        lit = np.take(_SCREEN, (level[..., None].astype(np.uint16) << 8) | picture)
        gained = cv2.multiply(cv2.subtract(lit, picture), cv2.merge([matte, matte, matte]), scale=1 / 255)
        return np.asarray(cv2.add(picture, gained), dtype=np.uint8)


def _profile(strength: float) -> Bytes:
    """The band's light from one side to the other, as the sRGB code that light has on black."""
    x = np.linspace(-REACH, REACH, _STEPS + 1)
    floor = math.exp(-REACH * REACH / 2.0)
    light = strength * np.clip((np.exp(-x * x / 2.0) - floor) / (1.0 - floor), 0.0, 1.0)
    return np.rint(_encoded(light)).astype(np.uint8)


def _linear(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """SRGB code 0..255 -> linear light 0..1 (IEC 61966-2-1)."""
    value = code / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _encoded(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light 0..1 -> sRGB code 0..255 (IEC 61966-2-1)."""
    return 255.0 * np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0.0) ** (1 / 2.4) - 0.055)


def _screen() -> Bytes:
    """Screen blend in linear light of every pair of codes: entry `light * 256 + picture`.

    A surface gives light back in its own colour but for the little that its gloss reflects: white light screened
    over it would lie there like fog.
    """
    light, picture = _linear(np.arange(256.0))[:, None], _linear(np.arange(256.0))[None, :]
    returned = light * (GLOSS + (1.0 - GLOSS) * picture)
    return np.rint(_encoded(1.0 - (1.0 - returned) * (1.0 - picture))).astype(np.uint8).ravel()


_SCREEN = _screen()
