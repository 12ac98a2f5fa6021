"""A storyboard on paper: the right number of pages, with text that can be searched, whatever the panels are."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tasks.lettering.installed import needs_fonts

pytest.importorskip("fpdf", reason="fpdf2 is not installed: it writes the PDF")

from tasks.storyboard_pdf import PanelCell, PerPage, write_storyboard_pdf
from tasks.storyboard_pdf.document import shares
from tasks.storyboard_pdf.grid import grid, sheet_size

pytestmark = needs_fonts

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """640 x 360, a ramp."""
    path = tmp_path_factory.mktemp("boards") / "board.png"
    ramp = np.linspace(0, 255, 640, dtype=np.uint8)
    Image.fromarray(np.repeat(np.tile(ramp, (360, 1))[..., None], 3, axis=2)).save(path)
    return path


def written(path: Path, panels: list[PanelCell], per_page: PerPage = 6, title: str = "The keeper") -> bytes:
    write_storyboard_pdf(path, title=title, subtitle_lines=["SQ010"], panels=panels, per_page=per_page, created=CREATED)
    return path.read_bytes()


def boxes(data: bytes) -> list[tuple[float, float]]:
    """Width and height of every page, in points."""
    default = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]\n/Type /Pages", data)
    assert default is not None
    size = (float(default[1]), float(default[2]))
    return [size] * len(re.findall(rb"/Type /Page\b(?!s)", data))


def text(data: bytes) -> str:
    """Every letter of the file, as a reader copies it: glyph numbers through the fonts' own tables to Unicode."""
    objects = {int(n): body for n, body in re.findall(rb"(?s)\b(\d+) 0 obj(.*?)endobj", data)}
    streams = {n: _stream(body) for n, body in objects.items() if b"stream" in body}
    fonts: dict[bytes, dict[int, str]] = {}
    for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", data):
        table = re.search(rb"/ToUnicode (\d+) 0 R", objects[int(number)])
        assert table is not None, "a font without a table to Unicode cannot be searched"
        pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>", streams[int(table[1])])
        fonts[name] = {int(code, 16): bytes.fromhex(to.decode()).decode("utf-16-be") for code, to in pairs}
    found: list[str] = []
    for page in (one for one in streams.values() if b"BT" in one):
        font: dict[int, str] = {}
        for name, shown in re.findall(rb"(?s)/(F\d+) [\d.]+ Tf|\(((?:\\.|[^\\)])*)\)", page):
            if name:
                font = fonts[name]
                continue
            raw = re.sub(rb"(?s)\\(.)", lambda m: {b"n": b"\n", b"r": b"\r"}.get(m[1], m[1]), shown)
            found += [font.get(int.from_bytes(raw[at : at + 2], "big"), "") for at in range(0, len(raw), 2)]
    return "".join(found)


def _stream(body: bytes) -> bytes:
    raw = body.split(b"stream\n", 1)[1].rsplit(b"\nendstream", 1)[0]
    return zlib.decompress(raw) if b"/FlateDecode" in body.split(b"stream", 1)[0] else raw


@pytest.mark.parametrize(("per_page", "pages"), [(1, 7), (3, 3), (6, 2)])
def test_panels_are_shared_out_to_pages(tmp_path: Path, picture: Path, per_page: PerPage, pages: int) -> None:
    panels = [PanelCell(picture, f"SH{n:04}", time="01:00:00:00", seconds=2) for n in range(7)]
    data = written(tmp_path / "board.pdf", panels, per_page)
    sizes = boxes(data)
    assert len(sizes) == pages
    assert (sizes[0][0] > sizes[0][1]) == (per_page != 3), "three on an upright sheet, one or six on a wide one"
    said = text(data)
    assert all(f"SH{n:04}" in said for n in range(7)) and f"page {pages} of {pages}" in said
    assert said.count("The keeper") == pages
    assert list(tmp_path.iterdir()) == [tmp_path / "board.pdf"]


def test_text_can_be_searched_in_its_own_script(tmp_path: Path, picture: Path) -> None:
    cell = PanelCell(
        picture,
        "SH0010",
        dialogue="Хранитель маяка: «Не сегодня»",
        action="灯台守と骨",
        notes="Łódź {nb} שלום",
    )
    said = text(written(tmp_path / "board.pdf", [cell], 1))
    for wanted in ("Хранитель маяка: «Не сегодня»", "灯台守と骨", "Łódź {nb}"):
        assert wanted in said, f"no {wanted!r} in {said!r}"
    assert set("שלום") <= set(said)


def test_forty_panels_stay_small(tmp_path: Path, picture: Path) -> None:
    panels = [PanelCell(picture, f"SH{n:04}", dialogue="Not tonight. " * 40, action="Wind. " * 90) for n in range(40)]
    data = written(tmp_path / "board.pdf", panels)
    assert len(boxes(data)) == 7
    assert len(data) < 600_000, f"{len(data)} bytes"


def test_the_same_board_is_the_same_bytes(tmp_path: Path, picture: Path) -> None:
    panels = [PanelCell(picture, "SH0010", dialogue="灯台守 שלום Not tonight")]
    assert written(tmp_path / "a.pdf", panels) == written(tmp_path / "b.pdf", panels)


def test_a_picture_that_is_not_there_says_why(tmp_path: Path, picture: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(picture.read_bytes()[:500])
    panels = [
        PanelCell(tmp_path / "none.png", "a", missing="quarantined: too small"),
        PanelCell(tmp_path / "none.png", "b"),
        PanelCell(broken, "c"),
    ]
    data = written(tmp_path / "board.pdf", panels, 3)
    said = text(data)
    assert "quarantined: too small" in said and "'none.png' cannot be read" in said and "'broken.png'" in said
    assert b"/DCTDecode" not in data


@pytest.mark.parametrize("per_page", [1, 3, 6])
def test_long_titles_and_names_are_cut(tmp_path: Path, picture: Path, per_page: PerPage) -> None:
    panels = [PanelCell(picture, "name " * 40, "shot " * 40, "A", "01:00:00:00", 2, dialogue="word " * 2000)]
    said = text(written(tmp_path / "board.pdf", panels, per_page, title=("The keeper of the light " * 9)[:200]))
    assert said.count("…") >= 3 and "page 1 of 1" in said and "01:00:00:00" in said


def test_hostile_text_is_written(tmp_path: Path, picture: Path) -> None:
    bad = "\x00\u202e\ud800" + "\u0301" * 500 + "👩\u200d👩) Tj ET \\ (" + "می\u200cخواهم"
    cell = PanelCell(picture, bad, bad, bad, bad, 1, bad, bad, bad)
    data = written(tmp_path / "board.pdf", [cell], 3, title=bad)
    assert len(boxes(data)) == 1 and ") Tj ET \\ (" in text(data)


def test_no_panels_are_one_page(tmp_path: Path) -> None:
    assert len(boxes(written(tmp_path / "board.pdf", []))) == 1


@pytest.mark.parametrize("per_page", [1, 3, 6])
def test_nothing_stands_over_anything_else(per_page: PerPage) -> None:
    page = grid(per_page, 25)
    assert (page.width, page.height) == sheet_size(per_page) and len(page.places) == per_page
    taken = [box for place in page.places for box in (place.heading, place.picture, place.text)]
    for index, one in enumerate(taken):
        assert one.width > 40 and one.height > 5 and one.x >= 12 and one.x + one.width <= page.width - 11.9
        assert one.y >= 25 and one.y + one.height <= page.height - 7.9
        for other in taken[index + 1 :]:
            apart = (
                one.x + one.width <= other.x + 1e-6
                or other.x + other.width <= one.x + 1e-6
                or one.y + one.height <= other.y + 1e-6
                or other.y + other.height <= one.y + 1e-6
            )
            assert apart, f"{one} lies over {other}"


def test_short_texts_leave_their_lines_to_long_ones() -> None:
    assert shares([1, 9, 2], 8) == [1, 5, 2]
    assert shares([9, 9, 9], 4) == [2, 1, 1]
    assert shares([1, 1], 8) == [1, 1] and shares([], 5) == [] and shares([3, 3], 0) == [0, 0]
