"""Whether a clip meets a delivery preset, before any frame is made."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from manifests.errors import Problem
from manifests.presets import Preset
from manifests.rates import rate_text


def check(preset: Preset, *, width: int, height: int, rate: Fraction, seconds: float) -> list[Problem]:
    """Everything about a clip that the preset refuses; empty where it fits.

    Sizes in pixels of the delivery. Codes: `PRESET_FRAME`, `PRESET_RATE`, `PRESET_TOO_SHORT`, `PRESET_TOO_LONG`,
    `PRESET_LENGTH`, `PRESET_TOO_LARGE`. A short clip's remedy offers loop, extend and hold.
    """
    parts = (
        _frame(preset, width, height),
        _rate(preset, rate),
        _length(preset, seconds),
        _bytes(preset, seconds, rate),
    )
    return [problem for part in parts for problem in part]


def _frame(preset: Preset, width: int, height: int) -> Iterator[Problem]:
    found = f"the clip is {width}x{height}"
    if width % 2 or height % 2:
        yield Problem("PRESET_FRAME", f"{found}, {preset.name} wants even sizes", "ask for an even size")
    if preset.native:
        return
    least = (preset.min_width or preset.width, preset.min_height or preset.height)
    if width * preset.height != height * preset.width:
        yield Problem(
            "PRESET_FRAME",
            f"{found}, {preset.name} wants the shape of {preset.width}x{preset.height}",
            "stage the shot for that frame: bars are forbidden",
        )
    elif width < least[0] or height < least[1]:
        wanted = f"at least {least[0]}x{least[1]}"
        yield Problem("PRESET_FRAME", f"{found}, {preset.name} wants {wanted}", "render larger or upscale")
    elif width > (preset.max_width or preset.width) or height > (preset.max_height or preset.height):
        most = f"{preset.max_width or preset.width}x{preset.max_height or preset.height}"
        yield Problem("PRESET_FRAME", f"{found}, {preset.name} wants at most {most}", "deliver at the preset's frame")


def _rate(preset: Preset, rate: Fraction) -> Iterator[Problem]:
    nearest = preset.fitted_rate(rate)
    if nearest != rate:
        if preset.rates:
            wanted = "one of " + ", ".join(map(rate_text, preset.rates))
        else:
            wanted = f"{rate_text(preset.min_rate)} to {rate_text(preset.max_rate)}"
        yield Problem(
            "PRESET_RATE",
            f"the rate is {rate_text(rate)} frames per second, {preset.name} wants {wanted}",
            f"rate: {rate_text(nearest)}",
        )


def _length(preset: Preset, seconds: float) -> Iterator[Problem]:
    wanted = preset.fitted_seconds(seconds)
    if wanted == seconds:
        return
    found = f"the clip is {seconds:g} s, {preset.name} wants"
    fill = f"fit: loop, extend or hold fills it to {wanted:g} s; or seconds: {wanted:g}" if wanted else ""
    if preset.lengths:
        allowed = "/".join(f"{length:g}" for length in preset.lengths)
        remedy = fill or f"seconds: {preset.lengths[-1]:g}"
        yield Problem("PRESET_LENGTH", f"{found} exactly {allowed} s", remedy)
    elif wanted is None:
        most = f"{preset.max_seconds:g}"
        yield Problem("PRESET_TOO_LONG", f"{found} at most {most} s", f"seconds: {most}")
    else:
        yield Problem("PRESET_TOO_SHORT", f"{found} at least {preset.min_seconds:g} s", fill)


def _bytes(preset: Preset, seconds: float, rate: Fraction) -> Iterator[Problem]:
    estimate = preset.bytes_at(seconds, rate)
    # The encoder keeps under max_bytes by lowering the bitrate; only below the preset's least does nothing help.
    floor = preset.min_bitrate * seconds / 8
    if preset.max_bytes and estimate > preset.max_bytes and floor > preset.max_bytes:
        longest = int(preset.max_bytes * 8 / preset.min_bitrate)
        yield Problem(
            "PRESET_TOO_LARGE",
            f"{seconds:g} s at no less than {preset.min_bitrate / 1e6:g} Mbit/s is {floor / 1e6:.0f} MB, "
            f"{preset.name} wants at most {preset.max_bytes / 1e6:.0f} MB",
            f"seconds: {longest}",
        )
