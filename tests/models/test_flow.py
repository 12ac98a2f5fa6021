"""Flow interpolation on a shot whose in-between frames are known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from models import flow
from models.clip import Frame
from models.errors import EngineError
from tests.benchmarks.moving_shot import MovingShot


def psnr_db(a: Frame, b: Frame) -> float:
    return float(cv2.PSNR(a, b))


@pytest.fixture(scope="module")
def shot() -> MovingShot:
    return MovingShot(640, 360)


@pytest.mark.parametrize("t", [0.25, 0.5, 0.8])
def test_in_between_frames_are_far_better_than_a_blend(shot: MovingShot, t: float) -> None:
    a, b, wanted = shot.at(0), shot.at(1), shot.at(t)
    with flow.Interpolator() as engine:
        got = psnr_db(engine.between(a, b, t), wanted)
    blend = psnr_db(cv2.addWeighted(a, 1 - t, b, t, 0), wanted)  # type: ignore[arg-type]
    assert got > 28, f"{got:.2f} dB at {t} (a blend has {blend:.2f})"
    assert got > blend + 6, f"{got:.2f} dB at {t}, a blend has {blend:.2f}"


def test_what_is_hidden_in_one_frame_comes_from_the_other(shot: MovingShot) -> None:
    """Around the moving disc's edge a blend shows two edges; there must be one."""
    a, b, wanted = shot.at(0), shot.at(1), shot.at(0.5)
    with flow.Interpolator() as engine:
        got = engine.between(a, b, 0.5)
    y, x = np.mgrid[0:360, 0:640]
    centre = 640 * (0.3 + 0.0125 / 2), 360 * 0.45
    ring = np.abs(np.hypot(x - centre[0], y - centre[1]) - 0.14 * 640) < 8

    def error(frame: Frame) -> float:
        return float(np.abs(frame[ring].astype(float) - wanted[ring]).mean())

    blend = cv2.addWeighted(a, 0.5, b, 0.5, 0)
    assert error(got) < 0.6 * error(blend), f"{error(got):.1f} levels off at the edge, a blend {error(blend):.1f}"


def test_the_finest_detail_keeps_its_strength() -> None:
    """Source frames pass untouched, so a softer in-between frame would make the picture pulse."""
    shot = MovingShot(1600, 900, crossing=0.0)
    inside = slice(60, -60), slice(900, -60)
    wanted = shot.at(0.5)[inside]
    with flow.Interpolator() as engine:
        got = engine.between(shot.at(0), shot.at(1), 0.5)[inside]
    kept = cv2.Laplacian(got, cv2.CV_32F).var() / cv2.Laplacian(wanted, cv2.CV_32F).var()
    assert 0.79 < kept < 1.1, f"{kept:.3f} of the Laplacian energy is left (bilinear warping: 0.74)"


def test_a_plain_shift_is_followed_exactly() -> None:
    base = MovingShot(800, 480).at(0)
    a, b = base[40:400, 40:680], base[40:400, 56:696]  # 16 px to the left
    with flow.Interpolator() as engine:
        got = engine.between(a, b, 0.5)[:, 24:-24]
    wanted = base[40:400, 48:688][:, 24:-24]
    assert psnr_db(np.ascontiguousarray(got), np.ascontiguousarray(wanted)) > 38


def test_a_standing_picture_stands_still(shot: MovingShot) -> None:
    a = shot.at(0)
    with flow.Interpolator() as engine:
        got = engine.between(a, a.copy(), 0.5)
        assert engine.ran() == {"pairs": 1, "cuts": 0}
    assert psnr_db(got, a) > 40


def test_across_a_cut_no_ghost_is_made_and_it_is_counted(shot: MovingShot) -> None:
    a, b = shot.at(0), MovingShot(640, 360, seed=99).at(0)
    with flow.Interpolator() as engine:
        assert engine.between(a, b, 0.25) is a
        assert engine.between(a, b, 0.75) is b
        assert engine.ran() == {"pairs": 1, "cuts": 1}
        engine.between(shot.at(0), shot.at(3), 0.5)  # fast, but one shot
        assert engine.ran() == {"pairs": 2, "cuts": 1}


def test_the_result_depends_on_the_frames_alone(shot: MovingShot) -> None:
    """Not on OpenCV's threads, on what was interpolated before, or on who else is working."""
    a, b, c = shot.at(0), shot.at(1), shot.at(2)
    threads = cv2.getNumThreads()
    try:
        made = []
        for count in (1, 4):
            cv2.setNumThreads(count)
            with flow.Interpolator() as engine:
                made.append(engine.between(b, c, 0.3))
                engine.between(a, b, 0.5)
                made.append(engine.between(b, c, 0.3))
        with flow.Interpolator() as engine, ThreadPoolExecutor(2) as others:
            made += others.map(lambda t: engine.pair(b, c).at(t), (0.3, 0.3))
    finally:
        cv2.setNumThreads(threads)
    for other in made[1:]:
        np.testing.assert_array_equal(made[0], other)


@pytest.mark.parametrize("size", [(33, 47), (64, 32), (101, 203)])
def test_odd_and_small_sizes(size: tuple[int, int]) -> None:
    a = np.full((*size, 3), 90, np.uint8)
    with flow.Interpolator() as engine:
        made = engine.between(a, a.copy(), 0.5)
    assert made.shape == a.shape
    assert np.abs(made.astype(int) - 90).max() <= 1


def test_frames_that_do_not_fit_are_refused() -> None:
    a = np.zeros((64, 64, 3), np.uint8)
    with flow.Interpolator() as engine:
        for other in (a[:32], a[..., :2], np.zeros((16, 16, 3), np.uint8)):
            with pytest.raises(EngineError, match="wanted two of one size") as caught:
                engine.pair(a if other.shape[0] != 16 else other, other)
            assert caught.value.code == "FRAME_SHAPE"
