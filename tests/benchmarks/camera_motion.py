"""How a rendered picture moved, to a few thousandths of a pixel, and the still it is measured on."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

PATCH = 320


def studio_still(width: int, height: int) -> NDArray[np.uint8]:
    """A drawn studio shot, uint8 (H, W, 3): graded backdrop with grain, and a body with fine stripes and print."""
    draw = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width]
    backdrop = 226.0 - 40.0 * (y / height) ** 2 - 25.0 * ((x / width - 0.45) ** 2 + (y / height - 0.4) ** 2)
    picture = np.dstack([backdrop, backdrop - 3.0, backdrop - 8.0])
    left, top, right, bottom = (round(s * e) for s, e in zip((0.3, 0.2, 0.72, 0.82), (width, height) * 2, strict=True))
    body = picture[top:bottom, left:right]
    shade = 90.0 + 70.0 * np.sin(np.linspace(0.3, 2.6, right - left))[None, :]
    body[...] = np.dstack([shade * 0.9, shade * 0.75, shade * 0.6]) + draw.normal(0, 6, (bottom - top, right - left, 1))
    body[::9, :, :] *= 0.82
    whole = np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8))
    size = height / 700
    for row in range(6):
        at = (left + round(0.08 * width), top + round((0.09 + 0.09 * row) * height))
        cv2.putText(whole, "SERIES 1200 W  No. 48", at, cv2.FONT_HERSHEY_DUPLEX, size, (240, 238, 230), 2, cv2.LINE_AA)
    cv2.circle(whole, (left + round(0.33 * width), top + round(0.45 * height)), round(0.07 * height), (30, 30, 34), -1)
    grain = draw.normal(0, 1.2, (height, width, 1))
    soft = cv2.GaussianBlur(whole, (0, 0), 0.7).astype(np.float64)
    return (soft + grain).clip(0, 255).astype(np.uint8)


def positions(frames: Iterable[NDArray[np.uint8]], centre: tuple[int, int]) -> NDArray[np.float64]:
    """Where what lay at `centre` of the first frame lies in each frame, less where it lay: (N, 2) px, x then y.

    Registration by enhanced correlation (affine, ECC; Evangelidis and Psarakis 2008) of a patch around the centre,
    started from the frame before.
    """
    cx, cy = centre
    half = PATCH // 2
    everywhere = np.full((PATCH, PATCH), 255, np.uint8)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-8)
    warp = np.eye(2, 3, dtype=np.float32)
    template = None
    found: list[NDArray[np.float64]] = []
    for frame in frames:
        patch = frame[cy - half : cy + half, cx - half : cx + half].astype(np.float32)
        if template is None:
            template = patch
        _, warp = cv2.findTransformECC(template, patch, warp, cv2.MOTION_AFFINE, stop, everywhere, 5)
        found.append(warp.astype(np.float64) @ np.array([half, half, 1.0]) - half)
    return np.array(found)


def jitter(found: NDArray[np.float64], commanded: NDArray[np.float64]) -> tuple[float, float]:
    """Motion per frame, found less commanded, in px: its root mean square and its largest."""
    wrong = np.hypot(*(np.diff(found, axis=0) - np.diff(commanded, axis=0)).T)
    return float(np.sqrt(np.mean(wrong**2))), float(wrong.max())
