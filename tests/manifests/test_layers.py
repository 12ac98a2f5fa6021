"""Precedence, merging and overrides."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.manifests.workspace import Workspace

LAYERED = """\
version: 1
profile: soft
defaults: {seconds: 8, tags: [all], meta: {season: AW26, kind: x}, motion: {move: pan, amount: 0.3, direction: left}}
profiles:
  soft: {motion: {amount: 0.2, easing: linear}}
  loud: {frames: 90, motion: {amount: 0.5}}
rows:
  - {id: plain, source: a.png}
  - {id: own, source: b.png, tags: [mine], meta: {kind: y}, motion: {amount: 0.1}}
  - {id: other, source: c.png, profile: loud}
"""


def test_each_layer_stands_over_the_one_below(space: Workspace) -> None:
    plain, own, other = (shot.ask for shot in space.load(LAYERED).shots)
    assert (plain.motion.move, plain.motion.amount, plain.motion.easing) == ("pan", 0.2, "linear")
    assert plain.motion.direction == "left"
    assert (own.motion.amount, own.motion.easing) == (0.1, "linear")
    assert own.tags == ("mine",), "lists are replaced"
    assert own.meta == {"season": "AW26", "kind": "y"}, "mappings merge"
    assert (other.motion.amount, other.motion.easing) == (0.5, "smooth"), "a row's profile replaces the header's"
    assert plain.light.sweep == 0, "built-in"


def test_seconds_and_frames_displace_each_other(space: Workspace) -> None:
    plain, _, other = (shot.ask for shot in space.load(LAYERED).shots)
    assert (plain.seconds, plain.frames) == (8, None)
    assert (other.seconds, other.frames) == (None, 90)
    shots = space.load(LAYERED, ["seconds=3"]).shots
    assert {(shot.ask.seconds, shot.ask.frames) for shot in shots} == {(3, None)}


def test_overrides_stand_over_rows_and_the_last_one_wins(space: Workspace) -> None:
    given = [
        "motion.amount=0.4",
        "motion.amount=0.45",
        "deliver=[web_1080p, instagram_reel]",
        "meta.a.b=1",
        "rate=29.97",
    ]
    for shot in space.load(LAYERED, given).shots:
        assert shot.ask.motion.amount == 0.45
        assert shot.ask.deliver == ("web_1080p", "instagram_reel")
        assert shot.ask.meta["a.b"] == 1
        assert shot.ask.rate == Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("override", "code", "told"),
    [
        ("motion.amont=0.2", "BAD_OVERRIDE", "motion.amount"),
        ("seed", "BAD_OVERRIDE", "="),
        ("tags=[a", "BAD_OVERRIDE", "YAML"),
        ("motion.amount=9999", "OUT_OF_RANGE", "0.6"),
        ("tags=!!python/name:os.system", "BAD_OVERRIDE", "tags"),
    ],
)
def test_a_bad_override_is_told_once(space: Workspace, override: str, code: str, told: str) -> None:
    problem = space.fault(LAYERED, [override])
    assert problem.code == code
    assert told in str(problem)
    assert "--set" in problem.file


def test_built_in_defaults_depend_on_the_kind(space: Workspace) -> None:
    product = space.row("title: x").shots[0].ask
    board = (
        space.load("version: 1\nkind: storyboard\nrows: [{id: a, source: a.png, shot: 1A, dialogue: Hi}]\n")
        .shots[0]
        .ask
    )
    assert (product.seconds, product.motion.move, product.deliver) == (6, "push", ("web_1080p",))
    assert (board.seconds, board.motion.move, board.shot, board.dialogue) == (2, "hold", "1A", "Hi")


def test_null_says_nothing(space: Workspace) -> None:
    ask = (
        space.load("version: 1\ndefaults: {seconds: 4}\nrows:\n- id: a\n  source: a.png\n  seconds:\n  motion:\n")
        .shots[0]
        .ask
    )
    assert (ask.seconds, ask.motion.move) == (4, "push")


def test_variants_make_all_combinations(space: Workspace) -> None:
    manifest = space.row("variants: {seed: [1, 2, 3], motion.move: [push, orbit]}")
    assert len(manifest.items) == 1
    assert [shot.variant for shot in manifest.shots] == [
        f"seed={seed},move={move}" for seed in (1, 2, 3) for move in ("push", "orbit")
    ]
    assert {(shot.ask.seed, shot.ask.motion.move) for shot in manifest.shots} == {
        (seed, move) for seed in (1, 2, 3) for move in ("push", "orbit")
    }
    assert len({shot.key for shot in manifest.shots}) == 6
    assert len({manifest.output(shot, "web_1080p") for shot in manifest.shots}) == 6


def test_variants_that_share_a_last_part_are_told_by_the_whole_key(space: Workspace) -> None:
    shots = space.row("variants: {render.rate: [24], rate: [24, 25]}").shots
    assert [shot.variant for shot in shots] == ["render.rate=24,rate=24", "render.rate=24,rate=25"]


@pytest.mark.parametrize(
    ("matrix", "code", "told"),
    [
        ("{sede: [1]}", "UNKNOWN_KEY", "seed"),
        ("{source: [a.png]}", "UNKNOWN_KEY", "source"),
        ("{seed: 3}", "WRONG_TYPE", "list"),
        ("{seed: []}", "NO_SHOTS", "value"),
        ("{motion.amount: [0.1, 9]}", "OUT_OF_RANGE", "0.6"),
        ("{motion.move: [push, spin]}", "UNKNOWN_VALUE", "orbit"),
        ("{seconds: [2], frames: [30]}", "EXCLUSIVE_KEYS", "frames"),
    ],
)
def test_bad_variants(space: Workspace, matrix: str, code: str, told: str) -> None:
    problem = space.row_fault(f"variants: {matrix}")
    assert (problem.code, problem.item, problem.line) == (code, "a", 3)
    assert told in str(problem)


def test_a_bad_profile_is_told_even_where_no_row_uses_it(space: Workspace) -> None:
    text = (
        "version: 1\nprofiles:\n  p:\n    seconds: 3\n    variants:\n      seed: [-1]\nrows: [{id: a, source: a.png}]\n"
    )
    problem = space.fault(text)
    assert (problem.code, problem.line, problem.item) == ("OUT_OF_RANGE", 6, "")


def test_too_many_shots(space: Workspace) -> None:
    text = "version: 1\nlimits: {max_shots: 3}\nrows: [{id: a, source: a.png, variants: {seed: [1, 2, 3, 4]}}]\n"
    assert space.fault(text).code == "TOO_MANY_SHOTS"
