"""The XML against its published structure: Apple, "Final Cut Pro XML Interchange Format", Elements Catalog and DTD.

The DTD's content models are `(a | b | ...)*`: which children an element may have is fixed, their order is free. What
must be there is what the catalog marks as required, and what it says of start, end, in and out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from tasks.editorial.fcp7 import fcp7_text
from tasks.scene.timeline import Timeline
from tests.tasks.editorial.scenes import NOTES, SOUND, files, plain, rich

RATE = "timebase ntsc"
PICTURE = "rate width height anamorphic pixelaspectratio fielddominance codec colordepth depth samplerate"
MAY = {
    "xmeml": "importoptions project bin clip sequence",
    "sequence": "name duration rate in out timecode media marker labels comments uuid logginginfo filmdata",
    "media": "video audio",
    "video": "format track duration samplecharacteristics stillframe",
    "audio": "format outputs in out track duration samplecharacteristics channelcount layout numOutputChannels",
    "format": "samplecharacteristics appspecificdata",
    "samplecharacteristics": PICTURE,
    "track": "clipitem generatoritem transitionitem enabled locked outputchannelindex",
    "clipitem": "name duration rate start end link syncoffset enabled in out masterclipid subclipmasterid "
    "ismasterclip logginginfo file timecode marker anamorphic alphatype labels comments sourcetrack compositemode "
    "filter stillframe sequence pixelaspectratio fielddominance",
    "transitionitem": "rate start end alignment effect name",
    "effect": "name effectid effecttype mediatype effectcategory parameter wipecode wipeaccuracy startratio endratio",
    "file": "name pathurl rate duration width height timecode media mediaSource",
    "timecode": "rate string frame displayformat reel source field format",
    "reel": "name",
    "rate": RATE,
    "marker": "name comment in out color",
    "sourcetrack": "mediatype trackindex",
    "link": "linkclipref mediatype trackindex clipindex groupindex",
    "logginginfo": "scene shottake lognote good description originalvideofilename",
    "comments": "mastercomment1 mastercomment2 mastercomment3 mastercomment4",
}
MUST = {
    "sequence": "name duration rate timecode media",
    "clipitem": "name duration rate start end in out file",
    "transitionitem": "rate start end alignment effect",
    "effect": "name effectid effecttype mediatype",
    "rate": "timebase ntsc",
    "timecode": "rate string frame displayformat",
    "marker": "name in out",
    "sourcetrack": "mediatype trackindex",
    "link": "linkclipref mediatype trackindex clipindex",
}
ONCE = {"marker", "link", "track", "clipitem", "transitionitem"}
Make = Callable[..., Timeline]


def tree(timeline: Timeline) -> Element:
    return ElementTree.fromstring(fcp7_text(timeline, files(timeline), [SOUND]))


def whole(element: Element, path: str) -> int:
    text = element.findtext(path)
    assert text is not None and re.fullmatch(r"-?\d+", text), (element.tag, path, text)
    return int(text)


@pytest.mark.parametrize("make", [plain, rich])
def test_elements_are_where_they_may_be(make: Make) -> None:
    root = tree(make())
    assert root.tag == "xmeml" and root.get("version") == "5"
    for element in root.iter():
        children = [child.tag for child in element]
        assert set(children) <= set(MAY.get(element.tag, "").split()), element.tag
        pointer = element.tag == "file" and not children
        assert pointer or set(MUST.get(element.tag, "").split()) <= set(children), element.tag
        alone = [tag for tag in children if tag not in ONCE]
        assert len(alone) == len(set(alone)), element.tag
        assert not (children and (element.text or "").strip()), element.tag


def test_it_begins_as_a_document_of_its_type() -> None:
    timeline = plain()
    text = fcp7_text(timeline, files(timeline))
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE xmeml>\n<xmeml version="5">')


@pytest.mark.parametrize("make", [plain, rich])
def test_ids_are_unique_and_pointers_lead_somewhere(make: Make) -> None:
    root = tree(make())
    for tag in ("clipitem", "sequence"):
        ids = [one.get("id") for one in root.iter(tag)]
        assert all(ids) and len(ids) == len(set(ids))
    full = [one.get("id") for one in root.iter("file") if len(one)]
    assert len(full) == len(set(full))
    seen: set[str | None] = set()
    for one in root.iter("file"):  # written out before it is pointed to
        assert len(one) or one.get("id") in seen
        seen.add(one.get("id"))
    clips = {one.get("id") for one in root.iter("clipitem")}
    assert all(link.findtext("linkclipref") in clips for link in root.iter("link"))


@pytest.mark.parametrize(
    ("rate", "timebase", "ntsc"),
    [
        (Fraction(24000, 1001), "24", "TRUE"),
        (Fraction(24), "24", "FALSE"),
        (Fraction(25), "25", "FALSE"),
        (Fraction(30000, 1001), "30", "TRUE"),
        (Fraction(30), "30", "FALSE"),
    ],
)
def test_rates(rate: Fraction, timebase: str, ntsc: str) -> None:
    found = {(one.findtext("timebase"), one.findtext("ntsc")) for one in tree(plain(rate)).iter("rate")}
    assert found == {(timebase, ntsc)}


@pytest.mark.parametrize("make", [plain, rich])
def test_frames_agree(make: Make) -> None:
    timeline = make()
    root = tree(timeline)
    assert whole(root, "sequence/duration") == timeline.frames
    entries = {one.get("id"): one for one in root.iter("file") if len(one)}
    for track in root.iter("track"):
        items = [item for item in track if item.tag in ("clipitem", "transitionitem")]
        ended = 0
        for number, item in enumerate(items):
            if item.tag == "transitionitem":
                assert whole(item, "start") < whole(item, "end")
                assert item.findtext("alignment") in ("start", "center", "end", "end-black", "start-black")
                continue
            start, end = whole(item, "start"), whole(item, "end")
            if start == -1:
                assert items[number - 1].tag == "transitionitem"
                start = whole(items[number - 1], "start")
            else:
                assert start >= ended
            if end == -1:
                assert items[number + 1].tag == "transitionitem"
                end = whole(items[number + 1], "end")
            shown = whole(item, "out") - whole(item, "in")
            assert shown == end - start > 0
            own = item.find("file")
            assert own is not None
            length = whole(entries[own.get("id")], "duration")
            assert whole(item, "duration") == length
            assert 0 <= whole(item, "in") < whole(item, "out") <= length
            ended = end if whole(item, "end") != -1 else 0


def test_paths_are_relative_urls() -> None:
    for one in tree(rich()).iter("pathurl"):
        assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", one.text or "")
        assert not (one.text or "").startswith("/") and "://" not in (one.text or "")
    assert "sound/score%20mix.wav" in {one.text for one in tree(rich()).iter("pathurl")}


def test_two_channels_are_one_linked_clip() -> None:
    tracks = tree(plain()).findall("sequence/media/audio/track")
    assert [track.findtext("clipitem/sourcetrack/trackindex") for track in tracks] == ["1", "2"]
    assert [track.findtext("outputchannelindex") for track in tracks] == ["1", "2"]
    links = [[link.findtext("linkclipref") for link in track.iter("link")] for track in tracks]
    assert links[0] == links[1] == [track.find("clipitem").get("id") for track in tracks]  # pyright: ignore


def test_notes_are_markers_and_a_gap_is_told() -> None:
    root = tree(rich())
    marker = root.find("sequence/media/video/track/clipitem/marker")
    assert marker is not None
    assert (marker.findtext("name"), marker.findtext("comment")) == ("notes", " ".join(NOTES.split()))
    gap = root.find("sequence/marker")
    assert gap is not None
    assert gap.findtext("name") == "SQ010_SH0040 is missing"
    assert (whole(gap, "in"), whole(gap, "out")) == (144, 168)
