"""Letters of both directions stand in the order that Unicode's algorithm puts them."""

from __future__ import annotations

import random

import pytest

from tasks.lettering.bidi import base_level, levels, visual_order


def seen(text: str) -> str:
    """The text from left to right, in capitals for Hebrew letters, as Annex #9 writes its examples."""
    hebrew = {chr(ord("A") + n): chr(0x5D0 + n) for n in range(26)}
    real = "".join(hebrew.get(one, one) for one in text)
    return "".join(visual_order(list(text), levels(real, base_level(real))))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("car is the SOME", "car is the EMOS"),
        ("he said SHALOM 123, ok", "he said 123 MOLAHS, ok"),
        ("SHALOM abc 12:30", "abc 12:30 MOLAHS"),
        ("SHALOM 12:30, take", "take ,12:30 MOLAHS"),
        ("SHOT (abc) BET", "TEB )abc( TOHS"),  # the brackets are mirrored where they are drawn
        ("abc SHOT (BET) def", "abc )TEB( TOHS def"),
        ("SHOT 50%, $20", "$20 ,50% TOHS"),
        ("", ""),
    ],
)
def test_words_of_both_directions(text: str, wanted: str) -> None:
    assert seen(text) == wanted


def test_the_first_letter_decides() -> None:
    assert base_level("12: שלום abc") == 1
    assert base_level("12: abc שלום") == 0
    assert base_level("12:30 ...") == 0
    assert base_level("مرحبا") == 1


def test_levels_are_those_of_a_whole_implementation() -> None:
    """Against fpdf2's, over random sentences of letters, numbers, brackets and marks of five scripts."""
    bidi = pytest.importorskip("fpdf.bidi", reason="fpdf2 is not installed: nothing to compare with")
    from fpdf.enums import TextDirection

    choice = random.Random(7)
    alphabet = "abשלحر 12٣٤ ().,:-+%$[]「」\u0301\u064e灯ก "
    wrong: list[str] = []
    for _ in range(2000):
        text = "".join(choice.choice(alphabet) for _ in range(choice.randint(1, 14)))
        base = base_level(text)
        paragraph = bidi.BidiParagraph(text=text, base_direction=(TextDirection.LTR, TextDirection.RTL)[base])
        wanted = [one.embedding_level for one in paragraph.characters]
        got = levels(text, base)
        if got != wanted:
            wrong.append(f"{text!r}: {got}, wanted {wanted}")
    assert not wrong, f"{len(wrong)} of 2000 differ: " + "; ".join(wrong[:5])
