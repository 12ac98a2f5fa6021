"""Where the product went: the similarity from one frame to another, found inside its matte.

For shots whose path nobody commanded it says along which path to warp the original; for the others, how far the
generated product is from where it was told to be. Dense motion (DIS) and RANSAC bring it within a pixel, from there
the pictures themselves are aligned (Lucas and Kanade, 1981, with Baker and Matthews' inverse composition): dense
motion alone was up to 0.8 px off on relit, softened photos.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.clip import Frame
from models.fidelity.motion import Relief, confirmed, luma, reduced, relief, seek
from models.fidelity.similarity import IDENTITY, Matrix, Matte, Points, Similarity, from_matrix, moved, rms

ROUNDS = 3
"""Times dense motion is sought at most: each seeks what the last one left over, the smaller the better."""
SETTLED_PX = 0.5
"""A round that moves the points by less is the last one (reduced pixels, as all below)."""
AGREEMENT_PX = 1.0
"""Forward and backward motion that disagree by more are not believed: something covers the point."""
INLIER_PX = 1.0
"""How far from the similarity a match may lie and be one: RANSAC's threshold."""
FAR_PX = 4.0
"""A point's residual counts no further: what lies beyond is a wrong match."""
STRIDE = 2
"""Every how many pixels a point is taken."""
LEAST_POINTS = 24
"""Fewer points with texture than this hold no similarity."""
LEAST_FOUND = 0.25
"""Share of the textured points that must be found again; with fewer the product is no longer there."""
TEXTURE = 0.03
"""Slope of the relief, per pixel and in its flattest direction, from which on dense motion is asked."""
MOST_MARKED = 1500
"""About as many points are matched at most."""
ALIGNMENTS = 12
"""Steps of the alignment at most."""
ALIGNED_PX = 0.005
"""A step that moves the points by less is the last one."""
_EIGENVALUE_GAIN = 4.0
"""What cv2.cornerMinEigenVal gives of a float picture for a mean square slope of 1."""


class Template(NamedTuple):
    """What is looked for: the relief of the first frame, and points inside the matte."""

    relief: Relief
    points: Points
    """(N, 2): in pixels of the relief."""
    values: NDArray[np.float64]
    """(N,): the relief there."""
    slopes: NDArray[np.float64]
    """(N, 4): how the relief changes there with shift, zoom and roll about the points' middle."""
    middle: NDArray[np.float64]
    marked: NDArray[np.intp]
    """The points with enough texture for dense motion to be right there."""
    reduction: float

    @property
    def plain(self) -> bool:
        """True where the product has too little texture to be followed."""
        return len(self.marked) < LEAST_POINTS


def template(first: Frame, matte: Matte) -> Template:
    """The product of `first` (H, W, 3), ready to be looked for; `matte` (H, W)."""
    picture = relief(luma(first))
    y, x = (STRIDE * along for along in np.nonzero(reduced(matte)[::STRIDE, ::STRIDE] > 127))
    points = np.column_stack([x, y]).astype(np.float64)
    middle = points.mean(axis=0) if len(points) else np.zeros(2)
    across, down = (cv2.Sobel(picture, cv2.CV_32F, *axis, ksize=3, scale=1 / 8)[y, x] for axis in ((1, 0), (0, 1)))
    arm_x, arm_y = (points - middle).T
    slopes = np.column_stack([across, down, across * arm_x + down * arm_y, down * arm_x - across * arm_y])
    texture = cv2.cornerMinEigenVal(picture, 7, ksize=3)[y, x] / _EIGENVALUE_GAIN
    marked = np.flatnonzero(texture > TEXTURE**2)
    marked = marked[:: max(1, len(marked) // MOST_MARKED)]
    values = picture[y, x].astype(np.float64)
    return Template(
        picture, points, values, slopes.astype(np.float64), middle, marked, matte.shape[1] / picture.shape[1]
    )


def fit(first: Frame, frame: Frame, matte: Matte, start: Similarity = IDENTITY) -> Similarity:
    """The similarity that brings the product of `first` to where it is in `frame`, both (H, W, 3) uint8.

    `matte` (H, W): the product in `first`. `start`: the similarity of the frame before, where there is one. What is not
    found again, and a product without texture, is said to be where `start` has it, with an infinite residual.
    """
    return find(template(first, matte), frame, start)


def find(product: Template, frame: Frame, start: Similarity = IDENTITY) -> Similarity:
    """`fit` for many frames of one first frame."""
    lost = Similarity(start.dx, start.dy, start.scale, start.roll, math.inf)
    if product.plain:
        return lost
    height, width = product.relief.shape
    by = product.reduction
    now = Similarity(start.dx / by, start.dy / by, start.scale, start.roll, 0.0).matrix(width, height)
    picture = relief(luma(frame))
    points = there = product.points
    for _ in range(ROUNDS):
        found = _matched(product, _seen(picture, now), now)
        if found is None:
            return lost
        points, there = found
        was, now = now, _least_squares(points, there)
        if rms(moved(now, points) - moved(was, points)) < SETTLED_PX:
            break
    now = _aligned(product, picture, now)
    left = np.minimum(np.linalg.norm(moved(now, points) - there, axis=1), FAR_PX)
    residual = math.sqrt((left**2).mean())
    small = from_matrix(now, width, height, residual)
    return replace(small, dx=small.dx * by, dy=small.dy * by, residual_px=residual * by)


def _seen(picture: Relief, now: Matrix) -> Relief:
    """`picture` as the first frame would be if `now` told all. Of floats: OpenCV samples bytes in stairs."""
    height, width = picture.shape
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(picture, now, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


def _matched(product: Template, back: Relief, now: Matrix) -> tuple[Points, Points] | None:
    """Points of the product, and where they are in the frame that `back` was sampled from; None if it is lost."""
    forth = seek(product.relief, back)
    points = product.points[product.marked]
    x, y = points.astype(np.intp).T
    good = confirmed(forth, seek(back, product.relief), AGREEMENT_PX)[y, x]
    if good.sum() < max(LEAST_POINTS, LEAST_FOUND * len(points)):
        return None
    return points[good], moved(now, points[good] + forth[y, x][good])


def _least_squares(points: Points, there: Points) -> Matrix:
    """RANSAC, then least squares over what agreed with it: in closed form, as one complex factor."""
    model, inliers = cv2.estimateAffinePartial2D(points, there, method=cv2.RANSAC, ransacReprojThreshold=INLIER_PX)
    if model is not None:
        points, there = points[inliers.ravel() > 0], there[inliers.ravel() > 0]
    p, q = points @ np.array([1, 1j]), there @ np.array([1, 1j])
    arm = np.conj(p - p.mean())
    a = (arm * (q - q.mean())).sum() / (arm * arm.conj()).sum()
    b = q.mean() - a * p.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def _aligned(product: Template, picture: Relief, now: Matrix) -> Matrix:
    """`now`, refined on the pictures: Gauss-Newton, points that look different trusted less (Geman-McClure)."""
    x, y = product.points.astype(np.intp).T
    for _ in range(ALIGNMENTS):
        wrong = _seen(picture, now)[y, x] - product.values
        spread = 1.5 * np.median(np.abs(wrong)) + 0.05
        weights = 1 / (1 + (wrong / (2 * spread)) ** 2) ** 2
        weighted = product.slopes * weights[:, None]
        step = np.linalg.lstsq(weighted.T @ product.slopes, weighted.T @ wrong, rcond=1e-9)[0]
        shift, zoom, roll = step[:2], step[2], step[3]
        linear = np.array([[1 + zoom, -roll], [roll, 1 + zoom]])
        change = np.column_stack([linear, product.middle - linear @ product.middle + shift])
        inverse = cv2.invertAffineTransform(change)
        now = now @ np.vstack([inverse, (0.0, 0.0, 1.0)])
        if rms(moved(change, product.points) - product.points) < ALIGNED_PX:
            break
    return now
