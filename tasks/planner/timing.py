"""How long a delivery plays and at which rate, and what fills a clip that its preset finds too short."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from manifests.ask import Ask
from manifests.presets import Preset


@dataclass(frozen=True)
class Timing:
    """`frames` at `rate`, of which `cycle` are the move itself; the rest repeat it or rest on its last view.

    `seconds` is the length in the preset's own terms, which a whole number of frames may miss by less than one.
    """

    rate: Fraction
    seconds: float
    frames: int
    cycle: int
    after: Literal["repeat", "rest"]
    notes: tuple[str, ...]


def timing(ask: Ask, preset: Preset) -> Timing:
    """Length and rate of `ask` under `preset`.

    A rate the preset refuses becomes the nearest it allows; a clip it finds too short is extended (the camera takes
    longer), looped or held, as `fit` says. Each such change is a note. A clip that the preset finds too long keeps its
    length: `manifests.requirements.check` refuses it.
    """
    return _timing(preset, ask.rate, ask.frames, ask.seconds or 0.0, "extend" if ask.fit == "auto" else ask.fit)


@lru_cache(maxsize=4096)
def _timing(
    preset: Preset,
    wanted: Fraction | Literal["auto"],
    frames_asked: int | None,
    seconds_asked: float,
    fit: Literal["extend", "loop", "hold"],
) -> Timing:
    notes: list[str] = []
    asked = preset.rate if wanted == "auto" else wanted
    rate = preset.fitted_rate(asked)
    if rate != asked and wanted != "auto":
        notes.append(f"{preset.name}: rate {_said(asked)} is not allowed there, it plays at {_said(rate)}")
    cycle = frames_asked or max(2, round(seconds_asked * rate))
    # A whole number of frames can miss a length by less than one of them; that is not another length.
    seconds = cycle / rate
    close = next((length for length in preset.lengths if abs(length - seconds) <= 1 / rate), None)
    fitted = float(seconds) if close is not None else preset.fitted_seconds(float(seconds)) or float(seconds)
    # Lengths went through floats; a hundredth of a frame too many is no further frame.
    frames = max(cycle, math.ceil(Fraction(fitted) * rate - Fraction(1, 100)))
    after: Literal["repeat", "rest"] = "rest"
    if frames > cycle:
        said = f"{preset.name} wants {'one of its lengths' if preset.lengths else 'at least'} {fitted:g} s, the clip is"
        if fit == "extend":
            cycle = frames
            notes.append(f"{said} {float(seconds):g} s: the move takes longer (fit: loop or hold are the other ways)")
        elif fit == "loop":
            after = "repeat"
            if not preset.lengths and (whole := math.ceil(frames / cycle) * cycle) / rate <= (
                preset.max_seconds or 1e9
            ):
                frames = whole
            notes.append(f"{said} {float(seconds):g} s: it plays {frames / cycle:.3g} times")
        else:
            notes.append(f"{said} {float(seconds):g} s: it rests on its last view")
    if preset.recommended_seconds and frames / rate > preset.recommended_seconds:
        notes.append(f"{preset.name} recommends at most {preset.recommended_seconds:g} s")
    nominal = close if close is not None else fitted if preset.lengths else float(frames / rate)
    return Timing(rate, nominal, frames, cycle, after, tuple(notes))


def _said(rate: Fraction) -> str:
    return f"{float(rate):.5g}"
