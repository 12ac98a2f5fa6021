"""Scene headings: what is one, its number, and what only looks like one."""

from __future__ import annotations

import pytest

from tasks.boards.fountain import Heading, headings

TITLE_PAGE = "Title: INT. NOWHERE\nAuthor:\n\tA. Writer\n\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("INT. A PLACE - DAY\n\nAction.", [Heading("INT. A PLACE - DAY")]),
        ("INT. A PLACE - DAY #1A#", [Heading("INT. A PLACE - DAY", "1A")]),
        ("EXT. A PLACE - DAY #1-ZX3ZM#\r\n\r\nx", [Heading("EXT. A PLACE - DAY", "1-ZX3ZM")]),
        ("ext house", [Heading("ext house")]),
        ("EST. CITY\n\nINT/EXT CAR\n\nI/E. BUS\n\nINT./EXT. VAN", 4),
        (".BINOCULARS #7.b#", [Heading("BINOCULARS", "7.b")]),
        ("**INT. BOLD PLACE**", [Heading("INT. BOLD PLACE")]),
        (TITLE_PAGE + "INT. REAL", [Heading("INT. REAL")]),
        ("/*\n\nINT. CUT\n\n*/\n\nINT. KEPT", [Heading("INT. KEPT")]),
        ("[[\n\nINT. NOTE\n\n]]\n\nEXT. OUT [[wide]]", [Heading("EXT. OUT")]),
        ("He looks.\nINT. is what the sign says.", []),
        ("...and then", []),
        (". not forced", []),
        ("INTERIOR thoughts", []),
        ("INT.\n\nEXT.", []),
        ("# Act one\n\n= A synopsis", []),
        ("", []),
        ("[[" * 200_000 + "\n\nINT. A", [Heading("INT. A")]),
        ("/*" * 200_000 + "\n\nINT. A", []),
        ("INT. " + "_*" * 200_000, []),
    ],
)
def test_headings(text: str, found: list[Heading] | int) -> None:
    got = headings(text)
    assert len(got) == found if isinstance(found, int) else list(got) == found
