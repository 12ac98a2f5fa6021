"""The header every stream of frames travels under, and the planar form a plain camera move may take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""(H, W, 3), sRGB, 0..255."""


class Planes(NamedTuple):
    """One frame as BT.709 limited-range YUV 4:2:0: `y` (H, W), `u` and `v` (H/2, W/2), uint8; H and W even.

    Chroma is sited left (MPEG-2), as H.264 assumes when a file says nothing.
    """

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]


@dataclass(frozen=True)
class Clip:
    """Size in pixels, rate in frames per second, and how many frames will come."""

    width: int
    height: int
    rate: Fraction
    frames: int

    @property
    def seconds(self) -> float:
        """How long the clip plays."""
        return float(self.frames / self.rate)


Frames = Iterator[Frame] | Iterator[Planes]
