"""A report as one page that needs nothing else: styles and posters are in it, and no script."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from catalog.store import Store
from flows.report.facts import STATES, Line, Report
from flows.report.plain import plain
from flows.report.posters import MOST, inlined

_environment: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["plain"] = plain


def page(report: Report, store: Store) -> str:
    """HTML; every text of the manifest is escaped. Posters of the first 400 shots that have one are in it."""
    groups: list[tuple[str, list[tuple[Line, str]]]] = []
    left = MOST
    for state in STATES:
        lines: list[tuple[Line, str]] = []
        for line in report.of(state):
            shown = line.poster is not None and left > 0
            left -= shown
            lines.append((line, inlined(store, line.poster) if shown and line.poster else ""))
        if lines:
            groups.append((state, lines))
    return _environment.get_template("page.html").render(report=report, groups=groups)
