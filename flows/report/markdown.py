"""A report as Markdown: for a file, a notification, and Prefect's page."""

from __future__ import annotations

import re

from flows.report.facts import STATES, Report
from flows.report.plain import plain

_MARKS = re.compile(r"([\\`*_{}\[\]()#!|~>]|^[+-])")
_NUMBER = re.compile(r"^(\d+)\.")
_LINKS = {"://": ":&#47;/", "www.": "www&#46;", "@": "&#64;"}
"""What readers make links of, though nobody marked it."""


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: one line, no marks, no HTML, no links."""
    told = _NUMBER.sub(r"\1\\.", _MARKS.sub(r"\\\1", plain(text))).replace("&", "&amp;").replace("<", "&lt;")
    for written, shown in _LINKS.items():
        told = told.replace(written, shown)
    return told


def markdown(report: Report, *, most: int | None = None) -> str:
    """The whole report, or its first `most` shots: what needs somebody comes first."""
    parts = [f"# {escaped(report.headline)}", _figures(report)]
    parts += [f"- {escaped(note)}" for note in report.notes]
    for trouble in report.troubles:
        parts.append(f"**{escaped(trouble.code)}**, {len(trouble.keys)}: {escaped(trouble.remedy)}")
    left = len(report.lines) if most is None else most
    for state in STATES:
        lines = report.of(state)[: max(0, left)]
        left -= len(lines)
        if lines:
            rows = [
                f"| {escaped(x.key)} | {escaped(x.title)} | {escaped(_said(x.presets, x.code, x.message))} |"
                for x in lines
            ]
            parts.append("\n".join([f"## {state.capitalize()}", "", "| shot | title | |", "|---|---|---|", *rows]))
    if most is not None and len(report.lines) > most:
        parts.append(f"{len(report.lines) - most} more shots are in the report's file.")
    if report.retired:
        keys = report.retired if most is None else report.retired[:most]
        parts.append("## Retired\n\nTheir rows are gone:\n\n" + "\n".join(f"- {escaped(key)}" for key in keys))
    parts.append(
        f"Run {escaped(report.run_id)} of {escaped(report.manifest)}; clips in {escaped(str(report.out_folder))}"
    )
    return "\n\n".join(parts) + "\n"


def _figures(report: Report) -> str:
    rows = [f"| {escaped(name)} | {escaped(told)} |" for name, told in report.figures]
    return "\n".join(["| | |", "|---|---|", *rows])


def _said(presets: tuple[str, ...], code: str, message: str) -> str:
    return f"{code}: {message}" if code else ", ".join(presets)
