"""A scene as Final Cut Pro 7 XML (`xmeml`, version 5), which Premiere and Resolve read.

Elements and their meaning are those of Apple's "Final Cut Pro XML Interchange Format", chapter Elements Catalog.
Written here and not by OpenTimelineIO's adapter, which writes version 4, no picture size, sound on every file, and no
comment of a marker; its reader reads what is written here, and tests hold it so.

A gap is no element but a hole, told by a marker of the sequence. A shot that a transition touches has -1 for its start
or end there, and its `in` and `out` take in the transition's frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from tasks.editorial.cutting import Join, Media, Placed, Track, on_one_line, placed, scene_counting
from tasks.scene.timecode import Counting
from tasks.scene.timeline import Timeline

DIP = "Dip to Color Dissolve"
DISSOLVE = "Cross Dissolve"


def fcp7_text(timeline: Timeline, media: Mapping[str, Media], sounds: Sequence[Track] = ()) -> str:
    """The scene as the text of an `.xml` file; of a sound the first two channels.

    Raises InputError: `DROP_FRAME_RATE` and `BAD_TIMECODE` for the timeline's start, and those of `placed`.
    """
    counted = scene_counting(timeline)
    shots = placed(timeline, media)
    root = Element("xmeml", version="5")
    sequence = SubElement(root, "sequence", id="sequence-1")
    _say(sequence, "name", timeline.title or timeline.name)
    _say(sequence, "duration", timeline.frames)
    _rate(sequence, timeline.rate)
    _timecode(sequence, counted, counted.frame(timeline.start))
    both = SubElement(sequence, "media")
    video = SubElement(both, "video")
    _picture(SubElement(video, "format"), timeline)
    track = SubElement(video, "track")
    writer = _Writer(timeline, counted)
    for number, one in enumerate(shots):
        if one.join.frames:
            writer.transition(track, one)
        if one.media is not None:
            writer.shot(track, one, one.media, shots[number + 1].join if number + 1 < len(shots) else Join())
    audio = SubElement(both, "audio")
    _say(audio, "numOutputChannels", 2)
    depth = SubElement(SubElement(audio, "format"), "samplecharacteristics")
    _say(depth, "depth", 16)
    _say(depth, "samplerate", 48000)
    for sound in sounds:
        writer.sound(audio, sound)
    for one in shots:
        if one.media is None:
            why = one.event.missing or "there is no file"
            _marker(sequence, f"{one.event.name} is missing", why, one.event.start, one.event.end)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n{text}\n'


def _say(parent: Element, tag: str, value: str | int) -> None:
    SubElement(parent, tag).text = on_one_line(str(value), 4000)


def _rate(parent: Element, rate: Fraction) -> None:
    """29.97 is a timebase of 30 with `ntsc`."""
    element = SubElement(parent, "rate")
    _say(element, "timebase", Counting(rate).nominal)
    _say(element, "ntsc", "FALSE" if rate.denominator == 1 else "TRUE")


def _timecode(parent: Element, counted: Counting, frame: int, reel: str = "") -> None:
    element = SubElement(parent, "timecode")
    _rate(element, counted.rate)
    _say(element, "string", counted.label(frame))
    _say(element, "frame", frame % counted.day)
    _say(element, "displayformat", "DF" if counted.drop else "NDF")
    if reel:
        _say(SubElement(element, "reel"), "name", reel)


def _picture(parent: Element, timeline: Timeline) -> None:
    element = SubElement(parent, "samplecharacteristics")
    _rate(element, timeline.rate)
    _say(element, "width", timeline.width)
    _say(element, "height", timeline.height)
    _say(element, "anamorphic", "FALSE")
    _say(element, "pixelaspectratio", "square")
    _say(element, "fielddominance", "none")


def _marker(parent: Element, name: str, comment: str, first: int, last: int = -1) -> None:
    element = SubElement(parent, "marker")
    _say(element, "name", name)
    _say(element, "comment", comment)
    _say(element, "in", first)
    _say(element, "out", last)


def _alignment(join: Join) -> str:
    """Where the cut lies in a transition; `center` is its middle, rounded down."""
    if not join.goes:
        return "start-black"
    if not join.comes:
        return "end-black"
    if not join.before:
        return "start"
    return "center" if join.after else "end"


@dataclass
class _Writer:
    timeline: Timeline
    counted: Counting
    clips: int = 0
    sound_tracks: int = 0
    files: dict[str, str] = field(default_factory=dict[str, str])
    """Path -> id of its element, which is written out once."""

    def transition(self, track: Element, one: Placed) -> None:
        join = one.join
        element = SubElement(track, "transitionitem")
        _rate(element, self.timeline.rate)
        _say(element, "start", one.event.start - join.before)
        _say(element, "end", one.event.start + join.after)
        _say(element, "alignment", _alignment(join))
        effect = SubElement(element, "effect")
        name = DIP if join.kind == "dip" else DISSOLVE
        for tag, text in (("name", name), ("effectid", name), ("effecttype", "transition"), ("mediatype", "video")):
            _say(effect, tag, text)

    def shot(self, track: Element, one: Placed, media: Media, following: Join) -> None:
        event, join = one.event, one.join
        first, end = one.source_in - media.first, one.source_out - media.first
        element = self.clipitem(track, event.name, media.frames)
        _say(element, "start", -1 if join.frames else event.start)
        _say(element, "end", -1 if following.frames else event.end)
        _say(element, "in", first - join.before)
        _say(element, "out", end + following.after)
        if entry := self.file(element, media.path, media.url, event.name, media.frames):
            _timecode(entry, self.counted, media.first, event.name)
            _picture(SubElement(SubElement(entry, "media"), "video"), self.timeline)
        said = event.text
        if notes := said.get("notes"):
            _marker(element, "notes", notes, first)
        if said.get("action") or said.get("shot"):
            log = SubElement(element, "logginginfo")
            _say(log, "description", said.get("action", ""))
            _say(log, "shottake", said.get("shot", ""))
        if said.get("dialogue") or said.get("panel"):
            comments = SubElement(element, "comments")
            _say(comments, "mastercomment1", said.get("dialogue", ""))
            _say(comments, "mastercomment2", said.get("panel", ""))

    def sound(self, audio: Element, sound: Track) -> None:
        """A track for each of the first two channels, linked to be one clip."""
        channels = range(1, min(sound.channels, 2) + 1)
        ids = [f"clipitem-{self.clips + channel}" for channel in channels]
        tracks = [self.sound_tracks + channel for channel in channels]
        for channel in channels:
            track = SubElement(audio, "track")
            element = self.clipitem(track, sound.name, sound.frames)
            start = max(0, sound.start)
            for tag, frame in (
                ("start", start),
                ("end", start + sound.frames - sound.skipped),
                ("in", sound.skipped),
                ("out", sound.frames),
            ):
                _say(element, tag, frame)
            if entry := self.file(element, sound.path, sound.url, sound.name, sound.frames):
                _say(SubElement(SubElement(entry, "media"), "audio"), "channelcount", sound.channels)
            source = SubElement(element, "sourcetrack")
            _say(source, "mediatype", "audio")
            _say(source, "trackindex", channel)
            for linked, index in zip(ids, tracks, strict=True) if len(ids) > 1 else ():
                link = SubElement(element, "link")
                _say(link, "linkclipref", linked)
                _say(link, "mediatype", "audio")
                _say(link, "trackindex", index)
                _say(link, "clipindex", 1)
            _say(track, "outputchannelindex", channel)
        self.sound_tracks += len(channels)

    def clipitem(self, track: Element, name: str, frames: int) -> Element:
        self.clips += 1
        element = SubElement(track, "clipitem", id=f"clipitem-{self.clips}")
        _say(element, "name", name)
        _say(element, "enabled", "TRUE")
        _say(element, "duration", frames)
        _rate(element, self.timeline.rate)
        return element

    def file(self, parent: Element, path: str, url: str, name: str, frames: int) -> Element | None:
        """The file's element where it is named for the first time, to be filled; later ones only point to it."""
        if path in self.files:
            SubElement(parent, "file", id=self.files[path])
            return None
        self.files[path] = f"file-{len(self.files) + 1}"
        element = SubElement(parent, "file", id=self.files[path])
        _say(element, "name", name)
        _say(element, "pathurl", url)
        _rate(element, self.timeline.rate)
        _say(element, "duration", frames)
        return element
