"""Where the product is in every frame: the matte and the rendered product agree to a fraction of a pixel."""

from __future__ import annotations

from fractions import Fraction
from typing import get_args

import numpy as np
import pytest

from models.camera import CameraError, Move, Path, Scene, extent, mattes, path, render
from models.camera.move import Kind
from models.clip import Clip

CLIP = Clip(256, 144, Fraction(7), 5)
MOVING = [kind for kind in get_args(Kind) if kind != "hold"]
BACKDROP, PRODUCT = 40, 220


def flown_by(kind: Kind, parallax: float = 0.0, clip: Clip = CLIP, **more) -> Path:
    return path(Move(kind, 0.12, direction="up" if kind == "tilt" else "left", seed=3, parallax=parallax, **more), clip)


def staged(flown: Path, *, layered: bool) -> Scene:
    """A grey product with a soft, slanted edge on a dark backdrop."""
    left, top, right, bottom = extent(flown)
    width, height = flown.clip.width * 1.5, flown.clip.height * 1.5
    size = (int((1 + top + bottom) * height) + 2, int((1 + left + right) * width) + 2)
    home = (left * width + 0.4, top * height + 0.7, width, height)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float64)
    across = (x - home[0]) / width - 0.5 + 0.1 * ((y - home[1]) / height - 0.5)
    down = (y - home[1]) / height - 0.5
    inside = np.minimum(0.2 - np.abs(across), 0.3 - np.abs(down)) * width  # plate pixels from the product's edge
    matte = np.rint(np.clip(inside / 3 + 0.5, 0, 1) * 255).astype(np.uint8)
    if not layered:
        share = matte[..., None] / 255.0
        plate = np.rint(BACKDROP + (PRODUCT - BACKDROP) * share).astype(np.uint8).repeat(3, axis=2)
        return Scene(plate, home, matte=matte)
    layer = np.dstack([np.full((*size, 3), PRODUCT, np.uint8), matte])
    return Scene(np.full((*size, 3), BACKDROP, np.uint8), home, layer)


@pytest.mark.parametrize(("layered", "parallax"), [(False, 0.0), (True, 0.0), (True, 0.6), (False, 0.6)])
@pytest.mark.parametrize("kind", MOVING)
def test_the_matte_lies_where_the_product_is_drawn(kind: Kind, layered: bool, parallax: float) -> None:
    flown = flown_by(kind, parallax)
    scene = staged(flown, layered=layered)
    seen = 0
    for frame, matte in zip(render(scene, flown), mattes(scene, flown), strict=True):
        assert matte.shape == (CLIP.height, CLIP.width) and matte.dtype == np.uint8
        drawn = (frame[..., 0].astype(float) - BACKDROP) / (PRODUCT - BACKDROP)
        wrong = np.abs(drawn.clip(0, 1) - matte / 255.0)  # a sharp filter overshoots at the edge, a matte cannot
        assert wrong.max() < 0.02, f"{kind} frame {seen}: matte and picture differ by {wrong.max():.3f}"
        assert 0.12 < (matte > 127).mean() < 0.35 and matte[0].max() == 0
        seen += 1
    assert seen == CLIP.frames


def test_a_matte_over_everything_is_everywhere() -> None:
    flown = flown_by("pan")
    scene = staged(flown, layered=False)
    whole = Scene(scene.plate, scene.home, matte=np.full(scene.plate.shape[:2], 255, np.uint8))
    assert min(int(matte.min()) for matte in mattes(whole, flown)) == 255


def test_a_matte_of_nothing_is_nowhere() -> None:
    flown = flown_by("orbit", 0.5)
    scene = staged(flown, layered=True)
    assert scene.layer is not None
    scene.layer[..., 3] = 0
    assert max(int(matte.max()) for matte in mattes(scene, flown)) == 0


def test_a_hold_has_one_matte_and_the_number_of_workers_changes_nothing() -> None:
    held = flown_by("hold")
    first, *others = mattes(staged(held, layered=True), held)
    assert all(np.array_equal(first, matte) for matte in others) and len(others) == CLIP.frames - 1
    flown = flown_by("drift", 0.3)
    scene = staged(flown, layered=True)
    for one, three in zip(mattes(scene, flown, workers=1), mattes(scene, flown, workers=3), strict=True):
        assert np.array_equal(one, three)


def test_a_scene_that_does_not_tell_its_product_is_refused() -> None:
    flown = flown_by("push")
    scene = staged(flown, layered=False)
    with pytest.raises(CameraError, match="neither a product layer nor a matte") as refused:
        mattes(Scene(scene.plate, scene.home), flown)
    assert refused.value.code == "CAMERA_SCENE"
