"""The morning's report: every shot by its key, in Markdown and as one page; titles show as they were written."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from catalog.store import StoreAddress, open_store
from flows.report.facts import Line, Report, Trouble
from flows.report.markdown import escaped, markdown
from flows.report.page import page
from flows.report.plain import plain

HOSTILE = "<script>alert(1)</script> **bold** [x](javascript:alert(1)) | \x1b[31m \u202eevil\n# head"
UNESCAPED = re.compile(r"(?<!\\)(<script|\*\*bold|\]\(javascript)")


def report(lines: tuple[Line, ...], **more: object) -> Report:
    facts: dict[str, object] = {
        "schedule": "nightly", "run_id": "r261122-010000-abc1234", "manifest": "/m/nightly.yaml", "state": "failed",
        "headline": "nightly: failed, 1 failed, 1 new", "figures": (("Deadline", "kept"),), "notes": ("RUN_ADOPTED",),
        "troubles": (Trouble("BAD_IMAGE", "Export it again.", ("mug",)),), "lines": lines, "retired": ("cup",),
        "out_folder": Path("/out"),
    }  # fmt: skip
    return Report(**(facts | more))  # type: ignore[arg-type]


def lines(title: str = "A mug", poster: tuple[str, str] | None = None) -> tuple[Line, ...]:
    bad = Line("mug", title, "failed", (), "BAD_IMAGE", f"torn {title}", None)
    return (Line("bowl#seed=1", title, "new", ("web_1080p",), "", "", poster), bad)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.images: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.images += [value or "" for name, value in attrs if name == "src"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def read(tmp_path: Path) -> object:
    store = open_store(StoreAddress.of(tmp_path / "store"))

    def parsed(one: Report) -> Tags:
        found = Tags()
        found.feed(page(one, store))
        return found

    return parsed


def test_both_name_every_shot_what_failed_first(read: object) -> None:
    told = read(report(lines()))  # type: ignore[operator]
    text = markdown(report(lines()))
    for shown in (told.text, text.replace("\\", "")):
        order = [shown.index(word) for word in ("Deadline", "Export it again.", "Failed", "mug", "New", "bowl#seed=1")]
        assert order == sorted(order), shown
        assert "cup" in shown and "RUN_ADOPTED" in shown and "web_1080p" in shown and "/m/nightly.yaml" in shown


def test_a_hostile_title_is_text_in_both(read: object) -> None:
    plainly = read(report(lines("A mug")))  # type: ignore[operator]
    told = read(report(lines(HOSTILE), headline=HOSTILE, notes=(HOSTILE,), retired=(HOSTILE,)))  # type: ignore[operator]
    assert told.tags == plainly.tags, "a title made an element"
    assert "<script>alert(1)</script> **bold**" in told.text
    text = markdown(report(lines(HOSTILE), headline=HOSTILE, notes=(HOSTILE,), retired=(HOSTILE,)))
    assert not UNESCAPED.search(text), text
    assert len(text.splitlines()) == len(markdown(report(lines())).splitlines()), "a title made a line"
    for shown in (told.text, text):
        assert "\x1b" not in shown and "\u202e" not in shown


def test_text_is_shown_as_it_was_written() -> None:
    assert plain("Tasse “weiß” – ½\tl\u2028x") == "Tasse “weiß” – ½ l x"
    assert escaped("a_b & <c> 1. | d") == r"a\_b &amp; &lt;c\> 1. \| d"
    assert (escaped("12. a"), escaped("- a"), escaped("a-b 1.5")) == (r"12\. a", r"\- a", "a-b 1.5")
    assert escaped("see https://x.y, www.x.y, a@x.y") == "see https:&#47;/x.y, www&#46;x.y, a&#64;x.y"


def test_the_page_needs_nothing_else(tmp_path: Path, read: object) -> None:
    (tmp_path / "store" / "aa" / "bb").mkdir(parents=True, exist_ok=True)
    digest = "aabb" + "0" * 60
    Image.new("RGB", (1920, 1080), (200, 30, 30)).save(tmp_path / "store" / "aa" / "bb" / f"{digest}.jpg")
    there, gone = (digest, f"aa/bb/{digest}.jpg"), ("f" * 64, "ff/ff/gone.jpg")
    told = read(report((*lines(poster=there), *lines(poster=gone)[:1])))  # type: ignore[operator]
    (image,) = told.images
    assert image.startswith("data:image/jpeg;base64,") and len(image) < 8_000
    assert not {"script", "link", "iframe"} & set(told.tags)


def test_a_shortened_one_says_so() -> None:
    many = tuple(Line(f"s{n}", "", "new", (), "", "", None) for n in range(5))
    text = markdown(report(many), most=2)
    assert "s1" in text and "s2" not in text
    assert "3 more shots are in the report's file" in text
