"""What an inspection says: facts, measurements with their thresholds, and the faults that keep a file unpublished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One figure of a file; `passed` says on which side of `threshold` it fell."""

    name: str
    value: float
    threshold: float
    passed: bool


@dataclass(frozen=True)
class Fault:
    """One way in which a file is not what was asked. `code` is stable."""

    code: str
    found: str
    wanted: str
    remedy: str

    def __str__(self) -> str:
        return f"found {self.found}, wanted {self.wanted}; {self.remedy} [{self.code}]"


@dataclass(frozen=True)
class Report:
    """`facts` hold what JSON can say: numbers, strings, booleans and lists of them."""

    facts: dict[str, Any]
    measurements: tuple[Measurement, ...]
    problems: tuple[Fault, ...]

    @property
    def passed(self) -> bool:
        """The file may be published."""
        return not self.problems
