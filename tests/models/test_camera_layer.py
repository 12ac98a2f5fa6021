"""The product layer over its plate: it follows its own views, has no halo, and takes the light alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.camera import Move, Scene, Sweep, path, render
from models.camera.move import Kind
from tests.models.camera_scenes import CLIP, assert_shows, drawn, move_of, seen, with_product


def test_a_product_like_its_backdrop_has_no_halo() -> None:
    flown = path(move_of("arc", parallax=0.7), CLIP)
    scene = with_product(drawn(flown))
    plate = np.full_like(scene.plate, (90, 110, 130))
    for number, frame in enumerate(render(replace(scene, plate=plate), flown)):
        off = np.abs(frame.astype(int) - (90, 110, 130)).max()
        assert off <= 2, f"frame {number}: the edge shows by {off} levels"


@pytest.mark.parametrize("kind", ["push", "pan", "orbit"])
def test_the_layer_follows_its_own_views(kind: Kind) -> None:
    flown = path(move_of(kind, parallax=0.8), CLIP)
    assert flown.layer is not None
    scene = drawn(flown)
    opaque = np.full(scene.plate.shape[:2], 255, np.uint8)
    hidden = replace(scene, plate=np.zeros_like(scene.plate), layer=np.dstack([scene.plate, opaque]))
    for number, frame in enumerate(render(hidden, flown)):
        assert_shows(
            frame, seen(flown.layer, number, CLIP, scene.home), max_rms=0.8, max_error=4, what=f"frame {number}"
        )
    bare = replace(hidden, plate=scene.plate, layer=np.zeros_like(hidden.layer))
    for number, frame in enumerate(render(bare, flown)):
        assert_shows(
            frame, seen(flown.plate, number, CLIP, scene.home), max_rms=0.8, max_error=4, what=f"frame {number}"
        )


def test_a_layer_without_parallax_is_one_picture_again() -> None:
    flown = path(move_of("push"), CLIP)
    scene = drawn(flown)
    split = with_product(scene)
    whole = scene.plate.copy()
    assert split.layer is not None
    whole[split.layer[..., 3] > 0] = (90, 110, 130)
    for got, want in zip(
        render(split, flown, planes=True), render(Scene(whole, scene.home), flown, planes=True), strict=True
    ):
        assert np.array_equal(got.y, want.y)


@pytest.mark.parametrize("loop", [False, True])
def test_a_sweep_lights_the_product_alone_and_begins_and_ends_dark(loop: bool) -> None:
    clip = replace(CLIP, frames=21)
    flown = path(move_of("push", parallax=0.5, loop=loop), clip)
    scene = with_product(drawn(flown))
    bare = replace(scene, plate=np.zeros_like(scene.plate), layer=replace_color(np.array(scene.layer), 255))
    most = 0
    for number, (lit, dark, alpha) in enumerate(
        zip(render(scene, flown, sweep=Sweep(0.6)), render(scene, flown), render(bare, flown), strict=True)
    ):
        gained = lit.astype(int) - dark
        assert gained.min() >= 0
        assert not gained[alpha[..., 0] == 0].any(), f"frame {number}: light beside the product"
        most = max(most, int(gained.max()))
        if number in (0, clip.frames - 1) and not loop:
            assert not gained.any(), f"frame {number}: the sweep does not start and end clear of the product"
        if number == 0:
            assert not gained.any()
    assert most > 25, f"the sweep lightens by {most} levels at most"


def replace_color(layer: np.ndarray, value: int) -> np.ndarray:
    changed = layer.copy()
    changed[..., :3] = value
    return changed


def test_a_sweep_is_a_screen_in_linear_light() -> None:
    clip = replace(CLIP, frames=3)
    flown = path(Move("hold", 0), clip)
    scene = with_product(drawn(flown))
    middle = list(render(scene, flown, sweep=Sweep(0.5, angle=0, width=0.4)))[1]
    row = middle[90].astype(float)
    # Half the light, given back in the surface's own colour but for the 15% of it that its gloss reflects.
    given = [(value, 0.5 * (0.15 + 0.85 * linear(value))) for value in (90, 110, 130)]
    want = [encoded(1 - (1 - linear(value)) * (1 - light)) for value, light in given]
    plain = list(render(scene, flown))[1][90]
    brightest = row[np.abs(plain.astype(int) - (90, 110, 130)).max(axis=1) <= 1].max(axis=0)
    assert np.abs(brightest - want).max() <= 1.5, f"middle of the band is {brightest}, wanted {np.round(want, 1)}"
    matted = Scene(scene.flat().plate, scene.home, matte=scene.product)
    again = list(render(matted, flown, sweep=Sweep(0.5, angle=0, width=0.4)))[1]
    assert np.abs(again.astype(int) - middle).max() <= 2, "a matte does not do what a layer does"


def linear(code: float) -> float:
    return code / 255 / 12.92 if code <= 10.31475 else ((code / 255 + 0.055) / 1.055) ** 2.4


def encoded(light: float) -> float:
    return 255 * (light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def test_a_matte_smaller_than_the_layer_limits_the_light_and_not_the_layer() -> None:
    flown = path(move_of("pan", parallax=0.5), CLIP)
    scene = with_product(drawn(flown))
    upper = np.array(scene.product)
    upper[round(scene.home[1] + 0.5 * scene.home[3]) :] = 0
    half = replace(scene, matte=upper)
    plain = list(render(scene, flown))
    assert all(np.array_equal(a, b) for a, b in zip(render(half, flown), plain, strict=True))
    gained = [lit.astype(int) - dark for lit, dark in zip(render(half, flown, sweep=Sweep(0.6)), plain, strict=True)]
    assert max(gain[:86].max() for gain in gained) > 20
    assert not any(gain[96:].any() for gain in gained), "light below the matte"


def test_without_a_layer_parallax_is_flown_as_one_picture() -> None:
    flown = path(move_of("orbit", parallax=0.8), CLIP)
    scene = drawn(flown)
    plain = path(move_of("orbit"), CLIP)
    for number, frame in enumerate(render(scene, flown)):
        assert_shows(
            frame, seen(plain.plate, number, CLIP, scene.home), max_rms=0.8, max_error=4, what=f"frame {number}"
        )
