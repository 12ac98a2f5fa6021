"""How long a clip plays and at which rate, under every kind of preset."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.tasks.asked import ask, only, plan, planned, refusal


@pytest.mark.parametrize(
    ("name", "seconds", "fit", "frames", "cycle", "after", "said"),
    [
        ("tiktok_ads", 3, "auto", 150, 150, "rest", "at least 5 s, the clip is 3 s: the move takes longer"),
        ("tiktok_ads", 3, "extend", 150, 150, "rest", "the move takes longer"),
        ("tiktok_ads", 3, "hold", 150, 90, "rest", "it rests on its last view"),
        ("tiktok_ads", 3, "loop", 180, 90, "repeat", "it plays 2 times"),
        ("instagram_reel", 2, "auto", 90, 90, "rest", "at least 3 s, the clip is 2 s"),
        ("instagram_reel", 2, "loop", 120, 60, "repeat", "it plays 2 times"),
        ("instagram_reel", 3, "loop", 90, 90, "rest", ""),
        ("tiktok_ads", 40, "auto", 1200, 1200, "rest", "recommends at most 34 s"),
        ("amazon_stv", 10, "hold", 450, 300, "rest", "one of its lengths 15 s"),
        ("amazon_stv", 15, "auto", 450, 450, "rest", ""),
        ("amazon_stv", 60, "auto", 1798, 1798, "rest", ""),
    ],
)
def test_a_clip_too_short_for_its_preset_is_filled_and_said(
    name: str, seconds: float, fit: str, frames: int, cycle: int, after: str, said: str
) -> None:
    shot = plan(ask(deliver=[name], seconds=seconds, fit=fit))
    camera, encode = only(shot).animate, only(shot).deliveries[0].encode
    assert (camera.frames, camera.cycle, camera.after) == (frames, cycle, after)
    assert encode.frames == frames
    notes = [note for note in shot.notes if name in note]
    assert (said in " ".join(notes)) if said else not notes, notes


def test_a_length_in_ntsc_time_is_within_one_frame_of_what_the_platform_wants() -> None:
    for seconds in (15, 30, 45, 60):
        delivery = only(plan(ask(deliver=["amazon_stv"], seconds=seconds))).deliveries[0]
        assert delivery.encode.rate == "30000/1001"
        played = delivery.encode.frames / Fraction(delivery.encode.rate)
        assert abs(played - seconds) < 1 / Fraction(30000, 1001), float(played)
        assert delivery.encode.audio == "silent", "the preset wants sound"


@pytest.mark.parametrize(
    ("name", "seconds", "code", "told"),
    [
        ("tiktok_ads", 61, "PRESET_TOO_LONG", "at most 60 s"),
        ("amazon_stv", 70, "PRESET_LENGTH", "15/30/45/60"),
        ("youtube_shorts", 200, "PRESET_TOO_LONG", "180"),
    ],
)
def test_a_clip_too_long_for_its_preset_is_refused(name: str, seconds: float, code: str, told: str) -> None:
    problem = refusal(ask(deliver=[name], seconds=seconds))
    assert problem.code == code
    assert told in problem.message
    assert "seconds:" in problem.remedy


def test_every_preset_that_refuses_is_told_at_once() -> None:
    found = planned(ask(deliver=["tiktok_ads", "amazon_stv", "youtube_shorts"], seconds=300, interpolate="rife"))
    assert isinstance(found, list)
    assert [problem.code for problem in found] == [
        "ENGINE_MISSING",
        "PRESET_TOO_LONG",
        "PRESET_LENGTH",
        "PRESET_TOO_LARGE",
        "PRESET_TOO_LONG",
    ]


@pytest.mark.parametrize(
    ("name", "asked", "given", "said"),
    [
        ("web_1080p", "auto", "30", False),
        ("web_1080p", 25, "25", False),
        ("amazon_stv", "auto", "30000/1001", False),
        ("amazon_stv", 60, "30000/1001", True),
        ("web_4k", 25, "30", True),
        ("instagram_reel", 20, "23", True),
    ],
)
def test_a_rate_the_preset_refuses_becomes_the_nearest_and_is_said(
    name: str, asked: object, given: str, said: bool
) -> None:
    shot = plan(ask(deliver=[name], seconds=15, rate=asked))
    assert only(shot).animate.rate == given
    assert any("is not allowed there" in note for note in shot.notes) == said


def test_frames_are_frames_of_the_delivery_at_any_rate() -> None:
    for rate in ("24", "25", "30", "50", "24000/1001", "30000/1001", "60000/1001"):
        for frames in range(15, 200):
            camera = only(plan(ask(frames=frames, rate=rate, motion={"move": "hold"}))).animate
            assert (camera.frames, camera.cycle, camera.rate) == (frames, frames, rate)
