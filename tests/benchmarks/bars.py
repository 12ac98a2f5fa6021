"""What a benchmark found beside what it must reach."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Bar:
    """One figure; at most `most` is wanted, where anything is."""

    what: str
    found: float
    unit: str
    most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the figure is good enough."""
        return self.most is None or self.found <= self.most


def show(title: str, bars: Sequence[Bar]) -> None:
    """Print them as one table."""
    table = Table("", "found", "wanted", "", title=title, title_justify="left")
    for bar in bars:
        wanted = "" if bar.most is None else f"<= {bar.most:g} {bar.unit}"
        verdict = "" if bar.most is None else "met" if bar.met else "missed"
        table.add_row(bar.what, f"{bar.found:.4g} {bar.unit}", wanted, verdict)
    Console(width=100).print(table)


def peak_megabytes(who: int = resource.RUSAGE_SELF) -> float:
    """The most memory this process (or the largest of its ended children) ever held, MiB."""
    return resource.getrusage(who).ru_maxrss / 1024
