"""A still as BT.709 planes, so that a plain move touches half the samples and the encoder converts nothing."""

from __future__ import annotations

import cv2
import numpy as np

from models.camera.pyramid import Grid
from models.camera.scene import Bytes

KR, KB = 0.2126, 0.0722
KG = 1.0 - KR - KB
_BLUE, _RED = 2.0 * (1.0 - KB), 2.0 * (1.0 - KR)
BT709_LIMITED = np.array(  # ITU-R BT.709-6, items 3.2-3.4 and 4: 8-bit Y'CbCr from R'G'B' in 0..255
    [
        [219 / 255 * KR, 219 / 255 * KG, 219 / 255 * KB, 16.0],
        [-224 / 255 * KR / _BLUE, -224 / 255 * KG / _BLUE, 224 / 255 * (1.0 - KB) / _BLUE, 128.0],
        [224 / 255 * (1.0 - KR) / _RED, -224 / 255 * KG / _RED, -224 / 255 * KB / _RED, 128.0],
    ]
)


def bt709(picture: Bytes) -> tuple[Bytes, Bytes, Bytes]:
    """sRGB uint8 (H, W, 3) -> Y, U and V at full size: uint8 (H, W) each, limited range, rounded to nearest."""
    exact = cv2.transform(picture.astype(np.float32), BT709_LIMITED)  # in float: the 8-bit path has 10-bit weights
    y, u, v = (np.rint(exact[..., plane]).clip(0, 255).astype(np.uint8) for plane in range(3))
    return y, u, v


def chroma_grid(width: int, height: int) -> Grid:
    """Where 4:2:0 chroma lies when sited left (MPEG-2): on every second column's luma, between two rows."""
    return Grid(width, height, 0.5, 1.0, 2.0, width // 2, height // 2)
