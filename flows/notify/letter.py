"""What is said: JSON for programs, a title and HTML for people.

What rows, files and engines have written is only text in it: no mark-up, no mention of everybody, no line of a header.
"""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from catalog.outbox import Due

VERSION = 1
"""Of the JSON; a key that is added does not change it."""
LONGEST = 300
LONGEST_TITLE = 150
LONGEST_BODY = 1_800
"""Discord takes 2,000 characters, Telegram 4,096."""

_WORDS = {
    "run.finished": "done",
    "run.failed": "ended with failures",
    "run.cancelled": "was cancelled",
    "run.paused": "is paused",
}
# What some chat or other takes for a command, as letters that look the same and are none.
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "[": "［", "]": "］", "`": "'", "@": "＠"})


@dataclass(frozen=True)
class Letter:
    """What people get; `format` is Apprise's word for the body's."""

    title: str
    body: str
    format: Literal["html", "markdown", "text"]


def payload(due: Due, dashboard: str) -> bytes:
    """The body of a webhook: the same bytes for the same notice, whenever it is sent."""
    told = {
        "type": due.event,
        "version": VERSION,
        "id": due.notice_id,
        "timestamp": due.at.isoformat(),
        "subject": due.subject,
        "data": dict(due.body),
        "links": _links(due, dashboard),
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def letter(due: Due, dashboard: str) -> Letter:
    """The same for people."""
    body = due.body
    if due.event == "shot.quarantined":
        return _of_quarantine(due, dashboard)
    if "run" in body:
        return _of_run(due, dashboard)
    if "headline" in body:
        return _of_report(due, dashboard)
    for form in ("html", "markdown"):
        if isinstance(said := body.get(form), str):
            return Letter(_title(due.subject), said, form)
    return Letter(_title(due.subject), str(body.get("text", due.subject)), "text")


def plain(text: object, longest: int = LONGEST) -> str:
    """Somebody's text in one line that commands nothing, cut where it is too long."""
    kept = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in str(text))
    line = " ".join(kept.translate(_HARMLESS).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _of_run(due: Due, dashboard: str) -> Letter:
    run: Mapping[str, Any] = due.body["run"]
    counts = ", ".join(f"{count} {state}" for state, count in run["shots"].items())
    lines = [f"<p>{_text(run['name'])} {_WORDS[due.event]}: {counts or 'no shots'}.</p>"]
    if due.event == "run.paused":
        lines.append(f"<p>{_text(run['paused_code'])}: {_text(run['paused_why'])}</p>")
    elif run.get("error_code"):
        lines.append(f"<p>{_text(run['error_code'])}: {_text(run['error_message'])}</p>")
    failures: Sequence[Mapping[str, Any]] = run["failures"]
    listed = (
        f"{_text(one['code'])}: {one['shots']}, first {_text(one['first']['item'])}: {_text(one['first']['message'])}"
        for one in failures
    )
    end = [f"<p>Out folder: {_text(run['out_folder'])}<br>Run: {_text(run['id'])}</p>", *_link(due, dashboard)]
    return _fitting(f"{run['name']} {_WORDS[due.event]}: {counts}", lines, listed, len(failures), end)


def _of_report(due: Due, dashboard: str) -> Letter:
    said = due.body
    figures = [f"{_text(one['name'])}: {_text(one['value'])}" for one in said["figures"]]
    end = ["<p>" + "<br>".join(figures) + "</p>"] if figures else []
    places = [("Report", said["page"]), ("Out folder", said["out_folder"]), ("Run", said["run_id"])]
    if told := [f"{name}: {_text(place)}" for name, place in places if place]:
        end.append("<p>" + "<br>".join(told) + "</p>")
    listed = [_text(note) for note in said["notes"]]
    listed += [
        f"{_text(one['code'])}: {one['shots']}, first {_text(', '.join(one['first']))}: {_text(one['remedy'])}"
        for one in said["troubles"]
    ]
    head = [f"<p>{_text(said['headline'])}</p>"]
    return _fitting(said["headline"], head, listed, len(listed), end + _link(due, dashboard))


def _of_quarantine(due: Due, dashboard: str) -> Letter:
    run, count = due.body["run"], due.body["count"]
    words = f"{count} shot{'s' if count != 1 else ''} of {run['name']} quarantined"
    listed = (
        f"{_text(one['item'])} {_text(one['variant'])}: {_text(one['code'])}: {_text(one['message'])}"
        for one in due.body["shots"]
    )
    return _fitting(words, [f"<p>{_text(words)}.</p>"], listed, count, _link(due, dashboard))


def _fitting(title: str, head: Sequence[str], listed: Iterable[str], count: int, end: Sequence[str]) -> Letter:
    """A letter with as many of the listed lines as chats have room for; there are `count` of them in all."""
    found: list[str] = []
    left = LONGEST_BODY - sum(map(len, (*head, *end)))
    for line in listed:
        left -= len(line)
        if left < 0:
            break
        found.append(f"<li>{line}</li>")
    if count > len(found):
        found.append(
            f"<li>and {count - len(found)} more</li>" if found else f"<li>{count}, too long to be told here</li>"
        )
    shown = ["<ul>", *found, "</ul>"] if found else []
    return Letter(_title(title), "\n".join([*head, *shown, *end]), "html")


def _title(text: str) -> str:
    return "Dailies: " + plain(text, LONGEST_TITLE)


def _text(value: object) -> str:
    return html.escape(plain("" if value is None else value))


def _links(due: Due, dashboard: str) -> dict[str, str]:
    return {"dashboard": f"{dashboard}/runs/{due.run_id}"} if dashboard and due.run_id else {}


def _link(due: Due, dashboard: str) -> list[str]:
    return [f'<p><a href="{html.escape(link)}">{html.escape(link)}</a></p>' for link in _links(due, dashboard).values()]
