"""From a preset to the recipe of its file, and to what the finished file must be."""

from __future__ import annotations

from fractions import Fraction

from manifests.ask import Ask
from manifests.presets import Preset
from tasks.planner.timing import Timing
from tasks.recipe import EncodeRecipe, InspectRecipe

THREADS = 4
"""x264 and x265 change bytes with their thread count, so it is fixed: four keep 2 to 8 cores busy."""

_EFFORT = {
    "h264": {"draft": "veryfast", "normal": "fast", "best": "slow"},
    "hevc": {"draft": "ultrafast", "normal": "fast", "best": "medium"},
    "av1": {"draft": "11", "normal": "8", "best": "5"},
    "prores": {"draft": "", "normal": "", "best": ""},
}


def encode_recipe(ask: Ask, preset: Preset, size: tuple[int, int], timing: Timing) -> EncodeRecipe:
    """How `preset`'s file of `size` (width, height px) is encoded."""
    asked_sound = preset.audio if ask.audio == "auto" else ask.audio
    bitrate = preset.bitrate_at(timing.rate)
    return EncodeRecipe(
        preset=preset.name,
        container=preset.container,
        codec=preset.codec,
        profile=preset.profile,
        pix_fmt=preset.pix_fmt,
        width=size[0],
        height=size[1],
        rate=str(timing.rate),
        frames=timing.frames,
        speed=_EFFORT[preset.codec][ask.speed],
        crf=-1 if bitrate else preset.crf,
        bitrate=bitrate,
        maxrate=preset.maxrate,
        bufsize=preset.bufsize,
        gop=preset.gop_at(timing.rate),
        bframes=preset.bframes,
        closed_gop=preset.closed_gop,
        audio="silent" if asked_sound in ("wanted", "silent") else "none",
        audio_bitrate=preset.audio_bitrate,
        max_bytes=preset.max_bytes,
        threads=THREADS,
        poster_at=timing.frames // 2,
    )


def inspect_recipe(encode: EncodeRecipe, preset: Preset, *, moving: bool) -> InspectRecipe:
    """What the file must turn out to be: the recipe's own facts and the preset's limits.

    A whole number of frames can miss a length by less than one of them, so the length limits have that much slack.
    """
    slack = float(1 / Fraction(encode.rate))
    return InspectRecipe(
        preset=preset.name,
        container=encode.container,
        codec=encode.codec,
        pix_fmt=encode.pix_fmt,
        width=encode.width,
        height=encode.height,
        rate=encode.rate,
        frames=encode.frames,
        audio=encode.audio == "silent",
        min_seconds=max(0.0, preset.min_seconds - slack) if preset.min_seconds else 0.0,
        max_seconds=preset.max_seconds + slack if preset.max_seconds else 0.0,
        max_bytes=preset.max_bytes,
        min_bitrate=preset.min_bitrate,
        moving=moving,
        black=False,
    )
