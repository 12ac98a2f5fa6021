"""Dense motion between two pictures (DIS), and where it can be believed: sought small, and blind to light."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.clip import Frame

Luma = NDArray[np.float32]
"""(h, w), 0..255."""
Relief = NDArray[np.float32]
"""(h, w): brightness against its surroundings, about -3..3: what is left when light is taken out."""
Field = NDArray[np.float32]
"""(h, w, 2): x and y, in pixels of the pictures that are compared."""

REDUCTION = 2
"""Motion is sought at half size: a quarter of the work."""
SMALLEST = 64
"""Pictures would have a shorter side than this: then it is sought at full size, so that DIS has a pyramid left."""
SURROUNDINGS_PX = 6.0
"""Sigma of what counts as a pixel's surroundings; shading is smoother, print is finer."""
SMOOTHED_PX = 1.2
"""Sigma of the blur before anything is compared: grain and the network's softness then matter less. Errors of a fit on
softened, relit, noisy photos fell from 0.10-0.45 px to 0.03-0.09 px."""
FAINT_LEVELS = 4.0
"""Contrast at which relief is half of what it is in full: grain and bands are no texture."""

_NONE = cast(NDArray[np.float32], None)
"""What OpenCV's documentation asks for where there is nothing; its stubs do not know."""


def reduced(plane: NDArray) -> NDArray:
    """(H, W[, C]) -> (H/2, W/2[, C]), each pixel a mean; a small picture stays as it is."""
    height, width = plane.shape[:2]
    if min(height, width) < 2 * SMALLEST:
        return plane
    return np.asarray(cv2.resize(plane, (width // REDUCTION, height // REDUCTION), interpolation=cv2.INTER_AREA))


def luma(frame: Frame) -> Luma:
    """(H, W, 3) -> what motion is sought in: luma (BT.601, OpenCV's), reduced."""
    return reduced(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))).astype(np.float32)


def relief(grey: Luma) -> Relief:
    """Local mean taken out and local contrast evened: neither light nor shading moves anything afterwards."""
    grey = cv2.GaussianBlur(grey, (0, 0), SMOOTHED_PX)  # type: ignore[assignment]
    fine = grey - cv2.GaussianBlur(grey, (0, 0), SURROUNDINGS_PX)
    spread = cv2.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), SURROUNDINGS_PX))
    return np.asarray(fine / (spread + np.float32(FAINT_LEVELS)), np.float32)


def seek(here: Relief, there: Relief) -> Field:
    """here[x] is there[x + field[x]]."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(dis.calc(_bytes(here), _bytes(there), _NONE), np.float32)


def _bytes(picture: Relief) -> NDArray[np.uint8]:
    return cv2.convertScaleAbs(picture + np.float32(3), alpha=42.0)  # type: ignore[return-value]


def at(field: NDArray, where: Field) -> NDArray:
    """`field` (h, w[, C]) at the positions `where`; its edge goes on."""
    return np.asarray(cv2.remap(field, where, _NONE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


@lru_cache(maxsize=4)
def places(height: int, width: int) -> Field:
    """Where each pixel is."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    grid = np.dstack([x, y])
    grid.flags.writeable = False
    return grid


def confirmed(field: Field, back: Field, within_px: float) -> NDArray[np.bool_]:
    """(h, w): where the way there stays in the picture and the way back ends where it began."""
    height, width = field.shape[:2]
    there = places(height, width) + field
    x, y = cv2.split(field + at(back, there))
    to_x, to_y = cv2.split(there)
    inside = (to_x >= 0) & (to_y >= 0) & (to_x <= width - 1) & (to_y <= height - 1)
    return inside & (x * x + y * y < within_px**2)
