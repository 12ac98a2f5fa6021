"""A CMX 3600 edit decision list read back: shots of the video track, dissolves and fades undone to plain cuts.

Lists differ in what they put where; read here are the forms of Avid, Premiere, Resolve and our own: an event of one
line, or of two lines with one number where there is a transition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from manifests.errors import InputError
from tasks.editorial.edit import Cut, Edit, check_cuts, clip_name, refused
from tasks.scene.timecode import Counting

_CODE = re.compile(r"\d\d:\d\d:\d\d[:;.,]\d\d", re.ASCII)
_COMMENT = re.compile(r"\*?\s*(FROM CLIP NAME|TO CLIP NAME|FROM CLIP|TO CLIP|SOURCE FILE|FROM FILE)\s*:\s*(.*)", re.I)
_NO_DROP = "set the sequence to non-drop-frame timecode, and export it again"


@dataclass(frozen=True)
class _Line:
    """One line of an event; `frames` of its transition, 0 for a cut."""

    number: int
    at: int
    reel: str
    channel: str
    frames: int
    source_in: int
    source_out: int
    record_in: int
    record_out: int

    @property
    def black(self) -> bool:
        return self.reel in ("BL", "BLACK")


@dataclass
class _Event:
    """Lines of one number, and what the comments after them say."""

    lines: list[_Line] = field(default_factory=list[_Line])
    said: dict[str, str] = field(default_factory=dict[str, str])
    retimed: bool = False


def read_edl(text: str, file: str, rate: Fraction) -> Edit:
    """The list's edit at `rate`, which the list itself does not say.

    Raises InputError: `EDIT_FORMAT`, `EDIT_LINE`, `BAD_TIMECODE`, `DROP_FRAME_RATE`, `EDIT_EMPTY`, `EDIT_LENGTH`.
    """
    events = list(_events(text, file, rate))
    if not events:
        raise refused(file, "EDIT_FORMAT", "there is no event in it", "export a CMX 3600 list, OTIO or FCP7 XML")
    cuts: list[Cut] = []
    unread: list[str] = []
    for event in events:
        video = [line for line in event.lines if line.channel == "V"]
        if other := next((line for line in event.lines if line.channel.startswith("V") and line not in video), None):
            unread.append(f"line {other.at}: what lies on {other.channel} is not carried")
        for line in video:
            _take(line, event, video, cuts, unread)
    return Edit(file, rate, check_cuts(file, cuts), tuple(unread))


def _events(text: str, file: str, rate: Fraction) -> Iterator[_Event]:
    """Events in their order. FCM holds from its line on; a `;` drops frames whatever it says."""
    event = _Event()
    drop = False
    for at, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.upper().startswith("FCM:"):
            # A list at 24 that says DROP FRAME means nothing by it.
            drop = "NON" not in line.upper() and rate.denominator == 1001 and rate > 29
        elif re.match(r"\d{3,6}\s", line):
            one = _line(line, at, file, rate, drop)
            if event.lines and event.lines[0].number != one.number:
                yield event
                event = _Event()
            event.lines.append(one)
        elif event.lines:
            event.retimed |= bool(re.match(r"M2\s", line))
            if comment := _COMMENT.match(line):
                event.said.setdefault(comment[1].upper(), comment[2].strip())
    if event.lines:
        yield event


def _line(line: str, at: int, file: str, rate: Fraction, drop: bool) -> _Line:
    words = line.split()
    codes, before = words[-4:], words[:-4]
    frames = 0
    if len(before) > 4 and before[-1].isascii() and before[-1].isdigit():
        frames = int(before.pop()[-6:])
    if len(before) < 4 or not all(_CODE.fullmatch(code) for code in codes):
        wanted = "number, reel, track, edit, and four timecodes"
        raise refused(file, "EDIT_LINE", f"'{line[:80]}' is no event: {wanted}", "export the list again", at)
    if before[-1] == "C":
        frames = 0
    counted: list[int] = []
    for code in codes:
        try:
            counted.append(Counting(rate, drop or code[-3] == ";").frame(code))
        except InputError as error:
            remedy = _NO_DROP if error.code == "DROP_FRAME_RATE" else error.problem.remedy
            raise InputError(replace(error.problem, file=file, line=at, remedy=remedy)) from error
    day = Counting(rate, drop or codes[0][-3] == ";").day
    source_in, source_out, record_in, record_out = counted
    if source_out < source_in:  # frame numbers below 0 are written as of the day before
        source_in -= day
    if record_out < record_in:
        record_out += day
    channel = before[-2].upper()
    picture = "V" if channel in ("V", "V1", "B", "AV") or channel.endswith("/V") else channel
    reel = " ".join(before[1:-2]).upper()
    return _Line(int(before[0]), at, reel, picture, frames, source_in, source_out, record_in, record_out)


def _take(line: _Line, event: _Event, lines: Sequence[_Line], cuts: list[Cut], unread: list[str]) -> None:
    """Add what the line shows to `cuts`, and give the cut before it back what a transition took."""
    outgoing = line is not lines[-1]
    if outgoing and line.record_out == line.record_in:
        return  # the outgoing side of a transition
    said = event.said
    if len(lines) > 1 and not outgoing:
        name = said.get("TO CLIP NAME") or said.get("TO CLIP", "")
    else:
        name = (
            said.get("FROM CLIP NAME") or said.get("FROM CLIP") or said.get("SOURCE FILE") or said.get("FROM FILE", "")
        )
    name = clip_name(name)
    cut = Cut(
        "" if line.black and line.frames and name == _last(cuts) else name,
        line.record_in,
        line.record_out,
        line.source_in,
        line.source_out,
        reel="" if line.black else line.reel,
        dissolve=line.frames,
        retimed=event.retimed and not outgoing,
        gap=line.black,
    )
    touches = bool(cuts) and cuts[-1].record_out == line.record_in
    if line.black:
        if line.frames and touches:  # the shot before fades out over these frames
            cuts[-1] = cuts[-1].ends_later(line.frames)
            cut = replace(cut, record_in=cut.record_in + line.frames, dissolve=line.frames, before=line.frames)
        if cut.name:
            cuts.append(cut)
        elif cut.frames > 0:
            unread.append(f"line {line.at}: {cut.frames} frames of black are not carried")
        return
    from_black = len(lines) > 1 and lines[0].black
    if line.frames and touches and not from_black:
        before = line.frames // 2
        cuts[-1] = cuts[-1].ends_later(before)
        cut = replace(cut.cut_later(before), split_guessed=True)
    cuts.append(cut)


def _last(cuts: Sequence[Cut]) -> str:
    return cuts[-1].name if cuts else ""
