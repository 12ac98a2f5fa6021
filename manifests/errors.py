"""What is wrong with a request: every problem has a code, a place, what was found, what was wanted, and a remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a manifest, a row of it, or a picture it names.

    `code` is stable (`UNKNOWN_KEY`, `BAD_IMAGE` ...). `file` and `line` (1-based) say where it was asked; `item` is
    the row's id, empty for the header.
    """

    code: str
    message: str
    remedy: str = ""
    file: str = ""
    line: int | None = None
    item: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        who = f"item '{self.item}'" if self.item else ""
        head = ": ".join(part for part in (place, who) if part)
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"{head + ': ' if head else ''}{self.message}{tail} [{self.code}]"


class InputError(ValueError):
    """The picture or the row is wrong: the shot is quarantined and never retried."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem

    @property
    def code(self) -> str:
        """The problem's stable code."""
        return self.problem.code


class ManifestError(ValueError):
    """A manifest that cannot be run as it stands, with all its problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
