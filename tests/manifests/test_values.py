"""Rates, colours, portable names."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.colors import parse_color
from manifests.names import LONGEST, output_name, portable, template_fault
from manifests.rates import parse_rate, rate_text


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("24", Fraction(24)),
        (25, Fraction(25)),
        (30.0, Fraction(30)),
        ("23.976", Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        (119.88, Fraction(120000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        (12.5, Fraction(25, 2)),
        ("7.5", Fraction(15, 2)),
        (1, Fraction(1)),
        (120, Fraction(120)),
    ],
)
def test_rates_are_exact(written: object, rate: Fraction) -> None:
    assert parse_rate(written) == rate
    assert parse_rate(rate_text(rate)) == rate


@pytest.mark.parametrize("written", [0, -30, 121, "fast", "", "1/0", True, None, [30], float("nan"), float("inf")])
def test_no_rate(written: object) -> None:
    with pytest.raises(ValueError, match="rate"):
        parse_rate(written)


@pytest.mark.parametrize(
    ("written", "color"), [("White", "#ffffff"), ("#ABC", "#aabbcc"), ("#a1B2c3", "#a1b2c3"), ("navy", "#000080")]
)
def test_colours(written: str, color: str) -> None:
    assert parse_color(written) == color


@pytest.mark.parametrize("written", ["#ab", "#abcd", "#ggg", "papaya", "", None])
def test_no_colour(written: object) -> None:
    with pytest.raises(ValueError, match="colour"):
        parse_color(written)


@given(st.text())
def test_portable_names_are_portable(text: str) -> None:
    name = portable(text)
    assert 1 <= len(name.encode()) <= LONGEST
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert name[0] not in "-."
    assert name[-1] != "."
    assert portable(name) == name, "making a portable name portable changes nothing"


@given(st.text(min_size=1), st.text(min_size=1))
def test_different_texts_keep_different_names(one: str, other: str) -> None:
    def same(text: str) -> str:
        return " ".join(text.strip(" ").replace("-", " ").split(" "))

    if portable(one) == portable(other):
        import unicodedata

        assert same(unicodedata.normalize("NFC", one)) == same(unicodedata.normalize("NFC", other)), (one, other)


@pytest.mark.parametrize(
    ("text", "name"), [("SKU-1", "SKU-1"), ("Red mug", "Red-mug"), ("a_b.c", "a_b.c"), ("x" * 120, "x" * 120)]
)
def test_plain_names_stay(text: str, name: str) -> None:
    assert portable(text) == name


@pytest.mark.parametrize("text", ["con", "NUL.txt", "-x", ".x", "x.", "茶壶", "Käse", "a/b", "x" * 121, "\n"])
def test_changed_names_carry_a_digest(text: str) -> None:
    assert portable(text)[-9] == "-"
    assert portable(text) != portable(text + "!")


def test_empty_fields_vanish_with_their_separator() -> None:
    fields = {"id": "a", "preset": "web"}
    assert output_name("{id}_{variant}_{preset}", fields, "mp4") == "a_web.mp4"
    assert output_name("{title}_{id}_{preset}.mp4", fields, "mov") == "a_web.mov"
    assert output_name("{meta.brand}/{id}", fields, "mp4") == "a.mp4"
    assert output_name("{title}", fields, "mp4") == "untitled.mp4"


@pytest.mark.parametrize(
    "template",
    [
        "{id",
        "{nope}",
        "../{id}",
        "/{id}",
        "a//{id}",
        "./{id}",
        "{preset}",
        "{id!r}",
        "{id:>9}",
        "{id}/",
        "{id}\n",
        "~{id}",
        "{}",
    ],
)
def test_unsound_templates(template: str) -> None:
    assert template_fault(template)


@pytest.mark.parametrize("template", ["{id}_{preset}", "{meta.brand name}/{id}.mp4", "clips/{title} {variant}", "{id}"])
def test_sound_templates(template: str) -> None:
    assert template_fault(template) == ""
