"""How like two pictures are inside a matte: structural similarity, colour, and noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.clip import Frame
from models.fidelity.color import ciede2000, lab
from models.fidelity.similarity import Matte

IDENTICAL_DB = 100.0
"""PSNR of two equal pictures, which has no number."""
COLOR_STRIDE = 4
"""Every how many pixels, both ways, colour is compared."""
COLOR_BIN = 0.05
"""Width of the histogram's bins, CIEDE2000."""
COLOR_BINS = 2400
_SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5


def ssim(first: Frame, second: Frame, matte: Matte) -> float | None:
    """Mean over the matte of the structural similarity of luma, -1..1; None where the matte is empty.

    Wang et al., "Image Quality Assessment" (2004): 11x11 Gaussian window of sigma 1.5, K = 0.01 and 0.03; windows that
    reach beyond the matte see what is there, those beyond the picture its mirror image.
    """
    left, top, width, height = cv2.boundingRect((matte > 127).astype(np.uint8))
    if not width:
        return None
    reach = _SSIM_WINDOW // 2
    part = (slice(max(0, top - reach), top + height + reach), slice(max(0, left - reach), left + width + reach))
    x, y = (cv2.cvtColor(frame[part], cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in (first, second))

    def mean(values: NDArray) -> NDArray[np.float32]:
        size = (_SSIM_WINDOW, _SSIM_WINDOW)
        return cv2.GaussianBlur(values, size, _SSIM_SIGMA, borderType=cv2.BORDER_REFLECT)  # type: ignore[return-value]

    mean_x, mean_y = mean(x), mean(y)
    of_means = mean_x * mean_y
    squares = mean_x * mean_x + mean_y * mean_y
    covariance, variances = mean(x * y) - of_means, mean(x * x + y * y) - squares
    c1, c2 = np.float32((0.01 * 255) ** 2), np.float32((0.03 * 255) ** 2)
    similarity = (2 * of_means + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return float(similarity[matte[part] > 127].mean(dtype=np.float64))


def color_counts(first: Frame, second: Frame, matte: Matte) -> NDArray[np.int64]:
    """(COLOR_BINS,): how many of the compared pixels inside the matte differ by how much, in steps of `COLOR_BIN`."""
    step = slice(None, None, COLOR_STRIDE)
    inside = matte[step, step] > 127
    difference = ciede2000(lab(first[step, step][inside]), lab(second[step, step][inside]))
    bins = np.minimum((difference / COLOR_BIN).astype(np.intp), COLOR_BINS - 1)
    return np.bincount(bins, minlength=COLOR_BINS)


def color_figures(counts: NDArray[np.int64]) -> tuple[float, float]:
    """Mean and median CIEDE2000 of what `color_counts` counted, to half a bin."""
    middles = (np.arange(COLOR_BINS) + 0.5) * COLOR_BIN
    middles[0] = 0.0  # equal colours differ by nothing
    median = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
    return float((counts * middles).sum() / counts.sum()), float(middles[median])


def psnr_db(first: Frame, second: Frame) -> float:
    """Peak signal-to-noise ratio of two whole frames (H, W, 3), `IDENTICAL_DB` at most."""
    return min(IDENTICAL_DB, float(cv2.PSNR(first, second)))
