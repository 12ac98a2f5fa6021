"""Subtitles beside a scene: times of its shots, and text that cannot become anything but text."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.scene.cues import LONGEST_LINE, cues_of, srt, vtt
from tasks.scene.recipe import CueRecipe
from tests.tasks.scene.cutting import EXACT, RATES, plan, row

SPAN = re.compile(r"(\d\d):(\d\d):(\d\d)[,.](\d{3}) --> (\d\d):(\d\d):(\d\d)[,.](\d{3})")


def spans(text: str) -> list[tuple[int, int]]:
    """Milliseconds of every cue."""
    told = [[int(part) for part in found] for found in SPAN.findall(text)]
    return [tuple(((h * 60 + m) * 60 + s) * 1000 + ms for h, m, s, ms in (one[:4], one[4:])) for one in told]  # type: ignore[misc]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.usefixtures("small")
def test_what_is_said_is_shown_from_cut_to_cut(rate: str) -> None:
    shots = [row(f"a{n}", n, seconds=1.3, dialogue="" if n == 2 else f"line {n}") for n in range(1, 6)]
    cues = cues_of(plan(shots, rate=rate, leader=2, transition={"kind": "dissolve"}))
    assert [cue.text for cue in cues] == ["line 1", "line 3", "line 4", "line 5"]
    lead = round(2 * EXACT[rate])
    starts = [lead + int(n * Fraction(13, 10) * EXACT[rate] + Fraction(1, 2)) for n in range(6)]
    wanted = [(round(starts[n] / EXACT[rate] * 1000), round(starts[n + 1] / EXACT[rate] * 1000)) for n in (0, 2, 3, 4)]
    assert spans(srt(cues, EXACT[rate])) == wanted == spans(vtt(cues, EXACT[rate]))


@given(st.lists(st.text(max_size=300).filter(str.strip), min_size=1, max_size=5))
def test_no_text_begins_or_ends_a_cue(texts: list[str]) -> None:
    cues = [CueRecipe(first=24 * n, frames=24, text=text) for n, text in enumerate(texts)]
    for told in (srt(cues, Fraction(24)), vtt(cues, Fraction(24)).removeprefix("WEBVTT\n\n")):
        blocks = told.removesuffix("\n\n").split("\n\n")
        assert len(blocks) == len(cues) == told.count("-->"), told
        assert all(SPAN.search(block.split("\n")[0] + block.split("\n")[1]) for block in blocks)


def test_markup_is_text_in_vtt_and_lines_are_short() -> None:
    cue = CueRecipe(first=0, frames=24, text="<v Keeper>Not & never</v>\n\nword " * 8)
    told = vtt([cue], Fraction(24))
    assert "<v" not in told and "&lt;v Keeper&gt;Not &amp; never" in told
    assert max(map(len, srt([cue], Fraction(24)).splitlines())) <= LONGEST_LINE
    assert "01:00:00.000 --> 01:00:01.000" in vtt([CueRecipe(first=86400, frames=24, text="x")], Fraction(24))
