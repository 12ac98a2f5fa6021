"""From a preset to the recipe of its file, and to what the finished file must be."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from manifests.presets import Preset
from tasks.planner.plan import DeliveryPlan
from tasks.planner.subject import Subject
from tasks.planner.timing import Timing
from tasks.recipe import EncodeRecipe, InspectRecipe, sha256_of

THREADS = 4
"""x264 and x265 change bytes with their thread count, so it is fixed: four keep 2 to 8 cores busy."""

Effort = Literal["draft", "normal", "best"]

_EFFORT: Mapping[str, Mapping[Effort, str]] = {
    "h264": {"draft": "veryfast", "normal": "fast", "best": "slow"},
    "hevc": {"draft": "ultrafast", "normal": "fast", "best": "medium"},
    "av1": {"draft": "11", "normal": "8", "best": "5"},
    "prores": {"draft": "", "normal": "", "best": ""},
}


def delivery_plan(
    subject: Subject, preset: Preset, size: tuple[int, int], timing: Timing, name: str, *, moving: bool, dark: bool
) -> DeliveryPlan:
    """One file of a shot. `moving`: it is meant to move; `dark`: it is meant to be nearly black."""
    sound = preset.audio if subject.ask.audio == "auto" else subject.ask.audio
    encode, inspect = _recipes(preset, size, timing, sound, subject.ask.speed, moving, dark)
    return DeliveryPlan(
        preset=preset.name,
        name=name,
        ask_sha256=ask_sha256(subject, preset.name),
        encode=encode,
        inspect=inspect,
    )


def ask_sha256(subject: Subject, preset: str) -> str:
    """Identity of a delivery as asked: what of the row changes pixels, the picture's bytes, and the preset's name.

    What an ask leaves at its built-in default is left out, so that a new key, or a new default, remakes nothing.
    """
    ending = {"until": _shown(subject.ending)} if subject.ending else {}
    return sha256_of(
        {"kind": subject.kind, "preset": preset, "ask": subject.asked_of_pixels} | _shown(subject) | ending
    )


def _shown(subject: Subject) -> dict[str, object]:
    """Which picture it is about, by content."""
    facts = subject.facts
    return {"picture": facts.sha256, "mask": facts.mask_sha256, "page": subject.ask.source.page}


@lru_cache(maxsize=4096)  # thousands of shots share a few: sharing the objects too keeps a large plan small
def _recipes(
    preset: Preset, size: tuple[int, int], timing: Timing, sound: str, effort: Effort, moving: bool, dark: bool
) -> tuple[EncodeRecipe, InspectRecipe]:
    encode = encode_recipe(preset, size, timing, sound=sound, effort=effort)
    return encode, inspect_recipe(encode, preset, timing, moving=moving, dark=dark)


def encode_recipe(preset: Preset, size: tuple[int, int], timing: Timing, *, sound: str, effort: Effort) -> EncodeRecipe:
    """How `preset`'s file of `size` (width, height px) is encoded."""
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
        speed=_EFFORT[preset.codec][effort],
        crf=-1 if bitrate else preset.crf,
        bitrate=bitrate,
        maxrate=preset.maxrate,
        bufsize=preset.bufsize,
        gop=preset.gop_at(timing.rate),
        bframes=preset.bframes,
        closed_gop=preset.closed_gop,
        audio="silent" if sound in ("wanted", "silent") else "none",
        audio_bitrate=preset.audio_bitrate,
        max_bytes=preset.max_bytes,
        threads=THREADS,
        poster_at=timing.frames // 2,
    )


def inspect_recipe(encode: EncodeRecipe, preset: Preset, timing: Timing, *, moving: bool, dark: bool) -> InspectRecipe:
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
        rest_seconds=float((timing.frames - timing.cycle) / timing.rate) if timing.after == "rest" else 0.0,
        black=dark,
    )
