"""Small charts as figures for SVG: pages have no inline style, so every width is an attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
