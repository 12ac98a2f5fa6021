"""Soft shadows: told from the product inside a cut-out's alpha, and drawn where there is none."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.prepare.surface import Float, blur, fill_holes

ANALYSIS_PX = 540
"""Long side at which shapes are judged; antialiased edges shrink to a pixel there."""
OPAQUE = 230
"""Alpha from which a pixel hides what is behind it (0.9)."""
EDGE_PX = 2
"""Width of an antialiased edge around what is opaque."""


@dataclass(frozen=True)
class Shadow:
    """`opacity` float32 (H, W) in [0, 1]; `color` (3,) levels; `box` bounds what is visible of it (source pixels)."""

    opacity: Float
    color: Float
    box: tuple[int, int, int, int]


def soft_shadow(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], region: NDArray[np.bool_]) -> Shadow | None:
    """The shadow in `region` (H, W) of a cut-out, as a layer of its own; None where it is too faint to be seen."""
    weight = np.where(region, alpha, 0).astype(np.float32) / 255
    box = visible_box(weight, 0.02)
    if box is None:
        return None
    left, top, right, bottom = box
    seen, strength = rgb[top:bottom, left:right], weight[top:bottom, left:right]
    color = np.einsum("hwc,hw->c", seen.astype(np.float32), strength) / strength.sum()
    body = ((alpha > 0) & ~region).astype(np.uint8)
    if (cv2.dilate(body, np.ones((5, 5), np.uint8)).astype(bool) & (weight > 0.02)).any():
        # Where product and shadow touch, the shadow goes on below the product's edge: no light line between them.
        weight = fill_holes(weight[..., None], 1 - body.astype(np.float32))[..., 0]
    soft = blur(np.ascontiguousarray(weight, np.float32), max(alpha.shape) / 1024)  # 8-bit alpha shows contours
    return Shadow(opacity=np.clip(soft, 0, 1), color=color, box=box)


def shadow_region(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Where `alpha` (H, W) of straight `rgb` (H, W, 3) belongs to a soft shadow; None where there is none.

    A shadow is partly transparent, dark, grey, and ends softly; glass and lenses are enclosed by opaque parts, or
    coloured, or light, or end sharply, and stay with the product, as do antialiased edges.
    """
    height, width = alpha.shape
    ratio = min(1.0, ANALYSIS_PX / max(height, width))
    small_size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    # Sampled, not averaged: colours below transparent pixels mean nothing and must not be mixed in.
    small_rgb = cv2.resize(rgb, small_size, interpolation=cv2.INTER_NEAREST).astype(np.int16)
    small = cv2.resize(alpha, small_size, interpolation=cv2.INTER_NEAREST)
    opaque = (small >= OPAQUE).astype(np.uint8)
    solid = _filled(opaque)
    high, low = small_rgb.max(2), small_rgb.min(2)
    dark_grey = (high < 110) & (high - low < 48)
    faint = small <= 8  # rounding makes colours meaningless there
    near_solid = cv2.dilate(solid, np.ones((3, 3), np.uint8)) > 0
    candidate = (small > 0) & (small < OPAQUE) & ~near_solid & (dark_grey | faint)
    count, labels = cv2.connectedComponents(candidate.astype(np.uint8), connectivity=8)
    found = np.zeros(small.shape, bool)
    outside = cv2.dilate((small == 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    for label in range(1, count):
        part = labels == label
        rim = small[part & outside]
        # A shadow's visible part fades out: its rim is a small fraction of its darkest place.
        if part.sum() >= 12 and small[part].max() > 10 and rim.size and rim.mean() < 0.3 * small[part].max():
            found |= part
    if not found.any():
        return None
    # Back at full size: everything partly transparent near what was found, but never the product's own edge, which is
    # judged at full size too: a coarse one would leave steps.
    grown = cv2.dilate(found.astype(np.uint8), np.ones((5, 5), np.uint8))
    grown = cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    coarse = 2 * round(1.5 / ratio) + 1
    inner = cv2.erode(cv2.resize(solid, (width, height), interpolation=cv2.INTER_NEAREST), _disc(coarse))
    body = cv2.dilate(np.maximum(inner, alpha >= OPAQUE).astype(np.uint8), _disc(2 * EDGE_PX + 1)) > 0
    return grown & ~body & (alpha > 0)


def without_shadow(alpha: NDArray[np.uint8], region: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The product's own opacity (H, W) where `region` of `alpha` is its shadow.

    Along the product's edge the file's alpha a is what covers c over shadow s: a = c + (1 - c) s. s is the shadow
    beside it, going on below the edge.
    """
    body = ((alpha > 0) & ~region).astype(np.uint8)
    rim = (cv2.dilate(region.astype(np.uint8), _disc(4 * EDGE_PX + 1)) > 0) & (body > 0) & (alpha < 255)
    weight = np.where(region, alpha, 0).astype(np.float32) / 255
    below = fill_holes(weight[..., None], 1 - body.astype(np.float32))[..., 0]
    covered = np.clip((alpha / np.float32(255) - below) / np.maximum(1 - below, 1e-3), 0, 1)
    own = np.where(region, 0, alpha).astype(np.uint8)
    own[rim] = np.rint(covered[rim] * 255).astype(np.uint8)
    return own


def visible_box(weight: NDArray[np.uint8] | Float, level: float) -> tuple[int, int, int, int] | None:
    """left, top, right, bottom of where `weight` (H, W) reaches `level`; None where it never does."""
    rows = np.flatnonzero((weight >= level).any(1))
    columns = np.flatnonzero((weight >= level).any(0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def contact_shadow(matte: NDArray[np.uint8], unit: float) -> Float:
    """Opacity (H, W) of the shadow a standing product (`matte` uint8) throws on the floor below it.

    The light is high and in front: what is close to the floor darkens it right below, sharply at the line of
    contact and widely around it. `unit` is the product's height in pixels.
    """
    height, width = matte.shape
    solid = matte > 127
    columns = np.flatnonzero(solid.any(0))
    bottoms = np.full(width, -1e6, np.float32)
    bottoms[columns] = height - 1 - np.argmax(solid[::-1, columns], axis=0)
    base = float(bottoms.max())
    lift = (base - bottoms) / unit
    grounded = _grounded(bottoms, base, unit)
    # Columns whose lowest point is on the floor, or nearly: a sole, four feet, a bottle's rim seen from above.
    touch = np.where(grounded, np.exp(-np.square(lift / 0.06)), 0).astype(np.float32)
    cover = np.where(grounded, np.exp(-np.square(lift / 0.25)), 0).astype(np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]

    def lying(profile: Float, depth: float, offset: float) -> Float:
        below = np.where(profile > 0.02, np.maximum(bottoms, base - 0.2 * unit), base)
        smooth = blur(np.ascontiguousarray(below[None, :], np.float32), depth)[0]
        return profile * np.exp(-np.square((rows - smooth - offset) / depth))

    tight = cv2.GaussianBlur(lying(touch, 0.014 * unit, 0.0), (0, 0), sigmaX=0.02 * unit, sigmaY=0.006 * unit)
    wide = cv2.GaussianBlur(lying(cover, 0.05 * unit, 0.008 * unit), (0, 0), sigmaX=0.09 * unit, sigmaY=0.02 * unit)
    return np.clip(1 - (1 - 0.6 * tight) * (1 - 0.4 * wide), 0, 1).astype(np.float32)


def _grounded(bottoms: Float, base: float, unit: float) -> NDArray[np.bool_]:
    """Which columns (W,) stand on the floor: from the lowest points outwards along a gentle line (an edge receding
    into the picture), until the outline turns up: a handle hangs in the air."""
    near = np.maximum(bottoms, base - unit)
    step = max(1, round(0.05 * unit))
    # A foot's own height or a ragged mask is no turn: only more than an eighth of the product within a twentieth is.
    rise = np.abs(near[step:] - near[:-step])
    steep = np.concatenate([np.zeros(step // 2, bool), rise > 0.12 * unit, np.zeros(step - step // 2, bool)])
    touching = np.flatnonzero(base - bottoms < 0.08 * unit)
    before = np.flatnonzero(steep[: touching[0]])
    after = np.flatnonzero(steep[touching[-1] :])
    grounded = np.zeros(bottoms.shape, bool)
    start = before[-1] + 1 if before.size else 0
    grounded[start : touching[-1] + after[0] + 1 if after.size else None] = True
    return grounded


def _filled(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`mask` with its enclosed holes filled."""
    padded = np.pad(mask, 1)
    outside = np.zeros((padded.shape[0] + 2, padded.shape[1] + 2), np.uint8)
    flooded = padded.copy()
    cv2.floodFill(flooded, outside, (0, 0), 1)
    return (padded | (1 - flooded))[1:-1, 1:-1]


def _disc(side: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
