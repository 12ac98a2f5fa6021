"""A report in short, as JSON: what its notice carries. Chats take a few thousand characters; its page has the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from flows.report.facts import Report, counted

MOST: Final = 20
"""Notes and troubles that are told."""
FIRST: Final = 3
"""Shots that are named of each trouble."""


def summary(report: Report, page: Path | None) -> Mapping[str, Any]:
    """Of a run; `page` is where its report lies as a file. Shots are counted by state, `retired` beside them."""
    troubles = [
        {"code": one.code, "shots": len(one.keys), "remedy": one.remedy, "first": one.keys[:FIRST]}
        for one in report.troubles[:MOST]
    ]
    return {
        "schedule": report.schedule,
        "run_id": report.run_id,
        "state": report.state,
        "headline": report.headline,
        "figures": [{"name": name, "value": value} for name, value in report.figures],
        "notes": report.notes[:MOST],
        "shots": counted(report),
        "retired": len(report.retired),
        "troubles": troubles,
        "out_folder": str(report.out_folder),
        "page": str(page) if page else None,
    }


def without_run(schedule: str, state: str, headline: str, notes: Sequence[str]) -> Mapping[str, Any]:
    """The same of a start that came to no run."""
    return {
        "schedule": schedule,
        "run_id": None,
        "state": state,
        "headline": headline,
        "figures": [],
        "notes": notes,
        "shots": {},
        "retired": 0,
        "troubles": [],
        "out_folder": None,
        "page": None,
    }
