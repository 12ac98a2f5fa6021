"""Which part of a picture is the product: by its alpha, by a mask, before a plain backdrop, or all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.errors import InputError, Problem
from tasks.prepare.picture import Picture
from tasks.prepare.shadow import shadow_region, visible_box, without_shadow
from tasks.prepare.studio import find_product, judge_border
from tasks.prepare.surface import Float

Pixels = NDArray[np.uint8]
Kind = Literal["alpha", "mask", "plain", "whole"]
Box = tuple[int, int, int, int]
"""left, top, right, bottom in the upright picture's pixels"""

TRANSPARENT_SHARE = 0.002
"""Share of see-through pixels from which an alpha means something (rounded corners and stray pixels do not)."""


@dataclass(frozen=True)
class Product:
    """`matte` uint8 (H, W): its opacity, None where the whole picture is the product. `shadow` bool (H, W): where a
    cut-out's alpha is a soft shadow, None where it has none."""

    kind: Kind
    box: Box
    matte: Pixels | None
    shadow: NDArray[np.bool_] | None = None


def find(picture: Picture, mask: Picture | None, kind: Kind | Literal["auto"]) -> Product:
    """The product of `picture`.

    `auto` takes the mask if there is one, else alpha if the picture has real transparency, else a product that stands
    free before a plain backdrop, else the whole picture. Raises `InputError`: EMPTY_IMAGE, NO_ALPHA, NO_MASK,
    MASK_MISMATCH, MASK_EMPTY or NO_PRODUCT.
    """
    if picture.alpha is not None and not picture.alpha.any():
        raise _refuse("EMPTY_IMAGE", "the picture is fully transparent", "use a picture with something in it")
    if kind == "auto":
        return _auto(picture, mask)
    if kind == "alpha":
        return _by_alpha(picture)
    if kind == "mask":
        return _by_mask(picture, mask)
    if kind == "plain":
        share = find_product(flat(picture))
        if share is None:
            raise _refuse("NO_PRODUCT", "no product stands out from its backdrop", "give a mask, or use product: whole")
        matte = levels(share)
        return Product("plain", _box(matte), matte)
    return Product("whole", (0, 0, picture.width, picture.height), None)


def _auto(picture: Picture, mask: Picture | None) -> Product:
    if mask is not None:
        return _by_mask(picture, mask)
    if picture.alpha is not None and float((picture.alpha < 250).mean()) > TRANSPARENT_SHARE:
        return _by_alpha(picture)
    opaque = flat(picture)
    if judge_border(opaque).plain and (share := find_product(opaque)) is not None:
        matte = levels(share)
        left, top, right, bottom = box = _box(matte)
        # A subject cut by the picture's edge is a composition: moving it elsewhere would show the cut.
        slack_x, slack_y = 0.012 * picture.width, 0.012 * picture.height
        inside_x = left > slack_x and right < picture.width - slack_x
        inside_y = top > slack_y and bottom < picture.height - slack_y
        if inside_x and inside_y:
            return Product("plain", box, matte)
    return find(picture, None, "whole")


def _by_alpha(picture: Picture) -> Product:
    if picture.alpha is None:
        raise _refuse("NO_ALPHA", "the picture has no transparency to find the product by", "use product: auto")
    shadow = shadow_region(picture.rgb, picture.alpha)
    matte = picture.alpha if shadow is None else without_shadow(picture.alpha, shadow)
    return Product("alpha", _box(matte), matte, shadow)


def _by_mask(picture: Picture, mask: Picture | None) -> Product:
    if mask is None:
        raise _refuse("NO_MASK", "product: mask needs a mask picture", "name one, or use product: auto")
    share = refine(read_mask(mask, picture), picture)
    if picture.alpha is not None:
        share = share * (picture.alpha.astype(np.float32) / 255)
    matte = levels(share)
    return Product("mask", _box(matte), matte)


def read_mask(mask: Picture, picture: Picture) -> Float:
    """`mask` (white or opaque: product) as float32 (H, W) in [0, 1] of the picture's size."""
    if abs(mask.width * picture.height / (mask.height * picture.width) - 1) > 0.01:
        raise _refuse(
            "MASK_MISMATCH",
            f"the mask is {mask.width}x{mask.height}, the picture {picture.width}x{picture.height}",
            "use a mask of the picture's size or at least its aspect",
        )
    grey = mask.alpha if mask.alpha is not None else cv2.cvtColor(mask.rgb, cv2.COLOR_RGB2GRAY)
    matte = grey.astype(np.float32) / 255
    if (mask.height, mask.width) != (picture.height, picture.width):
        matte = cv2.resize(matte, (picture.width, picture.height), interpolation=cv2.INTER_LINEAR)
    if not (matte >= 0.5).any():
        raise _refuse("MASK_EMPTY", "the mask marks nothing as product", "paint the product white, the rest black")
    return np.asarray(matte, np.float32)


def refine(matte: Float, picture: Picture) -> Float:
    """Let the matte's edge follow the picture's within a few pixels (guided filter, He et al., ECCV 2010)."""
    unit = max(1.0, max(picture.width, picture.height) / 1024)
    side = 2 * round(3 * unit) + 1
    size = (side, side)
    guide = cv2.cvtColor(picture.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    mean_guide, mean_matte = cv2.blur(guide, size), cv2.blur(matte, size)
    covariance = cv2.blur(guide * matte, size) - mean_guide * mean_matte
    variance = cv2.blur(guide * guide, size) - mean_guide * mean_guide
    slope = covariance / (variance + 2e-4)
    offset = mean_matte - slope * mean_guide
    followed = cv2.blur(slope, size) * guide + cv2.blur(offset, size)
    kernel = np.ones(size, np.uint8)
    band = cv2.dilate(matte, kernel) - cv2.erode(matte, kernel) > 0.5  # what is soft by intent stays as given
    return np.clip(np.where(band, (followed - 0.5) * 1.3 + 0.5, matte), 0, 1).astype(np.float32)


def flat(picture: Picture, paper: tuple[float, float, float] = (255, 255, 255), step: int = 1) -> Pixels:
    """uint8 (H, W, 3) of `picture` on `paper` (levels); every `step`-th pixel of it."""
    if picture.alpha is None:
        return picture.rgb[::step, ::step]
    share = picture.alpha[::step, ::step, None].astype(np.float32) / 255
    opaque = picture.rgb[::step, ::step] * share + np.array(paper, np.float32) * (1 - share)
    return np.rint(opaque).astype(np.uint8)


def levels(share: Float) -> Pixels:
    """[0, 1] -> uint8."""
    return np.rint(share * 255).astype(np.uint8)


def _box(matte: Pixels) -> Box:
    box = visible_box(matte, 128) or visible_box(matte, 6)
    if box is None:
        raise _refuse("NO_PRODUCT", "the picture has no product in it, only shadow", "use another picture or a mask")
    return box


def _refuse(code: str, message: str, remedy: str) -> InputError:
    return InputError(Problem(code=code, message=message, remedy=remedy))
