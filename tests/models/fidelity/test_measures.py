"""What a clip measures: each fault moves its own figure, and a true clip has none."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest

from models.fidelity.likeness import ssim
from models.fidelity.limits import Limits, drifted
from models.fidelity.measures import Measures
from models.fidelity.similarity import IDENTITY, Similarity
from tests.models.fidelity.drawn import draw, relit

FRAMES = 6


def path(frame: int) -> Similarity:
    return Similarity(1.6 * frame, -0.5 * frame, 1 + 0.004 * frame, 0.0, 0.0)


def measured(change=None, *, loop: bool = False, frames: int = FRAMES, along=path) -> dict[str, float]:
    """The figures of a clip whose generated frames are what `change` makes of (warped original, frame number)."""
    measures = Measures(loop=loop)
    for number in range(frames):
        warped, matte = draw(along(number))
        raw = warped if change is None else change(warped, number)
        measures.add(raw, warped, matte, raw)
    figures = measures.figures()
    assert all(math.isfinite(value) for value in figures.values()), figures
    return figures


def test_a_true_clip_has_no_fault() -> None:
    found = measured()
    assert found["path_error_px"] < 0.02 and found["path_residual_px"] < 0.02 and found["lost_share"] == 0, found
    assert found["product_ssim"] > 0.9999 and found["product_ciede2000"] == 0, found
    assert found["first_frame_psnr_db"] == 100 and found["frozen_share"] == 0, found
    assert found["temporal_flickering_levels"] < 1.5, found
    assert drifted(found, Limits(0.1, 0.999, 0.1)) is None


def test_a_clip_between_two_pictures_is_held_to_them_at_its_ends_alone() -> None:
    measures, (first, _), (last, _) = Measures(), draw(path(0)), draw(path(5))
    measures.end("first", first, first)
    measures.add(first)
    measures.add(last)
    measures.end("last", np.clip(last.astype(int) + 10, 0, 255).astype(np.uint8), last)
    found = measures.figures()
    assert found["first_frame_psnr_db"] == 100
    assert found["last_frame_psnr_db"] == pytest.approx(20 * math.log10(25.5), abs=0.5)
    assert not {"path_error_px", "product_ssim", "lost_share"} & found.keys()


@pytest.mark.parametrize("off", [(0.4, 0.0, 1.0, 0.0), (1.5, -1.0, 1.0, 0.0), (0.0, 0.0, 1.02, 0.0), (0, 0, 1, 0.015)])
def test_path_error_is_how_far_the_product_is_from_its_path(off) -> None:
    wrong = Similarity(*off, 0.0)

    def astray(_: np.ndarray, number: int) -> np.ndarray:
        at = path(number)
        return relit(
            draw(Similarity(at.dx + off[0], at.dy + off[1], at.scale * off[2], at.roll + off[3], 0.0))[0], number
        )

    found = measured(astray, frames=3)
    asked = wrong.distance_px(draw()[1])
    assert abs(found["path_error_px"] - asked) < 0.1, f"{found['path_error_px']:.3f}, commanded {asked:.3f} px off"
    assert found["path_error_max_px"] >= found["path_error_px"]


def test_a_network_that_draws_something_else_is_noticed() -> None:
    found = measured(lambda warped, number: draw(path(number), seed=9)[0])
    said = drifted(found, Limits(2.0, 0.0, 0.0))
    assert said is not None and ("not found" in said or "off its path" in said), (said, found)


def test_a_colour_cast_is_colour_and_no_motion() -> None:
    cast = np.array([18, 0, -18])
    found = measured(lambda warped, _: np.clip(warped + cast, 0, 255).astype(np.uint8))
    assert found["product_ciede2000"] > 5 and found["path_error_px"] < 0.1 and found["product_ssim"] > 0.95, found
    said = drifted(found, Limits(2.0, 0.8, 4.0))
    assert said is not None and said.startswith("product colour off by") and "at most 4" in said, said
    assert drifted(found, Limits(2.0, 0.8, 0.0)) is None


def test_what_was_put_back_and_what_was_generated_are_told_apart() -> None:
    measures = Measures()
    warped, matte = draw()
    measures.add(warped, warped, matte, relit(warped))
    found = measures.figures()
    assert found["product_ssim"] > 0.9999 > 0.97 > found["generated_ssim"], found
    assert found["product_ciede2000"] == 0 < 2 < found["generated_ciede2000"], found


def test_flicker_is_brightness_that_jumps_and_not_motion() -> None:
    steady = measured()["temporal_flickering_levels"]
    jumping = measured(lambda warped, number: np.clip(warped + 8.0 * (number % 2), 0, 255).astype(np.uint8))
    assert abs(jumping["temporal_flickering_levels"] - 8) < 1.5 > steady, (steady, jumping)
    assert jumping["path_error_px"] < 0.05, jumping


def test_a_frozen_clip_is_told_and_a_moving_one_has_its_speed() -> None:
    still = measured(along=lambda _: IDENTITY)
    assert still["frozen_share"] == 1 and still["dynamic_degree_px"] < 0.05, still
    moving = measured(along=lambda frame: Similarity(3.0 * frame, 0.0, 1.0, 0.0, 0.0))
    assert moving["frozen_share"] == 0 and abs(moving["dynamic_degree_px"] - 3) < 0.5, moving


def test_a_loop_meets_its_start_and_a_pan_does_not() -> None:
    def circle(frame: int) -> Similarity:
        angle = 2 * math.pi * frame / 12
        return Similarity(6 * math.cos(angle), 6 * math.sin(angle), 1.0, 0.0, 0.0)

    closed = measured(loop=True, frames=12, along=circle)["loop_seam_ratio"]
    opened = measured(loop=True, frames=12)["loop_seam_ratio"]
    assert 0.6 < closed < 1.4 and opened > 2.5, f"closed {closed:.2f}, open {opened:.2f}"
    assert "loop_seam_ratio" not in measured(frames=2)


def test_a_clip_without_an_original_is_measured_for_steadiness_alone() -> None:
    measures = Measures()
    assert measures.figures() == {}
    for number in range(2):
        measures.add(draw(path(number))[0])
    assert set(measures.figures()) == {"dynamic_degree_px", "frozen_share", "temporal_flickering_levels"}


def test_a_product_that_cannot_be_followed_breaks_no_path_limit() -> None:
    measures = Measures()
    plain = np.full((96, 128, 3), 140, np.uint8)
    measures.add(plain, plain, np.full((96, 128), 255, np.uint8), plain)
    found = measures.figures()
    assert "path_error_px" not in found and drifted(found, Limits(1.0, 0.9, 2.0)) is None, found
    empty = Measures()
    empty.add(plain, plain, np.zeros((96, 128), np.uint8), plain)
    assert "product_ssim" not in empty.figures()


def test_every_limit_that_is_passed_is_said() -> None:
    figures = {"lost_share": 0.5, "path_error_px": 3.0, "path_residual_px": 4.0, "product_ssim": 0.4}
    said = drifted(figures | {"product_ciede2000": 9.0}, Limits(2.0, 0.8, 6.0))
    assert said is not None
    for part in ("not found in 50%", "5.00 px off its path (3.00 moved, 4.00 bent)", "SSIM 0.400", "9.0 CIEDE2000"):
        assert part in said, said
    assert drifted(figures | {"product_ciede2000": 9.0}, Limits(0, 0, 0)) is None


def test_ssim_agrees_with_another_implementation() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    cv2 = pytest.importorskip("cv2")
    first, matte = draw()
    second = relit(first)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, second)]
    _, full = metrics.structural_similarity(
        *grey, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True, data_range=255
    )
    ours, theirs = ssim(first, second, matte), float(full[matte > 127].mean())
    assert ours is not None and abs(ours - theirs) < 1e-4, f"{ours} and {theirs}"


def test_memory_does_not_grow_with_the_clip() -> None:
    frames = [draw(path(number)) for number in range(3)]

    def held(count: int) -> int:
        measures = Measures(loop=True)
        tracemalloc.start()
        for number in range(count):
            warped, matte = frames[number % 3]
            measures.add(warped, warped, matte, warped)
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size

    held(2)
    short, long = held(3), held(12)
    assert long - short < 100_000, f"{short} bytes after 3 frames, {long} after 12"
