"""What a benchmark found beside what it must reach."""

from __future__ import annotations

import re
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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


def peak_megabytes() -> float:
    """The most memory this process ever held, MiB.

    Not getrusage's: that one keeps what the process held that started this one, until its program was replaced.
    """
    said = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    assert said is not None
    return int(said[1]) / 1024


def peak_megabytes_of_children() -> float:
    """The most memory the largest of this process's ended children held, MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
