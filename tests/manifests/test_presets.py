"""Delivery presets: whole, dated, sourced; and what they refuse."""

from __future__ import annotations

from fractions import Fraction

import pytest

from manifests.presets import preset, presets
from manifests.requirements import check

DELIVERIES = {
    "web_1080p": (1920, 1080),
    "web_4k": (3840, 2160),
    "master_prores": (0, 0),
    "amazon_onsite": (1920, 1080),
    "amazon_stv": (1920, 1080),
    "amazon_olv": (1920, 1080),
    "shopify_product": (1920, 1080),
    "instagram_reel": (1080, 1920),
    "meta_feed_square": (1080, 1080),
    "meta_feed_4x5": (1080, 1350),
    "tiktok_ads": (1080, 1920),
    "tiktok_ads_square": (1080, 1080),
    "tiktok_ads_wide": (1920, 1080),
    "youtube_1080p": (1920, 1080),
    "youtube_4k": (3840, 2160),
    "youtube_shorts": (1080, 1920),
}


@pytest.mark.parametrize(("name", "frame"), DELIVERIES.items())
def test_frames(name: str, frame: tuple[int, int]) -> None:
    assert (preset(name).width, preset(name).height) == frame
    assert preset(name).native == (frame == (0, 0))


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_sound(name: str) -> None:
    one = preset(name)
    assert one.source.name
    assert one.source.seen.year >= 2026
    assert one.width % 2 == 0
    assert one.height % 2 == 0
    assert one.fitted_rate(one.rate) == one.rate, "the default rate is allowed"
    assert (one.crf >= 0) + (one.bitrate > 0) + (one.codec == "prores") == 1, "exactly one thing rules quality"
    assert not one.maxrate or one.bitrate <= one.maxrate <= one.bufsize
    assert one.bitrate_from_48 <= (one.maxrate or one.bitrate_from_48)
    assert one.min_bitrate <= one.bitrate
    assert list(one.lengths) == sorted(one.lengths)
    assert one.container == ("mov" if one.codec == "prores" else "mp4")
    left, top, right, bottom = one.safe
    assert left + right < 0.6
    assert top + bottom < 0.6
    if not one.native:
        seconds = one.fitted_seconds(10)
        assert seconds is not None
        assert check(one, width=one.width, height=one.height, rate=one.rate, seconds=seconds) == []


@pytest.mark.parametrize("name", ["instagram_reel", "tiktok_ads", "youtube_shorts"])
def test_vertical_presets_keep_free_what_the_app_covers(name: str) -> None:
    left, top, right, bottom = preset(name).safe
    assert bottom >= 0.2, "captions and buttons"
    assert top >= 0.08
    assert right >= left


def test_figures_of_the_platforms() -> None:
    reel, tiktok, stv = preset("instagram_reel"), preset("tiktok_ads"), preset("amazon_stv")
    assert (reel.min_seconds, reel.max_seconds, reel.min_rate, reel.max_rate, reel.closed_gop) == (3, 900, 23, 60, True)
    assert (tiktok.min_seconds, tiktok.max_seconds, tiktok.min_bitrate) == (5, 60, 516_000)
    assert (stv.lengths, stv.min_bitrate, stv.audio, stv.audio_bitrate) == (
        (15, 30, 45, 60),
        15_000_000,
        "wanted",
        192_000,
    )
    youtube = preset("youtube_1080p")
    assert (youtube.bitrate_at(Fraction(30)), youtube.bitrate_at(Fraction(60))) == (8_000_000, 12_000_000)
    assert (youtube.gop_at(Fraction(30000, 1001)), youtube.gop_at(Fraction(24)), youtube.bframes) == (15, 12, 2)
    assert preset("master_prores").gop_at(Fraction(30)) == 1


def _faults(name: str, **changes: object) -> list[tuple[str, str]]:
    one = preset(name)
    asked = {"width": one.width, "height": one.height, "rate": one.rate, "seconds": 6.0} | changes
    return [(problem.code, str(problem)) for problem in check(one, **asked)]  # type: ignore[arg-type]


def test_a_clip_too_short_is_offered_loop_extend_and_hold() -> None:
    [(code, text)] = _faults("tiktok_ads", seconds=25 / 7)
    assert code == "PRESET_TOO_SHORT"
    assert all(way in text for way in ("3.57", "loop", "extend", "hold", "at least 5 s"))


@pytest.mark.parametrize(
    ("name", "changes", "code", "told"),
    [
        ("amazon_stv", {"seconds": 6.0}, "PRESET_LENGTH", "15/30/45/60"),
        ("amazon_stv", {"seconds": 61.0}, "PRESET_LENGTH", "seconds: 60"),
        ("amazon_stv", {"rate": Fraction(30), "seconds": 15.0}, "PRESET_RATE", "30000/1001"),
        ("tiktok_ads", {"seconds": 61.0}, "PRESET_TOO_LONG", "at most 60"),
        ("instagram_reel", {"rate": Fraction(15)}, "PRESET_RATE", "23 to 60"),
        ("instagram_reel", {"width": 1920, "height": 1080}, "PRESET_FRAME", "bars are forbidden"),
        ("amazon_olv", {"width": 1280, "height": 720}, "PRESET_FRAME", "at least 1920x1080"),
        ("web_1080p", {"width": 3840, "height": 2160}, "PRESET_FRAME", "at most 1920x1080"),
        ("master_prores", {"width": 1001, "height": 500}, "PRESET_FRAME", "even"),
    ],
)
def test_what_presets_refuse(name: str, changes: dict[str, object], code: str, told: str) -> None:
    [(found, text)] = _faults(name, **changes)
    assert found == code
    assert told in text


def test_smaller_frames_pass_where_the_platform_takes_them() -> None:
    assert _faults("tiktok_ads", width=540, height=960) == []


def test_fitted_lengths_and_rates() -> None:
    assert preset("amazon_stv").fitted_seconds(16) == 30
    assert preset("amazon_stv").fitted_seconds(61) is None
    assert preset("tiktok_ads").fitted_seconds(3.6) == 5
    assert preset("web_1080p").fitted_seconds(3.6) == 3.6
    assert preset("web_4k").fitted_rate(Fraction(50)) == 60
    assert preset("instagram_reel").fitted_rate(Fraction(120)) == 60


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(LookupError, match="youtube_1080p"):
        preset("YouTube-1080")
