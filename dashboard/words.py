"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import yaml

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
NOTHING = "–"


def seconds(value: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`, `3 d 4 h`."""
    if value is None:
        return NOTHING
    if value < 10:
        return f"{value:.1f} s" if value >= 0.95 else f"{value * 1000:.0f} ms" if value else "0 s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(value: float | None) -> str:
    """`812 kB`, `3.4 GB`: thousands, as disks are sold."""
    if value is None:
        return NOTHING
    amount, power = float(value), 0
    while amount >= 999.5 and power < len(_UNITS) - 1:
        amount, power = amount / 1000, power + 1
    unit = _UNITS[power]
    return f"{amount:.0f} {unit}" if amount >= 100 or unit == "B" else f"{amount:.1f} {unit}"


def count(value: int | None) -> str:
    """`12,345`."""
    return NOTHING if value is None else f"{value:,}"


def figure(value: float | None) -> str:
    """Four digits that say something: `0.9981`, `38.12`, `1,204`."""
    if value is None:
        return NOTHING
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def moment(value: datetime | None) -> str:
    """ISO in UTC, for `<time datetime>`: the page's script says it in the reader's own zone."""
    return "" if value is None else value.astimezone(UTC).isoformat(timespec="seconds")


def day(value: datetime | date | None) -> str:
    """`22 Nov 05:14` in UTC: what a page says before its script has run."""
    if value is None:
        return NOTHING
    return f"{value:%d %b %H:%M}" if isinstance(value, datetime) else f"{value:%d %b %Y}"


def short(value: str | None, length: int = 12) -> str:
    """The beginning of a digest or id."""
    return (value or NOTHING)[:length]


def worded(value: str | None) -> str:
    """A stable code or a name with underscores, as words: `WORKER_LOST` is `Worker lost`."""
    return (value or NOTHING).replace("_", " ").capitalize()


def pretty(value: Any) -> str:
    """Nested facts as YAML, which is how they were asked."""
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=100).strip() if value else NOTHING
