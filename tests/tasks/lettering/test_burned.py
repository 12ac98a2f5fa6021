"""Running digits stand still, and look like other letters."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.lettering.digits import Counter
from tasks.lettering.draw import lettered
from tasks.lettering.plate import plate
from tests.tasks.lettering.installed import needs_fonts

pytestmark = needs_fonts


def test_digits_do_not_move() -> None:
    counter = Counter(36)
    assert counter.height_px == lettered("0", size_px=36, width_px=100).shape[0]
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


def test_letters_are_not_counted() -> None:
    with pytest.raises(KeyError):
        Counter(36).mask("1a")
