"""Small charts as figures for SVG: pages have no inline style, so every width is an attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bar:
    """One bar in a box of 100 by 100: `x`, `y`, `width` and `height` in its units."""

    x: float
    y: float
    width: float
    height: float
    value: float
    label: str


def bars(values: Sequence[float], labels: Sequence[str]) -> Sequence[Bar]:
    """One upright bar for each value, the largest as high as the box; a value above nothing is at least seen."""
    top = max(values, default=0) or 1
    step = 100 / max(1, len(values))
    found: list[Bar] = []
    for number, (value, label) in enumerate(zip(values, labels, strict=True)):
        height = max(3.0, 100 * value / top) if value else 0.0
        found.append(Bar(round(number * step, 3), round(100 - height, 3), round(step * 0.72, 3), height, value, label))
    return found


def share(value: float, whole: float) -> float:
    """Of a hundred; 0 where there is no whole."""
    return round(100 * value / whole, 2) if whole else 0.0


@dataclass(frozen=True)
class GpuChart:
    """How an execution used its card, in a box of 100 by 100: `busy` and `memory` are points of a polyline.

    Shares are of 1, None where the card does not tell; `memory` is drawn against all the card has.
    """

    busy: str
    memory: str
    card: str
    seconds: float
    busy_mean: float | None
    busy_peak: float | None
    memory_mean_bytes: int
    memory_peak_bytes: int
    memory_total_bytes: int


def gpu_chart(ran: Mapping[str, Any]) -> GpuChart | None:
    """The chart of what ran; None where nobody looked at a card (tasks/gpu_use.py writes it)."""
    use = ran.get("gpu")
    if not use:
        return None
    whole = use["memory_total_bytes"] or use["memory_peak_bytes"] or 1
    return GpuChart(
        busy=line([100 * (one or 0.0) for one in use["busy"]]) if use["busy"] else "",
        memory=line([100 * one / whole for one in use["memory_bytes"]]),
        card=use["card"],
        seconds=use["every_seconds"] * len(use["memory_bytes"]),
        busy_mean=use["busy_mean"],
        busy_peak=use["busy_peak"],
        memory_mean_bytes=use["memory_mean_bytes"],
        memory_peak_bytes=use["memory_peak_bytes"],
        memory_total_bytes=use["memory_total_bytes"],
    )


def line(values: Sequence[float]) -> str:
    """Points of a polyline through values from 0 (below) to 100 (above); one value is a level line."""
    shown = [*values, *values] if len(values) == 1 else values
    step = 100 / max(1, len(shown) - 1)
    return " ".join(f"{number * step:.2f},{100 - min(100.0, value):.1f}" for number, value in enumerate(shown))
