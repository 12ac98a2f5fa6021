"""Burned letters are white and legible on anything, and running digits stand still."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tasks.lettering.digits import Counter
from tasks.lettering.draw import lettered, text_height
from tasks.lettering.plate import burn, plate
from tests.tasks.lettering.installed import needs_fonts

pytestmark = needs_fonts


@pytest.mark.parametrize("ground", [0, 128, 255])
@pytest.mark.parametrize("size_px", [18, 36, 72])
def test_letters_stand_out_on_any_ground(ground: int, size_px: int) -> None:
    """Ink is white, and what touches it is dark: a contrast that WCAG asks of text, 4.5 to 1, at every letter."""
    mask = lettered("Keeper 123", size_px=size_px, width_px=size_px * 8)
    frame = np.full((mask.shape[0] + 40, mask.shape[1] + 40, 3), ground, np.uint8)
    burn(frame, plate(mask, size_px=size_px), 20, 20)
    inside = frame[20:-20, 20:-20, 0].astype(float)
    ink = inside[mask > 250].mean()
    beside = (mask == 0) & (np.roll(mask, 1, 1) > 128)
    contrast = (_luminance(ink) + 0.05) / (_luminance(float(inside[beside].mean())) + 0.05)
    assert ink > 250 and contrast > 4.5, f"ink {ink:.0f}, contrast {contrast:.1f}"
    assert frame[0, 0, 0] == ground or size_px == 72


def _luminance(value: float) -> float:
    return (value / 255) ** 2.2


def test_letters_over_the_edge_are_left_out() -> None:
    letters = plate(lettered("Keeper", size_px=30, width_px=200), size_px=30)
    frame = np.full((60, 120, 3), 200, np.uint8)
    for left, top in ((-150, -20), (90, 40), (-500, 0), (0, 500)):
        burn(frame, letters, left, top)
    assert (frame == 255).any()


def test_digits_do_not_move() -> None:
    counter = Counter(36)
    assert counter.height_px == text_height(36)
    width = counter.width_px("00:00:00:00")
    first, later = counter.mask("01:00:03:17"), counter.mask("01:00:08:18")
    assert first.shape == later.shape == (counter.height_px, width)
    changed = np.flatnonzero((first != later).any(axis=0))
    digit = counter.width_px("0")
    places = {int(x) for x in changed}
    seconds = range(counter.width_px("01:00:0"), counter.width_px("01:00:03"))
    frames = range(width - digit, width)
    assert places <= {*seconds, *frames}, "only the digits that changed are drawn otherwise"
    assert np.array_equal(counter.mask("8")[:, :digit], counter.mask("18")[:, digit:])


def test_running_digits_look_like_other_letters() -> None:
    counter = Counter(36)
    running = counter.plate("01:00:03:17")
    whole = plate(counter.mask("01:00:03:17"), size_px=36)
    assert running.margin_px == whole.margin_px and np.array_equal(running.coverage, whole.coverage)
    apart = np.abs(running.shade.astype(int) - whole.shade.astype(int))
    assert apart.max() <= 24 and apart.mean() < 1, f"shade differs by {apart.max()}, {apart.mean():.2f} on average"


def test_a_frame_costs_little() -> None:
    counter = Counter(36)
    began = time.process_time()
    for frame in range(200):
        counter.mask(f"01:00:03:{frame % 24:02d}")
    each = (time.process_time() - began) / 200
    assert each < 0.001, f"{each * 1e6:.0f} us a mask"


def test_letters_are_not_counted() -> None:
    with pytest.raises(KeyError):
        Counter(36).mask("1a")
