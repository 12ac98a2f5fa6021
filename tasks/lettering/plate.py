"""White letters that stay legible on paper, on black and on anything between: a soft dark edge behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tasks.lettering.draw import Mask

EDGE, GLOW = 0.050, 0.16
"""Width of the dark edge and reach of the glow around it, in em."""
EDGE_SHADE, GLOW_SHADE = 0.85, 0.55
"""How dark each is at its darkest: 1 is black."""
_EDGE_MOST, _GLOW_MOST = (np.uint8(round(255 * shade)) for shade in (EDGE_SHADE, GLOW_SHADE))


@dataclass(frozen=True)
class Plate:
    """What is burned in: `coverage` of white letters over `shade` of black, both uint8 (H, W) of one size.

    They reach `margin_px` beyond the mask they were made from, on each side.
    A pixel p becomes p * (1 - shade), then that * (1 - coverage) + 255 * coverage.
    """

    coverage: Mask
    shade: Mask
    margin_px: int


def plate(mask: Mask, *, size_px: int) -> Plate:
    """The mask of letters of `size_px`, with the dark edge that they need."""
    margin = margin_px(size_px)
    return Plate(np.pad(mask, margin), darkness(*edge_and_glow(mask, size_px=size_px)), margin)


def margin_px(size_px: int) -> int:
    """How far the shade of letters of this size reaches."""
    return math.ceil(size_px * (EDGE + 2.5 * GLOW))


def edge_and_glow(mask: Mask, *, size_px: int) -> tuple[Mask, Mask]:
    """Both parts of a mask's shade, uint8, `margin_px` larger on each side.

    Those of masks side by side may be added (saturating) before `darkness`.
    """
    import cv2  # loads for a tenth of a second; not wanted before there is a picture

    reach = max(1, round(size_px * EDGE))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    grown = cv2.dilate(np.pad(mask, margin_px(size_px)), kernel)
    edge = cv2.GaussianBlur(grown, (0, 0), max(0.5, reach / 2)) * EDGE_SHADE
    # Blurred this far a thin stroke is faint: raised, so that the glow is whole next to letters.
    glow = cv2.GaussianBlur(grown, (0, 0), max(1.0, size_px * GLOW)) * (1.6 * GLOW_SHADE)
    return np.rint(edge).astype(np.uint8), np.rint(np.minimum(glow, 255)).astype(np.uint8)


def darkness(edge: Mask, glow: Mask) -> Mask:
    """The shade, uint8. Each part dims what the other left: together never more than black, and no seam between."""
    import cv2

    lit = cv2.multiply(~np.minimum(edge, _EDGE_MOST), ~np.minimum(glow, _GLOW_MOST), scale=1 / 255)
    return ~np.asarray(lit, np.uint8)
