"""Backdrops and shadows: continued without a seam, smooth, and one shadow that stays with the floor."""

from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
import pytest

from tasks.prepare import stage
from tests.tasks.test_prepare import cutout, home_of, made, painted_mask, recipe, studio


def test_the_shadow_is_one_and_stays_with_the_floor() -> None:
    asked = recipe(frame_height=400, frame_width=400, fill=0.5, layers=True, colors=("#c8c8c8",), backdrop="color")
    still = stage(cutout(), None, asked)
    bare = stage(cutout(shadow=False), None, asked)
    assert still.layer is not None and still.matte is not None and bare.matte is not None
    extra = np.abs(still.matte.astype(int) - bare.matte).max()
    assert extra <= 3, f"the matte holds {extra} levels of shadow"
    darkening = 200 - still.plate.astype(float).mean(2)
    profile = darkening.max(1)
    peaks = [row for row, _ in itertools.groupby(profile > 20)]
    assert peaks.count(True) == 1, "one dark place on the floor"
    assert 60 < profile.max() < 110, f"as dark as in the picture, got {profile.max()}"
    assert stage(cutout(), None, asked.model_copy(update={"shadow": "none"})).plate.std() == 0


@pytest.mark.parametrize("touching", [False, True])
def test_lenses_stay_with_the_product(touching: bool) -> None:
    still = stage(cutout(touching=touching), None, recipe(layers=True))
    assert still.layer is not None
    left, top, right, bottom = still.product_box
    x, y, width, height = still.home
    row, column = int(y + (top + bottom) / 2 * height), int(x + (left + right) / 2 * width)
    assert still.layer[row, column, 3] == 200
    assert abs((right - left) * width / ((bottom - top) * height) - 200 / 160) < 0.02, "the box is the block's"


def test_a_shadow_far_below_is_brought_into_the_frame() -> None:
    still = stage(cutout(), None, recipe(fill=0.62, colors=("#c8c8c8",), backdrop="color", layers=True))
    darkening = 200 - home_of(dataclasses.replace(still, layer=None)).astype(float).mean(2).min(1)
    rows = np.flatnonzero(darkening > 5)
    assert rows.size and rows[-1] < 180 * 0.99, "the whole shadow is in the frame"
    assert rows.mean() / 180 > still.product_box[3] - 0.05, "and not higher than the product's foot"


def test_a_contact_shadow_is_darkest_below_the_foot() -> None:
    asked = recipe(shadow="contact", colors=("#c8c8c8",), backdrop="color", layers=True)
    plate = home_of(dataclasses.replace(stage(cutout(shadow=False), None, asked), layer=None)).astype(float).mean(2)
    row, column = np.unravel_index(plate.argmin(), plate.shape)
    left, _, right, bottom = stage(cutout(shadow=False), None, asked).product_box
    assert abs(row / 180 - bottom) < 0.03, f"darkest at {row / 180}, the foot is at {bottom}"
    assert left < column / 320 < right
    assert plate[: int(180 * 0.5)].min() == 200, "nothing above"
    assert plate.min() < 140


@pytest.mark.parametrize("frame", [(640, 360), (360, 640), (200, 900), (900, 200)])
def test_no_seam_where_the_photo_ends(frame: tuple[int, int]) -> None:
    photo = studio()
    asked = recipe(
        product="plain", backdrop="extend", fill=0.45, frame_width=frame[0], frame_height=frame[1], density=1.0
    )
    still = stage(photo, None, asked)
    plate = cv2.GaussianBlur(still.plate.astype(np.float32).mean(2), (0, 0), 1.5)
    box, (x, y, width, height) = still.product_box, still.home
    scale = (box[2] - box[0]) * width / 120
    left, top = x + box[0] * width - 140 * scale, y + box[1] * height - 120 * scale
    joins = {"left": left, "right": left + 400 * scale, "top": top, "bottom": top + 400 * scale}
    checked = 0
    for side, place in joins.items():
        lines = plate if side in ("left", "right") else plate.T
        at = round(place)
        if not 24 < at < lines.shape[1] - 24:
            continue
        checked += 1
        span = (top, left)[side in ("top", "bottom")]
        rows = slice(max(0, round(span) + 8), max(0, round(span + 400 * scale) - 8))
        steps = np.abs(np.diff(lines[rows], axis=1))
        join = float(np.median(steps[:, at - 3 : at + 3].max(1)))
        own = float(np.median(np.lib.stride_tricks.sliding_window_view(steps[:, :], 6, axis=1).max(-1)))
        assert join <= 1.6 * own + 0.25, f"{side}: step {join:.2f} levels at the join, {own:.2f} elsewhere"
        far = abs(float(lines[rows, at - 12 : at - 2].mean() - lines[rows, at + 2 : at + 12].mean()))
        assert far < 1.5, f"{side}: {far:.2f} levels between the two sides"
    assert checked >= 2 or max(frame) < 400


def test_an_extended_photo_keeps_its_grain_and_its_floor_line() -> None:
    photo = studio(noise=2.0)
    still = stage(photo, None, recipe(product="plain", backdrop="extend", fill=0.8, frame_width=900, frame_height=200))
    plate = still.plate.astype(np.float32).mean(2)
    grain = plate - cv2.GaussianBlur(plate, (0, 0), 2)
    inside, outside = grain[:, 320:380].std(), grain[:, 20:200].std()
    assert 0.6 < outside / inside < 1.6, f"grain {outside:.2f} outside, {inside:.2f} inside"
    # The step from wall to floor goes on sideways at the same height.
    box = still.product_box
    floor = round((box[1] + (box[3] - box[1]) * 0.75) * 200)
    step = plate[floor + 10 : floor + 16, 180:220].mean() - plate[floor - 16 : floor - 10, 180:220].mean()
    assert step > 4, f"wall to floor {step:.1f} levels"


def test_a_scene_is_continued_without_bars_or_copies() -> None:
    random = np.random.default_rng(5)
    scene = made(cv2.resize(random.integers(0, 255, (12, 12, 3), np.uint8), (240, 240), interpolation=cv2.INTER_CUBIC))
    still = stage(scene, None, recipe(product="whole", backdrop="extend", fill=1.0))
    assert still.plate.shape == (180, 320, 3) and still.matte is None
    assert still.product_box == pytest.approx(((1 - 180 / 320) / 2, 0, (1 + 180 / 320) / 2, 1), abs=0.005)
    plate = still.plate.astype(np.float32)
    assert np.abs(plate[:, 69:71].mean(1) - plate[:, 71:73].mean(1)).mean() < 12, "it starts as the picture ends"
    sides = [plate[:, :30].std(0).mean(), plate[:, 72:100].std(0).mean()]
    assert sides[0] < 0.6 * sides[1], f"softer with distance: {sides}"


@pytest.mark.parametrize("backdrop", ["color", "gradient", "floor"])
def test_designed_backdrops_run_smoothly_between_the_colours_asked_for(backdrop: str) -> None:
    asked = recipe(
        frame_height=600, frame_width=320, backdrop=backdrop, colors=("#204060", "#c0b0a0"), shadow="none", fill=0.2
    )
    plate = home_of(dataclasses.replace(stage(cutout(), None, asked.model_copy(update={"layers": True})), layer=None))
    rows = plate.astype(float).mean(1)
    assert np.abs(rows[0] - (0x20, 0x40, 0x60)).max() < 1.5, f"top {rows[0]}"
    if backdrop == "color":
        assert plate.std((0, 1)).max() == 0
        return
    assert np.abs(rows[-1] - (0xC0, 0xB0, 0xA0)).max() < 8, f"bottom {rows[-1]}"
    steps = np.abs(np.diff(rows, axis=0)).max()
    assert steps < 3.5, f"largest step between rows {steps:.2f}"
    assert plate[300].std(0).min() > 0.2, "dithered: a row of a gradient is not one level"


@pytest.mark.parametrize("level", [255, 245, 20])
def test_light_and_dark_products_stay_visible_on_the_backdrop_chosen_for_them(level: int) -> None:
    source = cutout(shadow=False)
    source.rgb[80:240, 100:300] = level
    still = stage(source, None, recipe(shadow="none"))
    image = home_of(still).astype(float)
    top, left = round(still.product_box[1] * 180), round(still.product_box[0] * 320)
    contrast = abs(image[top + 20, left + 4].mean() - image[top + 20, left - 5].mean())
    assert contrast > 18, f"{contrast} levels between product and wall"


def test_a_mask_cuts_the_product_out_of_a_photo() -> None:
    photo = studio()
    still = stage(photo, painted_mask(photo), recipe(product="mask", shadow="contact", layers=True, density=2.0))
    assert still.layer is not None
    edge = still.layer[(still.layer[..., 3] > 40) & (still.layer[..., 3] < 250)]
    solid = still.layer[still.layer[..., 3] == 255][:, :3].astype(float)
    assert np.abs(solid - (40, 60, 110)).max() < 4
    if len(edge):
        halo = np.abs(edge[:, :3].astype(float) - (40, 60, 110)).mean()
        assert halo < 12, f"the old backdrop is in the edge by {halo:.1f} levels"


def test_layers_of_a_photo_add_up_to_it_and_leave_a_clean_plate() -> None:
    photo = studio()
    asked = recipe(product="mask", backdrop="extend")
    whole = stage(photo, painted_mask(photo), asked)
    still = stage(photo, painted_mask(photo), asked.model_copy(update={"layers": True}))
    assert still.layer is not None and still.matte is not None
    error = np.abs(still.flat.astype(int) - whole.plate).mean()
    assert error < 0.5, f"mean difference {error:.2f} levels"
    behind = still.plate[still.matte > 200].astype(float)
    assert behind.mean(1).min() > 90, f"the product is still in the plate: darkest {behind.mean(1).min():.0f}"
