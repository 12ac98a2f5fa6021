"""A product before a plain studio backdrop: is the border plain, and where does the product end?

The backdrop is modelled from the picture's own left and right borders, so that a wall, a floor and the line between
them are all backdrop. What differs in colour, is brighter, or has detail is product; a soft grey darkening is shadow.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.prepare.surface import Float, blur

ANALYSIS_PX = 384


@dataclass(frozen=True)
class Border:
    """Mean colour (levels) of each edge's outer strip, and whether all of the border is a plain backdrop."""

    left: tuple[float, float, float]
    top: tuple[float, float, float]
    right: tuple[float, float, float]
    bottom: tuple[float, float, float]
    plain: bool


def judge_border(rgb: NDArray[np.uint8]) -> Border:
    """Plain: along each edge the colour changes slowly, apart from one or two lines (floor meets wall), with no detail.

    `rgb` is (H, W, 3). Detail is what is left after a blur along the border; a plain border has under 2.5 levels of
    it in nine tenths of its length, and spans a limited range.
    """
    small = _reduced(rgb).astype(np.float32)
    strip = max(2, round(min(small.shape[:2]) * 0.025))
    edges = {
        "left": small[:, :strip].mean(1),
        "top": small[:strip].mean(0),
        "right": small[:, -strip:].mean(1),
        "bottom": small[-strip:].mean(0),
    }
    lines = np.concatenate(list(edges.values()))
    detail = np.concatenate(
        [np.abs(line - blur(np.ascontiguousarray(line[:, None]), 4)[:, 0]).max(1) for line in edges.values()]
    )
    chroma = lines - lines.mean(1, keepdims=True)
    plain = (
        float(np.quantile(detail, 0.9)) < 2.5
        and float(np.abs(chroma - np.median(chroma, axis=0)).max(1).mean()) < 14
        and float(np.subtract(*np.quantile(lines.mean(1), [0.95, 0.05]))) < 110
    )
    means = {name: tuple(float(value) for value in line.mean(0)) for name, line in edges.items()}
    return Border(**means, plain=plain)  # pyright: ignore[reportArgumentType]


def find_product(rgb: NDArray[np.uint8]) -> Float | None:
    """Matte (H, W) in [0, 1] of the product before its plain backdrop; None where none stands out."""
    small = _reduced(rgb)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), 0.8)
    height, width = lab.shape[:2]
    strip = max(2, width // 40)
    left = blur(np.ascontiguousarray(np.median(lab[:, :strip], axis=1)[:, None]), 3)
    right = blur(np.ascontiguousarray(np.median(lab[:, -strip:], axis=1)[:, None]), 3)
    share = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    difference = lab - (left * (1 - share) + right * share)
    chroma = np.hypot(difference[..., 1], difference[..., 2])
    light = difference[..., 0]
    detail = np.hypot(cv2.Scharr(lab[..., 0], cv2.CV_32F, 1, 0), cv2.Scharr(lab[..., 0], cv2.CV_32F, 0, 1)) / 32
    sure = (chroma > 9) | (light > 12) | (light < -55) | (detail > 2.2)
    sure[:2], sure[-2:], sure[:, :2], sure[:, -2:] = False, False, False, False
    closed = cv2.morphologyEx(sure.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    mask = cv2.morphologyEx(_filled(np.asarray(closed, np.uint8)), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = 1 + np.flatnonzero(areas >= max(0.04 * areas.max(), 0.0005 * height * width))
    mask = np.isin(labels, kept).astype(np.uint8)
    covered = float(mask.mean())
    if not 0.005 < covered < 0.97:
        return None
    return _refined(mask, small, rgb)


def _refined(mask: NDArray[np.uint8], small: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> Float:
    """Cut along the strongest colour change near the mask's edge, then enlarge, soft over about one small pixel."""
    inner = cv2.erode(mask, np.ones((9, 9), np.uint8))
    outer = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    trimap = np.where(inner > 0, cv2.GC_FGD, np.where(mask > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD)).astype(np.uint8)
    trimap[outer == 0] = cv2.GC_BGD
    if inner.any() and (outer == 0).any():
        cv2.setRNGSeed(1)  # its colour clusters start at random
        colors = np.zeros((1, 65)), np.zeros((1, 65))
        cut, *_ = cv2.grabCut(small, trimap, (0, 0, 0, 0), *colors, 2, cv2.GC_INIT_WITH_MASK)
        mask = np.isin(cut, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    height, width = rgb.shape[:2]
    soft = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip((soft - 0.5) * 2 + 0.5, 0, 1).astype(np.float32)


def _reduced(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    ratio = ANALYSIS_PX / max(rgb.shape[:2])
    if ratio >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * ratio)), max(1, round(rgb.shape[0] * ratio)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _filled(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`mask` with everything inside its outer contours."""
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(mask), contours, -1, 1, cv2.FILLED), np.uint8)
