"""Text becomes ink: whole, in order, inside its width, whatever the text is."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.lettering.draw import Align, Mask, lettered
from tasks.lettering.layout import lay_out
from tests.tasks.lettering.installed import needs_fonts
from tests.tasks.lettering.test_runs import SAMPLES

pytestmark = needs_fonts


_ALIGNS: tuple[Align, ...] = ("left", "center", "right")


def columns(mask: Mask) -> tuple[int, int]:
    """First column with ink, and the one after the last."""
    inked = np.flatnonzero(mask.max(axis=0) > 127)
    return int(inked[0]), int(inked[-1]) + 1


def ink(mask: Mask) -> float:
    """Pixels' worth of ink."""
    return float(mask.sum()) / 255


def words(text: str, width_px: int, lines: int, size_px: int = 20) -> list[str]:
    return ["".join(piece.text for piece in line.pieces) for line in lay_out(text, size_px, width_px, lines)]


def test_the_same_text_is_the_same_ink() -> None:
    first, again = (lettered(SAMPLES["arabic"], size_px=31, width_px=700) for _ in range(2))
    assert np.array_equal(first, again) and ink(first) > 500


def test_the_mask_has_the_size_that_was_asked_for() -> None:
    mask = lettered("Night", size_px=40, width_px=300)
    assert mask.dtype == np.uint8 and mask.shape == (55, 300)
    assert lettered("", size_px=40, width_px=300).shape == (55, 300)
    assert lettered("a\nb", size_px=40, width_px=300, lines=2).shape == (110, 300)


@pytest.mark.parametrize("script", SAMPLES)
@pytest.mark.parametrize("size_px", [18, 36, 72])
def test_letters_are_whole(script: str, size_px: int) -> None:
    """No ink at the mask's edges, where it would be cut, and as much as the same text has on a larger canvas."""
    mask = lettered(SAMPLES[script], size_px=size_px, width_px=3000, align="center")
    assert mask[0].max() == 0 and mask[-1].max() < 128, f"ink at the edge: {mask[0].max()} and {mask[-1].max()}"
    first, after = columns(mask)
    assert first > 10 and after < 2990 and ink(mask) > size_px * 4


def test_alignment() -> None:
    left, center, right = (columns(lettered("Night", size_px=30, width_px=400, align=a)) for a in _ALIGNS)
    assert left[0] <= 4 and right[1] >= 396
    assert abs((center[0] + center[1]) - 400) <= 4


def test_arabic_is_joined() -> None:
    """Letters beside each other are one stroke, narrower than the same letters kept apart by a non-joiner."""
    joined, apart = (lettered(text, size_px=60, width_px=600) for text in ("بيتك", "ب\u200cي\u200cت\u200cك"))
    (first, after), (first_apart, after_apart) = columns(joined), columns(apart)
    width, width_apart = after - first, after_apart - first_apart
    assert width < 0.85 * width_apart, f"{width} px joined, {width_apart} px apart"
    assert joined[:, first:after].max(axis=0).min() > 0, "no gap between joined letters"


@pytest.mark.parametrize(("first", "rest"), [("א", " לללל"), ("ا", " ممم")])
def test_right_to_left_begins_at_the_right(first: str, rest: str) -> None:
    """The right end of the line is the first letter."""
    line, letter = (lettered(text, size_px=60, width_px=600, align="right") for text in (first + rest, first))
    wide = columns(letter)[1] - columns(letter)[0] + 2
    rows = min(letter.shape[0], line.shape[0])  # a deep letter makes a line higher
    apart = np.abs(line[:rows, -wide:].astype(float) - letter[:rows, -wide:]).sum() / letter.sum()
    assert apart < 0.25, f"{apart:.2f} of its ink is elsewhere"


def test_mixed_lines_stand_in_order() -> None:
    assert words("שלום abc 12:30", 900, 1) == ["abc 12:30שלום "]
    (line,) = lay_out("Shot 020 حارس 2024 take", 20, 900)
    assert [piece.text.strip() for piece in line.pieces] == ["Shot 020", "2024", "حارس", "take"]
    assert [piece.rtl for piece in line.pieces] == [False, False, True, False]


def test_a_long_title_is_cut_inside_the_width() -> None:
    for text in ("The keeper of the light " * 9, "灯台守" * 67, "حارس المنارة " * 16):
        text = text[:200]
        (line,) = lay_out(text, 36, 900)
        shown = "".join(piece.text for piece in line.pieces)
        assert "…" in shown and 700 < line.width_px <= 900, f"{line.width_px:.0f} px of 900: {shown}"
        mask = lettered(text, size_px=36, width_px=900)
        assert mask.shape[1] == 900 and columns(mask)[1] > 700


def test_a_cut_right_to_left_line_has_its_ellipsis_at_the_left() -> None:
    (line,) = lay_out("حارس المنارة " * 16, 36, 900)
    assert line.pieces[0].text.startswith("…") or line.pieces[0].text.endswith("…")
    assert line.pieces[0].start_px == 0


def test_lines_break_at_words_and_around_han() -> None:
    assert words("the keeper of the light", 110, 5) == ["the keeper", "of the light"]
    assert words("one\ntwo", 500, 3) == ["one", "two"] and words("one\ntwo", 500, 1) == ["one two"]
    assert words("長い夜だった。", 125, 3) == ["長い夜だっ", "た。"], "no line begins with a full stop"
    assert words("incomprehensibilities", 100, 9)[0].startswith("incompre"), "a long word is broken"
    assert words("one two three four five six", 60, 2)[-1].endswith("…")


@pytest.mark.parametrize(
    "text",
    [
        "\n\n\n",
        "\x00\x01\x02",
        "\u202e\u202dabc\u2066",
        "x" * 10_000,
        "word " * 2_000,
        "\ud800\udfff" * 50,
        "a" + "\u0301" * 10_000,
        "\u0301" * 10_000,
        "(" * 5_000,
        "אa" * 2_000,
        "\u200d" * 1_000,
        "ﷺ﷽" * 100,
        "👩\u200d" * 3_000,
        "्" * 1_000,
        " " * 10_000,
    ],
    ids=lambda text: f"{text[:2]!a}x{len(text)}",
)
@pytest.mark.parametrize("lines", [1, 3])
def test_hostile_text_is_drawn_within_bounds(text: str, lines: int) -> None:
    began = time.process_time()
    mask = lettered(text, size_px=24, width_px=640, lines=lines)
    spent = time.process_time() - began
    assert mask.shape[1] == 640 and mask.shape[0] <= lines * 24 * 2.7
    assert spent < 5, f"{spent:.2f} s"


@settings(max_examples=80)
@given(st.text(st.characters(), max_size=40), st.integers(1, 300), st.integers(1, 3))
def test_any_text_is_drawn(text: str, width_px: int, lines: int) -> None:
    assert lettered(text, size_px=16, width_px=width_px, lines=lines).shape[1] == width_px


def test_a_size_nobody_reads_is_refused() -> None:
    for size_px, width_px, lines in ((2, 100, 1), (5000, 100, 1), (20, 0, 1), (20, 100, 0)):
        with pytest.raises(ValueError, match=r"wanted 6 to 512"):
            lettered("a", size_px=size_px, width_px=width_px, lines=lines)
