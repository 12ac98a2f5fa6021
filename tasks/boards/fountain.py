"""Scene headings of a script in Fountain: what names the scenes of a storyboard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import ManifestError
from manifests.textfile import UnreadableError, read_text
from tasks.boards.fields import clean

LARGEST_SCRIPT = 16 * 1024 * 1024
_LONGEST_HEADING = 500
"""Characters; a longer line is no heading, and may be made to be slow to look through."""
_BONEYARD = re.compile(r"/\*.*?(\*/|\Z)", re.DOTALL)
_NOTE = re.compile(r"\[\[[^\[\]]*\]\]")
_HEADING = re.compile(r"(?:INT\.?/EXT|EXT\.?/INT|INT|EXT|EST|I\.?/E)(?:\.\s*|\s+)(?=\S)", re.IGNORECASE)
_FORCED = re.compile(r"\.(?![.\s])(?=\w)")
_NUMBER = re.compile(r"\s*#([\w.-]{1,40})#\s*$")
_TITLE_PAGE = re.compile(r"[A-Za-z][A-Za-z ]{0,40}:")
_EMPHASIS = re.compile(r"(\*{1,3}|_)(.+?)\1")


@dataclass(frozen=True)
class Heading:
    """A scene: its heading without marks, and its number (`1A`, `2-50YWC`), "" where it has none."""

    title: str
    number: str = ""


def read_headings(path: Path) -> tuple[Heading, ...]:
    """The headings of the script in `path`. Raises ManifestError where it cannot be read as text."""
    try:
        return headings(read_text(path, str(path), LARGEST_SCRIPT))
    except UnreadableError as error:
        raise ManifestError([error.problem]) from error


def headings(script: str) -> tuple[Heading, ...]:
    """The scene headings in their order.

    A heading stands after an empty line (or at the start) and begins with INT, EXT, EST, INT/EXT or I/E, or with one
    forcing `.`; `#1A#` at its end is its number. What is cut (`/* */`) or a note (`[[ ]]`) says nothing.
    """
    # Line ends of what is cut stay, so that lines which were apart stay apart.
    text = re.sub(r"\r\n?", "\n", script)
    for cut in (_BONEYARD, _NOTE):
        text = cut.sub(lambda found: "\n" * found[0].count("\n"), text)
    lines = text.split("\n")
    found: list[Heading] = []
    empty = True
    for line in lines[_title_page(lines) :]:
        if empty and (heading := _heading(line.strip())):
            found.append(heading)
        empty = not line.strip()
    return tuple(found)


def _heading(line: str) -> Heading | None:
    if len(line) > _LONGEST_HEADING:
        return None
    plain = _EMPHASIS.sub(r"\2", line)
    forced = _FORCED.match(plain)
    if not forced and not _HEADING.match(plain):
        return None
    plain = plain[1:] if forced else plain
    number = _NUMBER.search(plain)
    title = clean(plain[: number.start()] if number else plain)
    return Heading(" ".join(title.split())[:200], number[1] if number else "") if title else None


def _title_page(lines: list[str]) -> int:
    """How many lines the title page takes: `Key: value` lines from the very start to the first empty one."""
    if not lines or not _TITLE_PAGE.match(lines[0]) or _HEADING.match(lines[0]):
        return 0
    return next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
