"""What each move sees over time, before any picture exists."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.camera import Box, CameraError, Move, Path, Views, extent, path
from models.camera.move import Base, Direction, Easing, Kind, eased
from models.camera.trajectory import trajectory
from models.clip import Clip

CLIP = Clip(1920, 1080, Fraction(30), 61)
KINDS = get_args(Kind)


@st.composite
def moves(draw: st.DrawFn) -> Move:
    kind = draw(st.sampled_from(KINDS))
    directions = ("up", "down") if kind == "tilt" else get_args(Direction)
    return Move(
        kind,
        draw(st.floats(0, 1)),
        direction=draw(st.sampled_from(directions)),
        easing=draw(st.sampled_from(get_args(Easing))),
        focus=(draw(st.floats(0, 1)), draw(st.floats(0, 1))),
        loop=draw(st.booleans()),
        parallax=draw(st.sampled_from([0.0, 0.3, 1.0])),
        seed=draw(st.integers(0, 99)),
        base=draw(st.sampled_from(get_args(Base))),
    )


clips = st.builds(Clip, st.integers(200, 2000), st.integers(200, 2000), st.just(Fraction(25)), st.integers(1, 60))


def corners(views: Views, aspect: float) -> np.ndarray:
    """(N, 4, 2) corners of every view, in home-frame units: the definition, written out."""
    found = []
    for view in (views[frame] for frame in range(len(views))):
        for across, down in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
            x, y = across * view.w * aspect, down * view.w
            turned = (
                x * math.cos(view.roll) - y * math.sin(view.roll),
                x * math.sin(view.roll) + y * math.cos(view.roll),
            )
            found.append((view.cx + turned[0] / aspect, view.cy + turned[1]))
    return np.array(found).reshape(len(views), 4, 2)


def all_corners(flown: Path) -> np.ndarray:
    seen = [flown.plate] if flown.layer is None else [flown.plate, flown.layer]
    return np.concatenate([corners(views, flown.aspect) for views in seen]).reshape(-1, 2)


@pytest.mark.parametrize(
    ("move", "first", "last"),
    [
        (Move("push", 0.2), (0.5, 0.5, 1.2, 0), (0.5, 0.5, 1.0, 0)),
        (Move("pull", 0.2), (0.5, 0.5, 1.0, 0), (0.5, 0.5, 1.2, 0)),
        (Move("push", 0.2, focus=(0.25, 1.0)), (0.55, 0.4, 1.2, 0), (0.5, 0.5, 1.0, 0)),
        (Move("push", 0.25, base="widest"), (0.5, 0.5, 1.0, 0), (0.5, 0.5, 0.8, 0)),
        (Move("push", 0.25, base="widest", focus=(0.0, 0.5)), (0.5, 0.5, 1.0, 0), (0.4, 0.5, 0.8, 0)),
        (Move("pan", 0.2, "right"), (0.4, 0.5, 1.0, 0), (0.6, 0.5, 1.0, 0)),
        (Move("pan", 0.2, "left"), (0.6, 0.5, 1.0, 0), (0.4, 0.5, 1.0, 0)),
        (Move("pan", 0.25, "right", base="widest"), (0.4, 0.5, 0.8, 0), (0.6, 0.5, 0.8, 0)),
        (Move("tilt", 0.1, "up"), (0.5, 0.55, 1.0, 0), (0.5, 0.45, 1.0, 0)),
        (Move("orbit", 0.2, "right"), (0.4, 0.475, 1.025, 0), (0.6, 0.475, 1.025, 0)),
        (Move("arc", 0.1, "right"), (0.4, 0.475, 1.05, -math.radians(1.2)), (0.5, 0.5, 1.0, 0)),
        (Move("hold", 0.0), (0.5, 0.5, 1.0, 0), (0.5, 0.5, 1.0, 0)),
    ],
    ids=lambda value: f"{value.move}-{value.direction}-{value.base}" if isinstance(value, Move) else "",
)
def test_first_and_last_view(move: Move, first: tuple[float, ...], last: tuple[float, ...]) -> None:
    views = path(move, CLIP).plate
    assert views[0] == pytest.approx(first, abs=1e-12)
    assert views[CLIP.frames - 1] == pytest.approx(last, abs=1e-12)


def test_zoom_is_geometric_and_keeps_its_focus_still() -> None:
    move = Move("push", 0.3, easing="linear", focus=(0.3, 0.8))
    views = path(move, CLIP).plate
    ratios = views.w[1:] / views.w[:-1]
    assert np.ptp(ratios) < 1e-12, f"zoom per frame varies: {ratios.min()} to {ratios.max()}"
    focus_in_frame = np.column_stack([(0.3 - views.cx) / views.w, (0.8 - views.cy) / views.w])
    assert np.ptp(focus_in_frame, axis=0).max() < 1e-12


@pytest.mark.parametrize("easing", get_args(Easing))
def test_easing_is_monotone_from_nothing_to_all(easing: Easing) -> None:
    done = eased(np.linspace(0, 1, 1001), easing)
    assert (done[0], done[-1]) == pytest.approx((0.0, 1.0), abs=1e-15)
    assert np.all(np.diff(done) > 0)
    starts_at_rest, ends_at_rest = done[1] < 1e-4, 1 - done[-2] < 1e-4
    assert (starts_at_rest, ends_at_rest) == {
        "smooth": (True, True),
        "linear": (False, False),
        "in": (True, False),
        "out": (False, True),
    }[easing]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_closes_in_place_and_in_speed(kind: Kind) -> None:
    move = Move(kind, 0.2, direction="up" if kind == "tilt" else "right", loop=True, seed=5)
    frames = 90
    way = trajectory(move, np.arange(-1, frames + 2) / frames, 3.0)
    for name, values in way._asdict().items():
        assert values[frames + 1] == pytest.approx(values[1], abs=1e-12), f"{name}: frame N is not frame 0"
        before, after = values[frames + 1] - values[frames], values[2] - values[1]
        largest = np.abs(np.diff(values)).max()
        assert abs(before - after) <= 0.12 * largest + 1e-12, f"{name}: speed jumps from {before} to {after}"
    if kind != "hold":
        assert max(np.ptp(values) for values in way) > 0.01, "the loop does not move"


@given(moves(), clips)
@settings(max_examples=150, deadline=None)
def test_every_view_is_inside_home_and_extent(move: Move, clip: Clip) -> None:
    flown = path(move, clip)
    left, top, right, bottom = extent(flown)
    seen = all_corners(flown)
    assert min(left, top, right, bottom) >= 0
    low, high = seen.min(axis=0), seen.max(axis=0)
    assert np.all(low >= [-left - 1e-9, -top - 1e-9]), f"{move}: sees {low}, extent {left, top}"
    assert np.all(high <= [1 + right + 1e-9, 1 + bottom + 1e-9]), f"{move}: sees {high}, extent {right, bottom}"
    assert max(-low[0], 0) == pytest.approx(left, abs=1e-9), "the extent asks for more plate than is seen"
    if move.base == "widest":
        assert max(left, top, right, bottom) <= 1e-9, f"{move} looks beyond home: {extent(flown)}"
    elif move.move not in ("push", "pull", "orbit", "arc") or not move.loop:
        nearest = min(flown.plate.w.min(), flown.plate.w.min() if flown.layer is None else flown.layer.w.min())
        assert nearest >= 1.0 - 1e-12, f"{move}: nearest view is {nearest}"
        # an orbit is nearest at half its way: an odd number of frames has one there, if the easing is symmetric
        middle = clip.frames % 2 == 1 and move.easing in ("smooth", "linear")
        if clip.frames > 1 and (move.move != "orbit" or middle):
            assert nearest == pytest.approx(1.0, abs=1e-12), f"{move}: nearest view is {nearest}"


@given(moves(), clips, st.tuples(*[st.floats(0.02, 0.45)] * 4))
@settings(max_examples=150, deadline=None)
def test_the_subject_is_in_every_view(move: Move, clip: Clip, margins: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = margins
    subject = Box(left, top, 1 - right, 1 - bottom)
    move = replace(move, base="nearest")
    flown = path(move, clip, subject=subject)
    for views in [flown.plate] if flown.layer is None else [flown.plate, flown.layer]:
        assert views.margin(subject, flown.aspect) >= -1e-9
        if not views.roll.any():  # the definition, where it is easily written out
            assert np.all(views.cx - views.w / 2 <= subject.left + 1e-8)
            assert np.all(views.cx + views.w / 2 >= subject.right - 1e-8)
            assert np.all(views.cy - views.w / 2 <= subject.top + 1e-8)
            assert np.all(views.cy + views.w / 2 >= subject.bottom - 1e-8)
    assert flown.move.amount == pytest.approx(move.amount * flown.kept)
    again = path(flown.move, clip)
    assert np.array_equal(again.plate.cx, flown.plate.cx), "the flown amount does not give the flown path"
    assert np.array_equal(again.plate.w, flown.plate.w)


def test_a_pan_that_would_cut_the_subject_goes_just_as_far_as_it_may() -> None:
    flown = path(Move("pan", 0.5), CLIP, subject=Box(0.1, 0.2, 0.85, 0.8))
    assert flown.kept == pytest.approx(0.4, abs=1e-6)  # 0.1 of margin on the left is half of a travel of 0.2
    assert path(Move("push", 0.5), CLIP, subject=Box(0, 0, 1, 1)).kept == 1.0


def test_rolled_views_know_their_corners() -> None:
    rolled = Views(*(np.array([value]) for value in (0.5, 0.5, 1.0, math.radians(90))))
    assert rolled.bounds(2.0) == pytest.approx((0.25, -0.5, 0.75, 1.5))
    assert rolled.margin(Box(0.3, -0.4, 0.7, 1.4), 2.0) == pytest.approx(0.05)
    assert rolled.margin(Box(0.2, 0.4, 0.7, 0.6), 2.0) == pytest.approx(-0.1)


def test_parallax_moves_the_backdrop_less_than_the_product() -> None:
    pan = path(Move("pan", 0.2, parallax=1.0), CLIP)
    assert pan.layer is not None
    assert np.ptp(pan.layer.cx) == pytest.approx(0.2)
    assert np.ptp(pan.plate.cx) == pytest.approx(0.1)
    orbit = path(Move("orbit", 0.2, parallax=1.0), CLIP)
    assert orbit.layer is not None
    assert np.ptp(orbit.layer.cx) == pytest.approx(0.0, abs=1e-12), "an orbit at parallax 1 pins the product"
    assert np.ptp(orbit.plate.cx) == pytest.approx(0.2)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "drift"])
def test_the_same_moment_is_the_same_view_at_any_rate(kind: Kind) -> None:
    move = Move(kind, 0.2, direction="down" if kind == "tilt" else "left")
    slow = path(move, Clip(640, 360, Fraction(25), 41)).plate
    fast = path(move, Clip(640, 360, Fraction(50), 81)).plate
    for name in ("cx", "cy", "w", "roll"):
        np.testing.assert_allclose(getattr(fast, name)[::2], getattr(slow, name), atol=1e-12)


def test_drift_is_its_seed_slow_and_within_its_amount() -> None:
    clip = Clip(1920, 1080, Fraction(30), 1800)
    one, same, other = (path(Move("drift", 0.1, seed=seed), clip).plate for seed in (1, 1, 2))
    assert np.array_equal(one.cx, same.cx)
    assert np.abs(one.cx - other.cx).max() > 0.005
    assert np.abs(one.cx - 0.5).max() <= 0.05 + 0.025  # half the amount, and the zoom's own share
    energy = np.abs(np.fft.rfft((one.cx - one.cx.mean()) * np.hanning(1800))) ** 2
    hertz = np.fft.rfftfreq(1800, 1 / 30)
    fast = energy[hertz > 1.0].sum() / energy.sum()
    assert fast < 1e-4, f"{fast:.2e} of the drift is faster than 1 Hz"
    assert one[0] == pytest.approx(GOLDEN_DRIFT, abs=1e-9), "a seed's drift changed: the engine's version must too"


GOLDEN_DRIFT = (0.492088936967, 0.485105184528, 1.012347565846, 0.004739341277)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"amount": 1.5}, "amount is 1.5"),
        ({"amount": math.nan}, "amount is nan"),
        ({"parallax": -0.1}, "parallax is -0.1"),
        ({"focus": (0.5, 2.0)}, "focus y is 2.0"),
        ({"easing": "bounce"}, "smooth, linear, in, out"),
        ({"move": "zoom"}, "push, pull, pan"),
        ({"move": "tilt", "direction": "left"}, "wanted up or down"),
    ],
)
def test_a_wrong_move_is_refused_with_what_was_wanted(change: dict, told: str) -> None:
    with pytest.raises(CameraError, match=told) as refused:
        Move(**({"move": "push", "amount": 0.1} | change))
    assert refused.value.code == "CAMERA_MOVE"


def test_a_subject_outside_home_is_refused() -> None:
    with pytest.raises(CameraError, match="not inside the home frame") as refused:
        path(Move("pan", 0.1), CLIP, subject=Box(-0.1, 0.1, 0.9, 0.9))
    assert refused.value.code == "CAMERA_SUBJECT"
    with pytest.raises(CameraError, match="0 frames"):
        path(Move("pan", 0.1), replace(CLIP, frames=0))
