"""A product followed: commanded shifts, zooms and rolls are found again to a tenth of a pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.fidelity.similarity import IDENTITY, Product, Similarity, from_matrix, warp
from models.fidelity.track import find, fit, template
from tests.models.fidelity.drawn import HEIGHT, WIDTH, draw, relit

COMMANDED = [
    (0.0, 0.0, 1.0, 0.0),
    (0.3, -0.45, 1.0, 0.0),
    (2.6, 1.7, 1.0, 0.0),
    (-13.4, 6.2, 1.0, 0.0),
    (0.0, 0.0, 1.06, 0.0),
    (0.0, 0.0, 1.0, -0.03),
    (4.2, -3.1, 0.95, 0.025),
]


def between_px(found: Similarity, commanded: Similarity, matte: np.ndarray) -> float:
    """RMS distance over the matte of where the two put a point."""
    y, x = np.nonzero(matte > 127)
    points = np.column_stack([x, y, np.ones_like(x)]).astype(float)
    wrong = points @ (found.matrix(WIDTH, HEIGHT) - commanded.matrix(WIDTH, HEIGHT)).T
    return float(np.sqrt((wrong**2).sum(axis=1).mean()))


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("commanded", COMMANDED)
def test_a_commanded_move_is_found_again(commanded, light) -> None:
    asked = Similarity(*commanded, 0.0)
    first, matte = draw()
    frame, _ = draw(asked)
    found = fit(first, relit(frame) if light else frame, matte)
    wrong = between_px(found, asked, matte)
    assert wrong < 0.1 and found.trackable(WIDTH), f"{wrong:.3f} px off (< 0.1): {found}"


def test_a_long_way_is_followed_frame_by_frame() -> None:
    first, matte = draw()
    product, found = template(first, matte), IDENTITY
    for step in range(1, 7):
        asked = Similarity(9.0 * step, -3.0 * step, 1.03**step, 0.02 * step, 0.0)
        frame, _ = draw(asked)
        before, found = found, find(product, relit(frame, step), found)
        assert found == find(product, relit(frame, step), before), "the same frames gave another path"
        assert between_px(found, asked, matte) < 0.15, f"step {step}: {found}, asked {asked}"


def test_a_bent_product_is_not_trackable() -> None:
    first, matte = draw()
    frame, _ = draw()
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    cv2 = pytest.importorskip("cv2")
    bent = cv2.remap(frame, x + 5 * np.sin(y / 15).astype(np.float32), y, cv2.INTER_LINEAR)
    found = fit(first, bent, matte)
    assert not found.trackable(WIDTH), f"residual {found.residual_px:.2f} px"


@pytest.mark.parametrize("what", ["another product", "nothing", "plain"])
def test_what_is_not_there_is_not_followed(what) -> None:
    first, matte = draw(texture=0.0 if what == "plain" else 1.0)
    frame, _ = draw(seed=7) if what == "another product" else draw(texture=0.0)
    start = Similarity(1.0, 2.0, 1.01, 0.0, 0.0)
    found = fit(first if what != "plain" else np.full_like(first, 120), frame, matte, start)
    assert not found.trackable(WIDTH), found
    if math.isinf(found.residual_px):
        assert (found.dx, found.dy, found.scale) == (1.0, 2.0, 1.01)


@pytest.mark.parametrize("commanded", COMMANDED)
def test_a_frame_is_warped_to_where_the_similarity_says(commanded) -> None:
    asked = Similarity(*commanded, 0.0)
    want, want_matte = draw(asked)
    got, got_matte = warp(*draw(), asked)
    rim = (want_matte > 0) & (want_matte < 255)
    wrong = (got_matte.astype(float) - want_matte)[rim]  # 128 levels are a pixel
    rms, mean = float(np.sqrt((wrong**2).mean())), float(wrong.mean())
    assert rms < 12 and abs(mean) < 2, f"matte's rim: rms {rms:.1f} (< 12), mean {mean:.1f} levels (within 2)"
    inside = want_matte == 255
    rms = float(np.sqrt(((got.astype(float) - want)[inside] ** 2).mean()))
    assert rms < 2.0, f"product off by {rms:.2f} levels"


def test_a_similarity_survives_its_matrix_and_nothing_moves_nothing() -> None:
    asked = Similarity(3.5, -2.25, 1.1, 0.2, 0.5)
    back = from_matrix(asked.matrix(WIDTH, HEIGHT), WIDTH, HEIGHT, 0.5)
    assert np.allclose((back.dx, back.dy, back.scale, back.roll), (3.5, -2.25, 1.1, 0.2))
    first, matte = draw()
    assert IDENTITY.distance_px(matte) == 0 and Similarity(3.0, 4.0, 1.0, 0.0, 0.0).distance_px(matte) == 5.0
    still, still_matte = Product(first, matte).warp(IDENTITY)
    assert np.abs(still.astype(int) - first).max() <= 3 and np.abs(still_matte.astype(int) - matte).max() <= 3
