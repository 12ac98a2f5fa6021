"""The document: pages, their headers, and the panels on them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF

from tasks.lettering.runs import cleaned
from tasks.storyboard_pdf.grid import GAP, MARGIN, Box, Grid, PerPage, Place, fitted, grid, sheet_size
from tasks.storyboard_pdf.panel import PanelCell
from tasks.storyboard_pdf.picture import shown
from tasks.storyboard_pdf.writing import FAINT, GREY, Style, Writing
from tasks.whole import write_whole

_TITLE_PT, _SMALL_PT = 13.0, 7.5
_TOP = 9.0
_MOST_SUBTITLES = 3
_RULE, _EMPTY = (205, 205, 208), (236, 236, 238)
_BORDER_MM = 0.2
_TEXT_PT: dict[PerPage, float] = {1: 10.0, 3: 9.0, 6: 7.0}


def write_storyboard_pdf(
    path: Path,
    *,
    title: str,
    subtitle_lines: Sequence[str],
    panels: Sequence[PanelCell],
    per_page: PerPage,
    created: datetime,
) -> None:
    """Write `panels` to `path`, 1, 3 or 6 on a page: 3 on upright sheets, 1 and 6 on sheets held sideways.

    Every page has the title, up to three subtitle lines and its number. Text that is longer than its box is cut with
    an ellipsis. A picture that is `missing` or cannot be read is a grey box that says why. The same input makes the
    same bytes: `created`, which has a time zone, is the only date in the file. Written whole or not at all.
    Raises `tasks.lettering.fonts.FontMissing`, and OSError where `path` cannot be written.
    """
    pdf = FPDF(unit="mm", format=sheet_size(per_page))
    try:
        pdf.set_auto_page_break(False)
        pdf.alias_nb_pages("")  # or a dialogue that says {nb} would be given a page number
        pdf.set_margin(0)
        pdf.c_margin = 0
        pdf.set_creation_date(created)
        pdf.set_title(" ".join(cleaned(title)))
        pdf.set_creator("Dailies")
        writing = Writing(pdf)
        subtitles = [line for line in subtitle_lines if line.strip()][:_MOST_SUBTITLES]
        top = _TOP + writing.leading(_TITLE_PT) + len(subtitles) * writing.leading(_SMALL_PT) + GAP
        places = grid(per_page, top)
        pages = max(1, -(-len(panels) // per_page))
        for number in range(pages):
            pdf.add_page()
            _header(pdf, writing, places, top, title, subtitles, f"page {number + 1} of {pages}")
            shown_here = panels[number * per_page : (number + 1) * per_page]
            for cell, place in zip(shown_here, places.places, strict=False):
                _panel(pdf, writing, cell, place, per_page)
        data = bytes(pdf.output())
    finally:
        for font in pdf.fonts.values():
            font.close()  # type: ignore[union-attr] - only embedded fonts are used, and each holds its file open
    write_whole(path, data)


def _header(
    pdf: FPDF, writing: Writing, places: Grid, top: float, title: str, subtitles: Sequence[str], number: str
) -> None:
    width = places.width - 2 * MARGIN
    taken = writing.text(number, MARGIN, _TOP + 1.5, width, Style(_SMALL_PT, GREY, align="right"))
    writing.text(title, MARGIN, _TOP, width - taken - GAP, Style(_TITLE_PT, weight="Bold"))
    y = _TOP + writing.leading(_TITLE_PT)
    for line in subtitles:
        writing.text(line, MARGIN, y, width, Style(_SMALL_PT, GREY))
        y += writing.leading(_SMALL_PT)
    pdf.set_draw_color(*_RULE)
    pdf.set_line_width(_BORDER_MM)
    pdf.line(MARGIN, top - GAP / 2 - 1, MARGIN + width, top - GAP / 2 - 1)


def _panel(pdf: FPDF, writing: Writing, cell: PanelCell, place: Place, per_page: PerPage) -> None:
    size = _TEXT_PT[per_page]
    _heading(writing, cell, place.heading, size)
    _picture(pdf, writing, cell, place.picture, size)
    if place.columns > 1:
        _columns(writing, cell, place.text, size, place.columns)
    else:
        _stacked(writing, cell, place.text, size)


def _heading(writing: Writing, cell: PanelCell, box: Box, size: float) -> None:
    """The name at the left, then shot and panel, and the time at the right: each gets what the others leave."""
    timing = writing.broken(cell.timing, size, box.width * 0.5)
    timed = max((writing.width(line, size) for line in timing), default=0.0)
    writing.lines(timing, box.x + box.width - timed, box.y, timed, Style(size, GREY))
    left, end = box.x, box.x + box.width - timed - 3
    left += writing.text(cell.name, left, box.y, end - left, Style(size, weight="Bold")) + 3
    if end - left > 12:
        writing.text(cell.place, left, box.y, end - left, Style(size, GREY))


def _picture(pdf: FPDF, writing: Writing, cell: PanelCell, box: Box, size: float) -> None:
    found = cell.missing or shown(cell.picture, box)
    pdf.set_draw_color(*_RULE)
    pdf.set_line_width(_BORDER_MM)
    if isinstance(found, str):
        box = fitted(box, 16 / 9)
        pdf.set_fill_color(*_EMPTY)
        pdf.rect(box.x, box.y, box.width, box.height, style="DF")
        lines = writing.broken(found, size, box.width - 8, 4)
        y = box.y + (box.height - len(lines) * writing.leading(size)) / 2
        writing.lines(lines, box.x + 4, y, box.width - 8, Style(size, GREY, align="center"))
        return
    pdf.image(io.BytesIO(found.jpeg), found.box.x, found.box.y, found.box.width, found.box.height)
    pdf.rect(found.box.x, found.box.y, found.box.width, found.box.height)


def _columns(writing: Writing, cell: PanelCell, box: Box, size: float, columns: int) -> None:
    """Each text in a column of its own, its heading above."""
    said = cell.said
    wide = (box.width - (columns - 1) * GAP) / columns
    for index, (heading, text) in enumerate(said):
        x = box.x + index * (wide + GAP)
        writing.text(heading, x, box.y, wide, Style(_SMALL_PT, FAINT))
        y = box.y + writing.leading(_SMALL_PT)
        room = int((box.y + box.height - y) / writing.leading(size))
        if room > 0:
            writing.lines(writing.broken(text, size, wide, room), x, y, wide, Style(size, align="start"))


def _stacked(writing: Writing, cell: PanelCell, box: Box, size: float) -> None:
    """One text below the other, headings in a margin of their own; short texts leave their lines to long ones."""
    said = cell.said
    small = size * 0.85
    headings = [line for heading, _ in said for line in writing.broken(heading, small, box.width)]
    margin = max((writing.width(line, small) for line in headings), default=0.0)
    x, wide = box.x + margin + 2, box.width - margin - 2
    room = int((box.height - 1.0 * max(0, len(said) - 1)) / writing.leading(size))
    wanted = [len(writing.broken(text, size, wide, max(1, room))) for _, text in said]
    y = box.y
    for (heading, text), lines in zip(said, shares(wanted, room), strict=True):
        if lines == 0:
            continue
        writing.text(heading, box.x, y + (size - small) * 0.37, margin + 1, Style(small, FAINT))
        y = writing.lines(writing.broken(text, size, wide, lines), x, y, wide, Style(size, align="start")) + 1.0


def shares(wanted: Sequence[int], room: int) -> list[int]:
    """How many of `room` lines each text gets that wants so many: one each in turn, until there are no more."""
    given = [0] * len(wanted)
    while room > 0 and given != list(wanted):
        for index, most in enumerate(wanted):
            if room > 0 and given[index] < most:
                given[index] += 1
                room -= 1
    return given
