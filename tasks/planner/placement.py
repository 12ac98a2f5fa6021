"""Where the product goes in the frame: from what people ask to what the prepare stage is told."""

from __future__ import annotations

from manifests.ask import Ask
from manifests.presets import Preset
from tasks.recipe import Point, Sides

_NAMED: dict[str, Point] = {
    "center": (0.5, 0.5),
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "top-left": (0.0, 0.0),
    "top-right": (1.0, 0.0),
    "bottom-left": (0.0, 1.0),
    "bottom-right": (1.0, 1.0),
}


def anchor_point(ask: Ask) -> Point:
    """Where the product's centre wants to be, as shares of the free frame."""
    return _NAMED[ask.place.anchor] if isinstance(ask.place.anchor, str) else ask.place.anchor


def safe_margins(ask: Ask, preset: Preset, *, whole: bool) -> Sides:
    """left, top, right, bottom, as shares of the frame; a whole picture fills the frame and has none."""
    safe = ask.place.safe
    if safe == "auto":
        return (0.0, 0.0, 0.0, 0.0) if whole else preset.safe
    return safe if isinstance(safe, tuple) else (safe, safe, safe, safe)


def fills(
    box: tuple[int, int, int, int], frame: tuple[int, int], ask: Ask, safe: Sides, *, whole: bool
) -> tuple[float, float, float]:
    """(asked, given, in_free): how much of the frame the product `box` (px of the source) takes on its tighter axis.

    People ask for a share of the whole `frame` (width, height px); the prepare stage wants one of the free frame
    inside `safe`. What the safe margins do not leave is not given. A whole picture fills the frame, unless the row says
    that the whole is the product and how much of the frame it takes.
    """
    told = ask.product == "whole" and "fill" in ask.place.model_fields_set
    asked = 1.0 if whole and not told else ask.place.fill
    width, height = box[2] - box[0], box[3] - box[1]
    across, down = frame[0] / width, frame[1] / height
    free_across, free_down = across * (1 - safe[0] - safe[2]), down * (1 - safe[1] - safe[3])
    scale = min(asked * min(across, down), free_across, free_down)
    return asked, scale / min(across, down), min(1.0, scale / min(free_across, free_down))
