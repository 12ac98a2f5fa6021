"""Where shots of a scene stand, in whole frames: rounding, transitions, names, and rows that are not there."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from manifests.errors import ManifestError
from manifests.loader import load
from manifests.presets import Preset, preset
from tasks.boards.numbering import shot_names
from tasks.planner.cut import clip_preset, cut_scenes
from tasks.planner.scene import plan_scene
from tasks.planner.timing import timing
from tests.tasks.scene.cutting import EXACT, LONG, RATES, cut, frames_of_clips, manifest, plan, refused, row, rows
from tests.workroom import small_presets

pytestmark = pytest.mark.usefixtures("small")
LENGTHS = st.lists(st.integers(100, 30_000).map(lambda thousandths: thousandths / 1000), min_size=1, max_size=40)
PRESET = "web_1080p"  # hypothesis takes no fixtures of a function


def teach(monkeypatch: pytest.MonkeyPatch, *known: Preset) -> None:
    for user in ("manifests.presets", "manifests.preset_names"):
        monkeypatch.setattr(f"{user}.presets", lambda: {one.name: one for one in known})


def nearest(seconds: Fraction, rate: Fraction) -> int:
    return math.floor(seconds * rate + Fraction(1, 2))


@given(LENGTHS, st.sampled_from(RATES))
def test_every_shot_begins_on_the_frame_nearest_to_its_time(lengths: list[float], rate: str) -> None:
    _, found = cut(rows(*lengths), rate=rate, preset=PRESET)
    assert found.timeline.rate == EXACT[rate]
    played = Fraction(0)
    for event, length in zip(found.timeline.events, lengths, strict=True):
        assert event.start == nearest(played, EXACT[rate]), (event.name, float(played))
        played += Fraction(str(length))
    assert found.timeline.frames == nearest(played, EXACT[rate])


@given(LENGTHS, st.sampled_from(RATES))
def test_between_two_cuts_no_frame_is_missing_or_seen_twice(lengths: list[float], rate: str) -> None:
    _, found = cut(rows(*lengths), rate=rate, preset=PRESET)
    assert found.timeline.events[0].start == 0
    for one, after in pairwise(found.timeline.events):
        assert one.end == after.start and one.frames >= 1


@pytest.mark.parametrize("rate", RATES)
def test_thousands_of_shots_do_not_drift(rate: str) -> None:
    """Rounded one by one, 5000 shots of 1.3 s would end 1500 frames from where the clock is."""
    _, found = cut(rows(*[1.3] * 5000), rate=rate)
    wrong = [
        (number, event.start)
        for number, event in enumerate(found.timeline.events)
        if abs(event.start - number * Fraction(13, 10) * EXACT[rate]) > Fraction(1, 2)
    ]
    assert wrong == []
    assert len({event.name for event in found.timeline.events}) == 5000


@given(LENGTHS, st.sampled_from(RATES), st.sampled_from(["cut", "dissolve", "dip"]), st.floats(0.08, 5))
def test_a_clip_is_as_long_as_it_is_seen(lengths: list[float], rate: str, kind: str, seconds: float) -> None:
    """Over all its cuts and transitions; a frame more at most, so that a cut that moves by one makes no clip anew."""
    transition = {"kind": kind, "seconds": round(seconds, 3)}
    found, made = cut(rows(*lengths, transition=transition), rate=rate, preset=PRESET)
    clips = frames_of_clips(found)
    for event in made.timeline.events:
        shortest = math.ceil(EXACT[rate] / 10)
        assert 0 <= clips[event.key] - max(shortest, event.clip_frames) <= 1, (event, clips[event.key])
        shared = kind == "dissolve"
        assert shared or (event.head, event.tail) == (0, 0), "only a dissolve shows both"


@given(LENGTHS, st.sampled_from(RATES), st.sampled_from(["dissolve", "dip"]), st.floats(0.08, 5))
def test_a_transition_takes_at_most_half_of_its_neighbours(
    lengths: list[float], rate: str, kind: str, seconds: float
) -> None:
    transition = {"kind": kind, "seconds": round(seconds, 3)}
    _, found = cut(rows(*lengths, transition=transition), rate=rate, preset=PRESET)
    events = found.timeline.events
    wanted = max(2, round(Fraction(str(transition["seconds"])) * EXACT[rate]))
    assert events[0].into.kind == "cut" and events[0].head == 0, "nothing comes before the first shot"
    for one, after in pairwise(events):
        assert after.into.before <= one.frames // 2 and after.into.after <= after.frames // 2
        assert after.into.frames <= wanted
        roomy = min(one.frames, after.frames) // 2 >= wanted - wanted // 2
        assert not roomy or (after.into.kind, after.into.frames) == (kind, wanted)
    short = sum(after.into.frames < wanted for after in events[1:])
    assert len(found.notes) == short, "each that was shortened is told"


def test_a_shortened_transition_says_so() -> None:
    _, found = cut([*rows(0.5), row("b", 2, seconds=4, transition=LONG)], rate=24)
    assert found.notes == ("b: the dissolve is 54 frames long, not 120: its shots are short",)


def test_a_rows_own_transition_goes_before_the_scenes() -> None:
    dip = {"kind": "dip", "seconds": 1}
    shots = [row("a", 1, seconds=4), row("b", 2, seconds=4), row("c", 3, seconds=4, transition={"kind": "cut"})]
    shots += [row("d", 4, seconds=4, transition={"kind": "dissolve", "seconds": 0.5})]
    _, found = cut(shots, rate=24, transition=dip)
    told = [(event.into.kind, event.into.before, event.into.after) for event in found.timeline.events]
    assert told == [("cut", 0, 0), ("dip", 12, 12), ("cut", 0, 0), ("dissolve", 6, 6)]
    assert [(event.head, event.tail) for event in found.timeline.events] == [(0, 0), (0, 0), (0, 6), (6, 0)]


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(LENGTHS, st.sampled_from(RATES), st.sampled_from([15, 30, 61.7, 600]))
def test_a_scene_of_a_given_length_is_exactly_that_long(lengths: list[float], rate: str, seconds: float) -> None:
    total = sum(Fraction(str(length)) for length in lengths)
    share = Fraction(str(seconds)) / total
    assume(Fraction(str(min(lengths))) * share * EXACT[rate] >= 1)  # a shot has a frame, come what may
    found, made = cut(rows(*lengths), rate=rate, seconds=seconds, preset=PRESET)
    played = Fraction(0)
    for event, length in zip(made.timeline.events, lengths, strict=True):
        assert event.start == nearest(played * share, EXACT[rate])
        played += Fraction(str(length))
    assert made.timeline.frames == nearest(Fraction(str(seconds)), EXACT[rate])
    clips = frames_of_clips(found)
    assert all(clips[event.key] >= event.clip_frames for event in made.timeline.events)


def test_more_shots_than_frames_still_get_a_frame_each() -> None:
    _, found = cut(rows(*[1.0] * 40), rate=24, seconds=0.5)
    assert [event.frames for event in found.timeline.events] == [1] * 40


def test_lengths_in_frames_are_taken_as_they_are() -> None:
    shots = [row(f"a{n}", n, frames=frames) for n, frames in enumerate((7, 13, 2, 100))]
    found, made = cut(shots, rate="29.97")
    assert [event.frames for event in made.timeline.events] == [7, 13, 2, 100]
    assert list(frames_of_clips(found).values()) == [7, 13, 3, 100], "a tenth of a second is the shortest clip"


@pytest.mark.parametrize("rate", RATES)
def test_a_longer_first_shot_leaves_the_other_clips_as_they_are(rate: str) -> None:
    """Cuts behind it move, by part of a frame too; what is asked of the other shots does not."""
    before, _ = cut(rows(1.3, 0.7, 2.1, 1.1, 0.9), rate=rate)
    after, _ = cut(rows(1.37, 0.7, 2.1, 1.1, 0.9), rate=rate)
    assert [shot.ask for shot in before.shots[1:]] == [shot.ask for shot in after.shots[1:]]


def test_shots_are_numbered_in_tens_and_own_names_are_kept() -> None:
    assert shot_names("SQ010", ["x", "y", "z"]) == ["SQ010_SH0010", "SQ010_SH0020", "SQ010_SH0030"]
    own = ["SQ010_SH0010", "SQ010_SH0015", "new", "SQ010_SH0030A", "newer"]
    assert shot_names("SQ010", own) == [*own[:2], "SQ010_SH0020", own[3], "SQ010_SH0040"]
    high = ["SQ010_SH10010", "new", "SQ010_SH0020", "x"]
    assert shot_names("SQ010", high) == [high[0], "SQ010_SH10020", high[2], "SQ010_SH0030"]
    assert shot_names("SQ020", ["SQ010_SH0010"]) == ["SQ020_SH0010"], "another sequence's name is no name here"


@given(
    st.lists(
        st.one_of(
            st.integers(1, 400).map(lambda number: f"SQ010_SH{number:04}"),
            st.integers(9_990, 10_040).map(lambda number: f"SQ010_SH{number}"),
            st.sampled_from(["SQ010_SH0010A", "SQ010_SH0020b2", "panel", "shot 1", "x"]),
            st.integers(0, 50).map(lambda number: f"row {number}"),
        ),
        unique=True,
        max_size=60,
    )
)
def test_no_two_shots_have_one_name(items: list[str]) -> None:
    names = shot_names("SQ010", items)
    assert len(set(names)) == len(items), sorted(name for name in names if names.count(name) > 1)
    assert all(name == item for name, item in zip(names, items, strict=True) if item.startswith("SQ010_SH"))


def test_of_an_item_with_variants_the_first_is_cut_in_and_the_others_could_be() -> None:
    dissolve = {"kind": "dissolve", "seconds": 1}
    shots = [row("a", 1, "seed=1", seconds=2, seed=1), row("a", 1, "seed=2", seconds=2, seed=2)]
    shots += [row("a", 1, "seconds=5", seconds=5, seed=2), row("b", 2, seconds=3, transition=dissolve)]
    found, made = cut(shots, rate=24)
    assert [event.key for event in made.timeline.events] == ["a#seed=1", "b"]
    assert [shot.ask.seconds for shot in found.shots] == [2.5, 2.5, 5, 3.5]
    assert [shot.ask.seed for shot in found.shots] == [1, 2, 2, 0], "what varies stays its own"
    assert found.shots[2] is shots[2]


@pytest.mark.parametrize("rate", RATES)
def test_a_preset_of_another_rate_plays_a_row_as_long_as_the_scene_does(rate: str) -> None:
    shots = [row("a", 1, seconds=2), row("b", 2, seconds=0.1)]
    found, made = cut(shots, rate=rate)
    thirty = small_presets()["small_wide"].model_copy(update={"rates": (Fraction(30),)})
    for shot, event in zip(found.shots, made.timeline.events, strict=True):
        played = [timing(shot.ask, spec) for spec in (clip_preset(made.scene), thirty)]
        assert played[0].rate == EXACT[rate] and played[0].frames >= event.clip_frames, (shot.key, played)
        assert played[0].frames <= max(event.clip_frames + 1, 3), (shot.key, played)
        seconds = [float(one.frames / one.rate) for one in played]
        assert abs(seconds[0] - seconds[1]) <= 1 / 30, (shot.key, seconds)


def test_a_refused_row_keeps_its_place_and_its_length() -> None:
    _, found = cut([row("a", 3, seconds=1), row("c", 9, seconds=1)], [refused("b", 5, seconds=2.5)], rate=24)
    told = [(event.key, event.start, event.frames, event.missing) for event in found.timeline.events]
    assert told == [("a", 0, 24, ""), ("b", 24, 60, "there is no file"), ("c", 84, 24, "")]
    assert [event.name for event in found.timeline.events] == ["SQ010_SH0010", "SQ010_SH0020", "SQ010_SH0030"]


def test_rows_of_no_scene_are_left_as_they_were() -> None:
    shots = [row("a", 1, seconds=1), row("b", 2, seconds=1, scene="")]
    found, _ = cut(shots)
    assert found.shots[1] is shots[1]
    assert found.shots[0].ask.deliver == ("web_1080p", "small_wide")


def test_what_is_cut_is_delivered_at_the_scenes_rate_and_without_limits_of_the_whole() -> None:
    shots = [row("a", 1, seconds=1, deliver=["small_tall"], rate=30)]
    found, made = cut(shots, rate=25, preset="small_shop")
    ask = found.shots[0].ask
    assert (ask.rate, ask.frames, ask.seconds) == (25, None, 1.0)
    assert ask.deliver == ("small_tall", "small_shop_shot")
    clip = clip_preset(made.scene)
    assert (clip.max_seconds, clip.audio, preset("small_shop_shot")) == (0, "none", clip)
    assert (clip.width, clip.height, clip.crf) == (320, 180, small_presets()["small_shop"].crf)


@pytest.mark.parametrize(
    ("code", "said"), [("EMPTY_SCENE", "no good row is in it"), ("BAD_SCENE", "native has no frame of its own")]
)
def test_a_scene_that_cannot_be_is_told_and_left_out(code: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    native = small_presets()["small_wide"].model_copy(update={"name": "native", "width": 0, "height": 0})
    teach(monkeypatch, native, preset("web_1080p"))
    shots = [] if code == "EMPTY_SCENE" else rows(1.0)
    lost = [refused("b", 5, seconds=1)] if code == "EMPTY_SCENE" else []
    scenes: dict[str, Any] = {"s": {"preset": native.name}, "other": {}}
    asked = manifest([*shots, row("z", 99, scene="other", seconds=1)], lost, scenes=scenes)
    found, cuts, problems = cut_scenes(asked)
    assert [cut.timeline.name for cut in cuts] == ["other"], "the others are made"
    assert [(problem.code, problem.file) for problem in problems] == [(code, "/m/m.yaml")]
    assert said in problems[0].message and "scenes.s" in problems[0].message and problems[0].remedy
    assert found.shots[: len(shots)] == tuple(shots)


def test_a_rate_that_the_preset_does_not_take_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch, small_presets()["small_wide"].model_copy(update={"rates": (EXACT["25"], EXACT["30"])}))
    _, cuts, problems = cut_scenes(manifest(rows(1.0), rate=24))
    assert not cuts and problems[0].code == "BAD_SCENE"
    assert "24" in problems[0].message and problems[0].remedy == "it takes 25, 30"
    assert cut_scenes(manifest(rows(1.0), rate=25))[2] == []


@pytest.mark.parametrize("start", ["01:00:00;00", "99:00:00:00", "01:00:00:24"])
def test_a_timecode_that_its_rate_does_not_have_is_told_before_anything_is_made(start: str) -> None:
    _, cuts, problems = cut_scenes(manifest(rows(1.0), rate=24, start=start))
    assert not cuts and problems[0].code == "BAD_SCENE" and problems[0].remedy
    assert "scenes.s.start" in problems[0].message


def test_a_shot_that_cannot_be_planned_is_missing_in_the_plan_and_keeps_its_place() -> None:
    _, made = cut(rows(1.0, 1.0), rate=24)
    planned = plan_scene(made, {("a1", "small_wide"): "ask"}, {"a2": "it is too small"}, {}, refresh=False)
    assert [(event.missing, event.ask_sha256) for event in planned.events] == [("", "ask"), ("it is too small", "")]
    assert [(event.start, event.frames) for event in planned.events] == [(0, 24), (24, 24)]


def test_what_is_asked_of_a_scene_is_named_by_what_is_seen_and_heard() -> None:
    base = plan(rows(1.0, 1.0), rate=24)
    assert plan(rows(1.0, 1.0), rate=24).delivery.ask_sha256 == base.delivery.ask_sha256
    others = [
        plan(rows(1.0, 1.5), rate=24),
        plan(rows(1.0, 1.0), rate=25),
        plan(rows(1.0, 1.0), rate=24, leader=1),
        plan(rows(1.0, 1.0), rate=24, burn_in={"top": "shot"}),
        plan(rows(1.0, 1.0, dialogue="Now!"), rate=24),
        plan(rows(1.0, 1.0), rate=24, preset="small_shop"),
        plan(rows(1.0, 1.0), rate=24, loudness=-20),
        plan(rows(1.0, 1.0, transition={"kind": "dissolve"}), rate=24),
    ]
    digests = [other.delivery.ask_sha256 for other in others] + [base.asked({"a1": "gone"}), base.asked({})]
    assert len(set(digests)) == len(digests)
    assert base.asked({}) == base.delivery.ask_sha256
    same = plan(rows(1.0, 1.0, meta={"act": 2}), rate=24)
    assert same.delivery.ask_sha256 == base.delivery.ask_sha256, "other columns are neither seen nor heard"


HEAD = """\
version: 1
kind: {kind}
scenes: {{{scenes}}}
rows:
"""


def written(folder: Path, *asked: str, kind: str = "storyboard", scenes: str = "s: {}") -> Path:
    (folder / "a.png").write_bytes(b"not looked at")
    path = folder / "m.yaml"
    rows_told = "".join(f"  - {{id: r{number}, source: a.png, {one}}}\n" for number, one in enumerate(asked))
    path.write_text(HEAD.format(kind=kind, scenes=scenes) + rows_told)
    return path


def test_rows_of_an_unknown_scene_are_refused_with_the_nearest_name(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, "scene: opening", "scene: openign", scenes="opening: {}"))
    (lost,) = loaded.refused
    assert (lost.item_id, lost.problems[0].code, lost.problems[0].line) == ("r1", "UNKNOWN_SCENE", 6)
    assert "openign" in lost.problems[0].message and lost.problems[0].remedy == "did you mean opening?"


def test_a_sound_that_is_not_there_is_told_and_its_row_keeps_its_place(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, "seconds: 1", "seconds: 1.5, sound: {path: no.wav}", "seconds: 1"))
    (lost,) = loaded.refused
    assert lost.problems[0].code == "SOUND_MISSING" and "sound" in lost.problems[0].message
    _, (found,), problems = cut_scenes(loaded)
    assert not problems
    told = [(event.key, event.start, bool(event.missing)) for event in found.timeline.events]
    assert told == [("r0", 0, False), ("r1", 24, True), ("r2", 60, False)]


def test_a_scenes_own_sound_that_is_not_there_refuses_the_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        load(written(tmp_path, "seconds: 1", scenes="s: {sound: {path: no.wav}}"))
    (problem,) = caught.value.problems
    assert (problem.code, problem.line) == ("SOUND_MISSING", 3)
    assert "scenes.s.sound" in problem.message and problem.remedy


def test_only_a_storyboards_single_scene_takes_rows_that_name_none(tmp_path: Path) -> None:
    def counted(**told: str) -> dict[str, int]:
        _, cuts, _ = cut_scenes(load(written(tmp_path, "seconds: 1", "seconds: 1, scene: s", **told)))
        return {cut.timeline.name: len(cut.timeline.events) for cut in cuts}

    assert counted() == {"s": 2}
    assert counted(kind="product") == {"s": 1}
    assert counted(scenes="s: {}, t: {}") == {"s": 1}
