"""Every cluster gets a font that has all of its characters: nothing is drawn as an empty box."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lettering import fonts
from tasks.lettering.fonts import (
    ARABIC,
    HEBREW,
    JAPANESE,
    KOREAN,
    LATIN,
    SIMPLIFIED,
    Face,
    FontMissing,
    missing_fonts,
)
from tasks.lettering.runs import MOST_CHARACTERS, MOST_MARKS, UNKNOWN, cleaned, clusters
from tests.tasks.lettering.installed import needs_fonts

SAMPLES = {
    "latin": "The keeper’s light — Ågström, Łódź, Tiếng Việt, “quoted” … €5",
    "cyrillic": "Хранитель маяка: «Не сегодня», щука, Ёж, ї ґ ў",
    "greek": "Φάρος και φύλακας, ᾧ",
    "arabic": "حارس المنارة: ليس الليلة، مَرْحَبًا ۱۲۳",
    "hebrew": "שומר המגדלור: שָׁלוֹם, לא הלילה״",
    "japanese": "灯台守「今夜はだめだ…」と言った。ガラス、々ー",
    "chinese": "灯塔看守：今晚不行。",
    "korean": "등대지기: 오늘 밤은 안 돼.",
    "devanagari": "दीपस्तंभ का रक्षक, क्षत्रिय।",
    "thai": "ผู้ดูแลประภาคาร น้ำที่นี่",
    "armenian": "Փարոս",
    "georgian": "შუქურა",
    "tamil": "கலங்கரை விளக்கம்",
}


@needs_fonts
@pytest.mark.parametrize("script", SAMPLES)
def test_no_box_is_drawn(script: str) -> None:
    ttlib = pytest.importorskip("fontTools.ttLib", reason="fontTools is not installed: nothing reads the fonts")
    (line,) = cleaned(SAMPLES[script])
    assert UNKNOWN not in "".join(one.text for one in clusters(line))
    for one in clusters(line):
        with ttlib.TTFont(one.face.path(), fontNumber=one.face.number, lazy=True) as font:
            lacking = [hex(ord(each)) for each in one.text if ord(each) not in font.getBestCmap()]
        assert not lacking, f"{one.face.stem} has no {lacking} of {one.text!r}"


@needs_fonts
def test_clusters_keep_what_belongs_together() -> None:
    assert [one.text for one in clusters("क्षत्रि")] == ["क्ष", "त्रि"]
    assert [one.text for one in clusters("ที่น้ำ")] == ["ที่", "น้ำ"]
    assert [one.text for one in clusters("שָׁל")] == ["שָׁ", "ל"]
    assert len(clusters("👩\u200d👩\u200d👧👍🏽")) == 2


@needs_fonts
def test_han_is_drawn_as_its_country_does() -> None:
    faces = {text: clusters(text)[0].face for text in ("骨", "骨は", "骨은")}
    assert faces == {"骨": SIMPLIFIED, "骨は": JAPANESE, "骨은": KOREAN}


@needs_fonts
def test_signs_take_after_their_neighbours() -> None:
    faces = [one.face for one in clusters("א (1)")]
    assert faces == [HEBREW, HEBREW, LATIN, LATIN, LATIN]
    assert clusters("だ…")[1].face == JAPANESE
    assert clusters("a…")[1].face == LATIN


@needs_fonts
def test_what_no_font_has_is_seen() -> None:
    assert [one.text for one in clusters(cleaned("\ud800\ue000\U000f0000\U0010ffff")[0])] == [UNKNOWN] * 4
    assert clusters("ب\u0e34")[0].text == "ب", "a mark that its letter's font lacks is left out"
    assert clusters("ب\u0e34")[0].face == ARABIC


def test_what_would_turn_or_stop_a_line_goes() -> None:
    assert cleaned("a\u202eb\x00c\u2066d\u200f\ufeff\u00ade") == ("abcde",)
    assert cleaned("one\r\ntwo\nthree\u2028four\tfive") == ("one", "two", "three", "four five")
    assert cleaned("e\u0301") == ("é",)


def test_floods_are_cut() -> None:
    (line,) = cleaned("q" + "\u0323" * 3000)
    assert len(line) <= 1 + MOST_MARKS
    (line,) = cleaned("x" * 1_000_000)
    assert len(line) == MOST_CHARACTERS + 1 and line.endswith("…")


def test_a_missing_font_says_what_brings_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fonts, "FOLDERS", (tmp_path,))
    assert "NotoSans-Regular.ttf" in missing_fonts() and "NotoSansCJK-Regular.ttc" in missing_fonts()
    with pytest.raises(FontMissing, match=r"found no NotoSansGothic-Regular\.ttf") as caught:
        Face("NotoSansGothic").path()
    assert caught.value.code == "FONT_MISSING"
    assert caught.value.remedy == "apt-get install fonts-noto-core fonts-noto-cjk"
    (tmp_path / "NotoSans-Regular.ttf").touch()
    assert LATIN.path("Bold").name == "NotoSans-Regular.ttf", "the regular face stands in for a bold one"


def test_missing_shaping_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "shaping_missing", lambda: True)
    fonts.opened.cache_clear()
    with pytest.raises(FontMissing) as caught:
        fonts.opened(LATIN, 20)
    assert (caught.value.code, caught.value.remedy) == ("SHAPING_MISSING", "apt-get install libfribidi0")
