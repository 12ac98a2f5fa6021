"""Final Cut Pro 7 XML read back: the shots of a sequence's first video track, transitions undone to plain cuts.

A file from outside: its text is looked through for declarations before a tree is built of it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from tasks.editorial.edit import Cut, Edit, check_cuts, check_rate, clip_name, refused
from tasks.scene.timecode import Counting

DEEPEST = 100
MOST_ELEMENTS = 2_000_000
_LARGEST_NUMBER = 10**9


def read_fcp7(text: str, file: str, rate: Fraction) -> Edit:
    """The edit of the one sequence in the text.

    Raises InputError: `XML_BROKEN`, `XML_ENTITIES` (a DTD of its own or entities), `EDIT_FORMAT`, `EDIT_RATE`,
    `EDIT_LINE` for an element that does not say what it must, `EDIT_EMPTY`, `EDIT_LENGTH`.
    """
    _look_through(text, file)
    root = ElementTree.fromstring(text)
    found = root.findall("sequence") or root.findall(".//children/sequence")
    if root.tag != "xmeml" or len(found) != 1:
        what = f"{len(found)} sequences are in it" if root.tag == "xmeml" else f"it is <{root.tag[:40]}>, no <xmeml>"
        raise refused(file, "EDIT_FORMAT", what, "export the one cut sequence as Final Cut Pro 7 XML")
    return _Reader(file, rate, found[0]).edit()


def _look_through(text: str, file: str) -> None:
    """Refuse what could grow (entities), reach out (external ones) or nest without end, before it is built."""
    remedy = "export the sequence again; an editor writes none of this"
    parser: Any = expat.ParserCreate("utf-8")
    depth = elements = 0

    def started(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth, elements = depth + 1, elements + 1
        if depth > DEEPEST or elements > MOST_ELEMENTS:
            what = f"nests deeper than {DEEPEST} levels" if depth > DEEPEST else f"has over {MOST_ELEMENTS} elements"
            raise refused(file, "TOO_LARGE", f"the file {what}", remedy, parser.CurrentLineNumber)

    def ended(tag: str) -> None:
        nonlocal depth
        depth -= 1

    def declared(*what: Any) -> None:
        raise refused(file, "XML_ENTITIES", "the file declares entities", remedy, parser.CurrentLineNumber)

    def doctype(name: str, system: str | None, public: str | None, internal: int) -> None:
        if system or public or internal:
            message = "the file brings a document type of its own"
            raise refused(file, "XML_ENTITIES", message, remedy, parser.CurrentLineNumber)

    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = declared
    parser.UnparsedEntityDeclHandler = declared
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as broken:
        what = expat.ErrorString(broken.code)
        raise refused(file, "XML_BROKEN", f"this is no XML: {what}", "export it again", broken.lineno) from broken


class _Reader:
    def __init__(self, file: str, rate: Fraction, sequence: Element) -> None:
        self.file = file
        self.rate = rate
        self.sequence = sequence
        self.day = Counting(rate).day
        # An element with an id is written out once and pointed to after that.
        self.files = {
            one.get("id", ""): one for one in reversed(list(sequence.iter("file"))) if one.find("name") is not None
        }
        self.unread: list[str] = []

    def edit(self) -> Edit:
        own = self.sequence.find("rate")
        if own is not None:
            ntsc = (own.findtext("ntsc") or "").strip().upper() == "TRUE"
            base = Fraction(self.number(own, "timebase"))
            check_rate(self.file, base * Fraction(1000, 1001) if ntsc else base, self.rate)
        start = self.number(self.sequence, "timecode/frame", 0)
        tracks = [track for track in self.sequence.findall("media/video/track") if track.find("clipitem") is not None]
        for track in tracks[1:]:
            names = [clip_name(item.findtext("name") or "") for item in track.findall("clipitem")]
            self.unread.append(f"what lies on higher video tracks is not carried: {', '.join(names[:8])}")
        cuts = self.cuts(tracks[0], start) if tracks else []
        return Edit(self.file, self.rate, check_cuts(self.file, cuts), tuple(self.unread))

    def cuts(self, track: Element, start: int) -> list[Cut]:
        items = [item for item in track if item.tag in ("clipitem", "generatoritem", "transitionitem")]
        cuts: list[Cut] = []
        for number, item in enumerate(items):
            if item.tag == "clipitem" and (item.findtext("enabled") or "").strip().upper() != "FALSE":
                before = items[number - 1] if number else None
                after = items[number + 1] if number + 1 < len(items) else None
                cuts.append(self.cut(item, before, after, start))
            elif item.tag != "transitionitem":
                self.unread.append(f"{clip_name(item.findtext('name') or item.tag)[:80]} is no shot, or is disabled")
        return cuts

    def cut(self, item: Element, before: Element | None, after: Element | None, start: int) -> Cut:
        first, last = self.number(item, "start"), self.number(item, "end")
        source_in, source_out = self.number(item, "in"), self.number(item, "out")
        dissolve = split = 0
        guessed = False
        if first == -1:
            opens, at, closes, guessed = self.transition(before, item)
            dissolve, split, first = closes - opens, at - opens, at
            source_in += split
        if last == -1:
            _, last, closes, _ = self.transition(after, item)
            source_out -= closes - last
        own = item.find("file")
        entry = self.files.get(own.get("id", ""), own) if own is not None else None
        offset = self.number(entry, "timecode/frame", -1) if entry is not None else -1
        source_in, source_out = (frame + max(offset, 0) for frame in (source_in, source_out))
        if source_in >= self.day:  # frame numbers below 0 are written as of the day before
            source_in, source_out = source_in - self.day, source_out - self.day
        path = unquote(entry.findtext("pathurl") or "") if entry is not None else ""
        return Cut(
            clip_name(item.findtext("name") or path),
            start + first,
            start + last,
            source_in,
            source_out,
            dissolve=dissolve,
            before=split,
            split_guessed=guessed,
            sourced=offset >= 0,
            retimed=any("timeremap" in (one.text or "").lower() for one in item.iterfind("filter/effect/effectid")),
        )

    def transition(self, item: Element | None, clip: Element) -> tuple[int, int, int, bool]:
        """Where it begins, its cut, where it ends, and whether the cut is only known to be in the middle."""
        if item is None or item.tag != "transitionitem":
            name = clip_name(clip.findtext("name") or "a clip")
            message = f"{name} begins or ends in a transition that is not there"
            raise refused(self.file, "EDIT_LINE", message, "export the sequence again")
        first, last = self.number(item, "start"), self.number(item, "end")
        match (item.findtext("alignment") or "center").strip():
            case "start" | "start-black":
                return first, first, last, False
            case "end" | "end-black":
                return first, last, last, False
            case _:
                return first, (first + last) // 2, last, True

    def number(self, element: Element, path: str, default: int | None = None) -> int:
        """A whole number. Raises InputError (`EDIT_LINE`) where there is none."""
        text = element.findtext(path)
        if text is None and default is not None:
            return default
        try:
            number = int((text or "").strip()[:20])
        except ValueError:
            number = _LARGEST_NUMBER + 1
        if abs(number) > _LARGEST_NUMBER:
            who = clip_name(element.findtext("name") or element.tag)[:80]
            found = "nothing" if text is None else f"'{text.strip()[:40]}'"
            message = f"{who}: <{path}> is {found}, wanted a whole number of frames"
            raise refused(self.file, "EDIT_LINE", message, "export the sequence again")
        return number
