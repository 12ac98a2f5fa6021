"""Putting a product in its frame: placed, on its backdrop, its shadow on the floor.

A studio photo brings its own backdrop, which is continued (`extend`); a cut-out stands on a designed one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.errors import InputError, Problem
from tasks.prepare.backdrop import backdrop, colors_for, parse
from tasks.prepare.extend import extend, grain_of
from tasks.prepare.picture import Picture
from tasks.prepare.placement import Box, Placement, place
from tasks.prepare.product import Pixels, Product, find, flat
from tasks.prepare.resample import Piece, lay, on_plate
from tasks.prepare.shadow import Shadow, contact_shadow, soft_shadow, visible_box
from tasks.prepare.still import Still
from tasks.prepare.surface import Float, add_tiled, fill_holes, seeded, to_bytes
from tasks.recipe import PrepareRecipe

FINE_GRAIN = 0.6
"""Levels of grain on a designed backdrop: an encoder would quantise a clean gradient into bands."""
FLOOR_MARGIN = 0.03
"""Share of the home frame kept free below a shadow that is moved up to stay in it."""
CONTACT_COLOR = np.array([20.0, 18.0, 16.0], np.float32)


def stage(picture: Picture, mask: Picture | None, recipe: PrepareRecipe) -> Still:
    """The still of `recipe`. Raises `InputError`: BACKDROP_NEEDS_CUTOUT, NO_SURROUNDINGS, and those of `find`."""
    product = find(picture, mask, recipe.product)
    placement = place(product.box, recipe)
    if recipe.backdrop == "extend":
        return _extended(picture, product, placement, recipe)
    return _staged(picture, product, placement, recipe)


def _extended(picture: Picture, product: Product, placement: Placement, recipe: PrepareRecipe) -> Still:
    if picture.alpha is not None and product.kind != "whole":
        raise _refuse("NO_SURROUNDINGS", "a cut-out has no surroundings to extend", "use backdrop: floor")
    red, green, blue = (float(level) for level in (parse(recipe.colors[0]) if recipe.colors else (255, 255, 255)))
    photo = on_plate(flat(picture, (red, green, blue)), placement)
    plain = product.kind != "whole"
    shown = None if product.matte is None else on_plate(product.matte, placement)
    canvas = extend(
        photo.pixels,
        (photo.x, photo.y),
        placement.size,
        plain=plain,
        random=seeded(picture.sha256, 1),
        product=None if shown is None else shown.pixels,
    )
    if shown is None:
        return _still(to_bytes(canvas, seeded(picture.sha256, 2)), None, None, placement, product.box)
    matte = shown.spread(placement.size)
    if not recipe.layers:
        return _still(to_bytes(canvas, seeded(picture.sha256, 2)), None, matte, placement)
    behind = _without(canvas, matte, picture)
    plate = to_bytes(behind, seeded(picture.sha256, 2))
    return _still(plate, _layer(canvas, behind, matte), matte, placement)


def _staged(picture: Picture, product: Product, placement: Placement, recipe: PrepareRecipe) -> Still:
    if picture.alpha is None and product.kind != "mask":
        raise _refuse(
            "BACKDROP_NEEDS_CUTOUT",
            f"backdrop: {recipe.backdrop} needs a cut-out, and the picture has neither transparency nor a mask",
            "give a mask or a cut-out PNG, or use backdrop: extend",
        )
    opacity = product.matte if product.matte is not None else picture.alpha  # whole: shadow and all
    assert opacity is not None
    shown = on_plate(np.dstack([_clean_edge(picture, product, opacity), opacity]), placement)
    layer = shown.spread(placement.size)
    matte = np.ascontiguousarray(layer[..., 3])
    standing = visible_box(matte, 128) or (0, 0, *placement.size)

    shadow, color, ground = None, CONTACT_COLOR, float(standing[3])
    if recipe.shadow == "contact":
        shadow = _drawn_shadow(matte, standing)
    elif recipe.shadow == "keep" and product.shadow is not None and picture.alpha is not None:
        kept = soft_shadow(picture.rgb, picture.alpha, product.shadow)
        if kept is not None:
            color = kept.color
            shadow, ground = _kept_shadow(kept, placement, standing[3])

    _, home_y, _, home_height = placement.home
    rows = ((np.arange(placement.size[1]) + 0.5 - home_y) / home_height).astype(np.float32)
    # A floor that began in front of the product would be no floor.
    horizon = min(recipe.horizon, (ground - home_y) / home_height - 0.05)
    colors = recipe.colors or colors_for(picture.rgb, opacity)
    canvas = np.repeat(backdrop(recipe.backdrop, colors, rows, horizon), placement.size[0], axis=1)
    if shadow is not None:
        lay(canvas, color, shadow)
    grain = 0.0 if recipe.backdrop == "color" else FINE_GRAIN
    plate = to_bytes(canvas, seeded(picture.sha256, 2), grain)
    still = _still(plate, layer, matte, placement, None if product.matte is not None else product.box)
    if recipe.layers:
        return still
    return Still(still.flat, None, matte, still.home, still.product_box, still.density)


def _kept_shadow(shadow: Shadow, placement: Placement, bottom: int) -> tuple[Piece, float]:
    """(its opacity on the plate, the line it lies on).

    A product shown hovering keeps its height above the floor as far as the frame has room for the shadow; then the
    floor comes up, at most until it touches the product.
    """
    box = placement.to_plate(shadow.box)
    _, home_y, _, home_height = placement.home
    excess = box[3] - (home_y + home_height * (1 - FLOOR_MARGIN))
    middle = (box[1] + box[3]) / 2
    up = round(max(0.0, min(excess, middle - bottom)))
    return on_plate(shadow.opacity, placement, down=-up), middle - up


def _drawn_shadow(matte: Pixels, box: tuple[int, int, int, int]) -> Piece:
    """A contact shadow below what stands in `box`, drawn only where it reaches."""
    unit = min(box[3] - box[1], box[2] - box[0])
    reach = round(0.5 * unit)
    left, top = max(0, box[0] - reach), max(0, box[3] - unit)
    right, bottom = min(matte.shape[1], box[2] + reach), min(matte.shape[0], box[3] + reach)
    return Piece(contact_shadow(matte[top:bottom, left:right], float(unit)), left, top)


def _clean_edge(picture: Picture, product: Product, opacity: Pixels) -> Pixels:
    """Colours without the old backdrop, or the shadow beside, in them: at such an edge they are carried out from
    inside the product."""
    if product.kind == "mask":
        unit = max(1, round(max(opacity.shape) / 1024))
        inside = cv2.erode((opacity > 249).astype(np.uint8), np.ones((2 * unit + 1,) * 2, np.uint8)) > 0
        return _carried_out(picture.rgb, inside, inside | (opacity == 255))
    if product.shadow is not None and picture.alpha is not None:
        own = (opacity > 0) & (opacity == picture.alpha)
        return _carried_out(picture.rgb, own, own | (opacity == 0))
    return picture.rgb


def _carried_out(rgb: Pixels, source: NDArray[np.bool_], keep: NDArray[np.bool_]) -> Pixels:
    """`rgb` with the pixels outside `keep` coloured by those of `source` beside them."""
    box = visible_box((~keep).astype(np.uint8), 1)
    if box is None or not source.any():
        return rgb
    left, top, right, bottom = box
    part = np.s_[top:bottom, left:right]
    if not source[part].any():
        return rgb
    carried = np.clip(fill_holes(rgb[part].astype(np.float32), source[part].astype(np.float32)), 0, 255)
    made = rgb.copy()
    made[part] = np.where(keep[part][..., None], rgb[part], np.rint(carried)).astype(np.uint8)
    return made


def _without(canvas: Float, matte: Pixels, picture: Picture) -> Float:
    """`canvas` with what `matte` covers replaced by the backdrop around it, grain included."""
    reach = max(3, round(max(canvas.shape) / 400))
    covered = cv2.dilate((matte > 2).astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)).astype(np.float32)
    behind = fill_holes(canvas, 1 - covered)
    add_tiled(behind, grain_of(canvas, seeded(picture.sha256, 3)))
    return np.where(covered[..., None] > 0, behind, canvas)


def _layer(canvas: Float, behind: Float, matte: Pixels) -> Pixels:
    """RGBA that gives `canvas` again when laid over `behind`, as far as colours go: its edge carries no backdrop."""
    share = matte.astype(np.float32)[..., None] / 255
    color = np.clip(np.rint(behind + (canvas - behind) / np.maximum(share, 1 / 255)), 0, 255)
    return np.dstack([color, matte]).astype(np.uint8)


def _still(
    plate: Pixels, layer: Pixels | None, matte: Pixels | None, placement: Placement, box: Box | None = None
) -> Still:
    """With the product's box (source pixels, where the whole picture is the product) or else as measured in `matte`."""
    if box is not None:
        on_the_plate = placement.to_plate(box)
    else:
        measured = visible_box(matte, 128) if matte is not None else None
        if measured is None:
            raise _refuse("NO_PRODUCT", "nothing of the product is left at this size", "use a larger fill")
        on_the_plate = measured
    return Still(plate, layer, matte, placement.home, placement.to_home(on_the_plate), placement.density)


def _refuse(code: str, message: str, remedy: str) -> InputError:
    return InputError(Problem(code=code, message=message, remedy=remedy))
