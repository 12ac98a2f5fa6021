"""Words to keys: what is understood, what is denied, and that nothing is dropped without a word."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.ask import Ask
from manifests.keys import ask_keys
from manifests.layers import overlaid
from manifests.prompt import read
from manifests.vocabulary import lexicon, vocabulary, words
from tests.manifests.workspace import HEAD, Workspace

SLOW = {"motion.amount": 0.06, "svd.motion_bucket": 70, "motion.easing": "smooth"}


@pytest.mark.parametrize(
    ("text", "values", "unmapped"),
    [
        ("push in", {"motion.move": "push"}, []),
        ("Slow PUSH-IN.", {"motion.move": "push", **SLOW}, []),
        ("push slowly in", {"motion.move": "push", **SLOW}, []),
        ("dolly slowly out", {"motion.move": "pull", **SLOW}, []),
        ("pan up", {"motion.move": "tilt", "motion.direction": "up"}, []),
        ("left to right pan", {"motion.move": "pan", "motion.direction": "right"}, []),
        ("the camera moves to the left", {"motion.move": "pan", "motion.direction": "left"}, []),
        ("tilt left", {"motion.move": "tilt"}, ["left"]),
        ("product on the left", {}, ["left"]),
        ("turntable, seamless loop", {"motion.move": "orbit", "motion.loop": True}, []),
        ("subtle light sweep from right to left", {"light.sweep": 0.15, "light.angle": 180}, []),
        ("handheld with strong parallax", {"motion.move": "drift", "motion.parallax": 0.6}, []),
        ("slow cinematic push in", {"motion.move": "push", **SLOW}, ["cinematic"]),
        ("gentle breeze, orbit", {"motion.move": "orbit"}, ["gentle breeze"]),
        ("slow motion push in", {"motion.move": "push"}, ["slow motion"]),
        ("steam rising from the cup; pull back", {"motion.move": "pull"}, ["steam rising from the cup"]),
        ("no camera movement", {"motion.move": "hold"}, []),
        ("don't zoom", {}, ["don't zoom"]),
        ("Don’t zoom, pan left", {"motion.move": "pan", "motion.direction": "left"}, ["Don’t zoom"]),
        ("no zoom or pan, drift", {"motion.move": "drift"}, ["no zoom or pan"]),
        ("zoom is not allowed", {}, ["zoom is not allowed"]),
        ("zoom: no", {}, ["zoom: no"]),
        ("never zoom but orbit", {"motion.move": "orbit"}, ["never zoom"]),
        ("no light sweep, no loop", {"light.sweep": 0, "motion.loop": False}, []),
        ("no strong light sweep", {}, ["no strong light sweep"]),
        ("push in then orbit", {"motion.move": "push"}, ["orbit (motion.move is push already)"]),
        ("推进 慢", {}, ["推进 慢"]),
        ("", {}, []),
        (" \n\t!?,. ", {}, []),
    ],
)
def test_words_and_what_they_fill(text: str, values: dict[str, Any], unmapped: list[str]) -> None:
    reading = read(text)
    assert dict(reading.values) == values
    assert list(reading.unmapped) == unmapped
    assert {(one.key, one.value) for one in reading.mapped} == set(values.items())


def test_a_phrase_is_no_part_of_a_longer_word() -> None:
    for text in ("expand", "panorama", "company", "holdall", "slowness", "pushing pushover"):
        assert "motion.move" not in read(text).values or text.startswith("pushing"), read(text)


def test_every_phrase_fills_keys_an_ask_takes() -> None:
    filled = [
        fills
        for entry in lexicon().entries.values()
        for fills in (
            *((entry.phrase.set, entry.phrase.denied, *entry.phrase.ways.values()) if entry.phrase else ()),
            *((entry.degree.motion, entry.degree.light) if entry.degree else ()),
        )
        if fills
    ]
    assert len(filled) > 100
    for fills in filled:
        layer: dict[str, Any] = {"source": {"kind": "image", "path": "a.png"}}
        for key, value in fills.items():
            assert key in ask_keys(), key
            part, _, name = key.partition(".")
            layer = overlaid(layer, {part: {name: value}})
        Ask.model_validate(layer)


def test_every_phrase_means_by_itself_what_the_file_says() -> None:
    for said, entry in lexicon().entries.items():
        if entry.phrase and entry.phrase.set:
            assert dict(read(" ".join(said)).values) == entry.phrase.set, said
        if entry.degree:
            assert dict(read(" ".join(said)).values) == entry.degree.motion, said


def test_a_vocabulary_that_says_one_thing_twice_is_refused() -> None:
    from manifests.vocabulary import Lexicon

    text = (
        "version: 1\nphrases: [{say: [push in, push-in]}]\ndegrees: []\nways: {}\n"
        "negations: []\nrefusals: []\nstops: []\nfiller: []\n"
    )
    with pytest.raises(ValueError, match="twice"):
        Lexicon(vocabulary(text))


texts = st.text(max_size=300) | st.lists(
    st.sampled_from([*(" ".join(said) for said in lexicon().entries), "steam", "cup", ",", "\x00", "!", "'", "’"]),
    max_size=30,
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_every_word_is_filler_mapped_or_told(text: str) -> None:
    reading = read(text)
    told = {word for part in (*(one.words for one in reading.mapped), *reading.unmapped) for word in words(part)}
    missing = set(words(text)) - told - lexicon().filler - lexicon().stops
    assert not missing, (text, reading)
    Ask.model_validate({"source": {"kind": "image", "path": "a.png"}, **reading.layer()})


@pytest.mark.parametrize(
    "text",
    [
        "slow " * 400,
        "no " * 600,
        "a" * 2000,
        "push slowly " * 150,
        "\x00" * 2000,
        "'" * 2000,
        "- " * 1000,
        "пан\u202e" * 400,
    ],
)
@pytest.mark.timeout(20)
def test_hostile_text_is_read_to_its_end(text: str) -> None:
    reading = read(text)
    told = {word for part in (*(one.words for one in reading.mapped), *reading.unmapped) for word in words(part)}
    assert set(words(text)) - told - lexicon().filler <= lexicon().stops


# ---- layers

LAYERED = """\
version: 1
defaults: {prompt: slow orbit, motion: {amount: 0.2}}
profiles:
  still: {prompt: static}
rows:
  - {id: plain, source: a.png}
  - {id: words, source: a.png, prompt: pan left}
  - {id: keys, source: a.png, prompt: pan left, motion: {move: tilt, direction: up}}
  - {id: held, source: a.png, profile: still}
  - {id: none, source: a.png, prompt: ""}
"""


def test_a_prompt_lies_just_below_its_own_layer(space: Workspace) -> None:
    plain, said, keys, held, none = (shot.ask for shot in space.load(LAYERED).shots)
    assert (plain.motion.move, plain.motion.amount, plain.svd.motion_bucket) == ("orbit", 0.2, 70)
    assert (said.motion.move, said.motion.direction, said.motion.amount) == ("pan", "left", 0.2)
    assert said.svd.motion_bucket == "auto", "a row's prompt takes the default's place, words and meaning"
    assert (keys.motion.move, keys.motion.direction) == ("tilt", "up"), "the row's own keys stand over its prompt"
    assert (held.motion.move, held.prompt) == ("hold", "static")
    assert (none.motion.move, none.prompt) == ("push", "")


def test_a_prompt_on_the_command_line_and_in_variants(space: Workspace) -> None:
    asks = [shot.ask for shot in space.load(LAYERED, ["prompt=push in"]).shots]
    assert [ask.motion.move for ask in asks] == ["push"] * 5, "it is the highest layer"
    text = f"{HEAD}rows: [{{id: a, source: a.png, prompt: slow pan, variants: {{prompt: [orbit, fast drift]}}}}]\n"
    shots = space.load(text).shots
    assert [(one.ask.motion.move, one.ask.motion.amount) for one in shots] == [("orbit", 0.12), ("drift", 0.25)]


def test_a_spreadsheet_has_a_column_for_it(space: Workspace) -> None:
    space.write('id,source,prompt\nx,a.png,"slow push in, steam"\ny,a.png,\n', "rows.csv")
    x, y = (shot.ask for shot in space.load("version: 1\nrows: {csv: rows.csv}\n").shots)
    assert (x.motion.amount, x.prompt) == (0.06, "slow push in, steam")
    assert (y.motion.amount, y.prompt) == (0.12, "")


def test_a_prompt_too_long_or_no_text_is_refused(space: Workspace) -> None:
    assert space.row_fault("prompt: [push]").code == "WRONG_TYPE"
    assert space.row_fault(f"prompt: {'push ' * 500}").code == "OUT_OF_RANGE"


def test_the_vocabulary_says_what_its_lists_are() -> None:
    from pathlib import Path

    import manifests

    text = (Path(manifests.__file__).parent / "vocabulary.yaml").read_text(encoding="utf-8")
    head = text.split("version: 1")[0]
    for name in re.findall(r"^(\w+):", text, re.MULTILINE):
        assert name == "version" or name in head, name
