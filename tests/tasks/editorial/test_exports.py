"""Every timeline that is written, read by OpenTimelineIO's own readers and by ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio
import pytest

from manifests.errors import InputError
from tasks.editorial.cutting import reels
from tasks.editorial.edl import edl_text
from tasks.editorial.fcp7 import fcp7_text
from tasks.editorial.otio import otio_text
from tasks.editorial.read_edit import read_edit
from tasks.scene.timeline import Into, Timeline
from tests.tasks.editorial.scenes import NOTES, SOUND, files, plain, rich, scene, shot

otio: Any = opentimelineio
NTSC = Fraction(30000, 1001)
AT = [
    (Fraction(24000, 1001), "01:00:00:00"),
    (Fraction(24), "00:00:00:00"),
    (Fraction(25), "09:59:59:20"),
    (NTSC, "01:00:00:00"),
    (NTSC, "00:59:58;00"),
    (Fraction(30), "23:00:00:00"),
]
Write = Callable[..., str]
WRITERS: list[tuple[str, Write]] = [("otio", otio_text), ("edl", edl_text), ("xml", fcp7_text)]


def read(suffix: str, text: str, rate: Fraction) -> Any:
    match suffix:
        case "edl":
            return otio.adapters.read_from_string(text, "cmx_3600", rate=float(rate))
        case "xml":
            return otio.adapters.read_from_string(text, "fcp_xml")
        case _:
            return otio.adapters.read_from_string(text, "otio_json")


def clips(timeline: Any) -> list[tuple[str, int]]:
    return [
        (item.name, round(item.duration().value)) for item in timeline.tracks[0] if isinstance(item, otio.schema.Clip)
    ]


@pytest.mark.parametrize(("suffix", "write"), WRITERS)
@pytest.mark.parametrize(("rate", "start"), AT)
def test_names_order_and_lengths_stand(suffix: str, write: Write, rate: Fraction, start: str) -> None:
    timeline = plain(rate, start)
    found = read(suffix, write(timeline, files(timeline), [SOUND]), rate)
    assert clips(found) == [(event.name, event.frames) for event in timeline.events]
    assert round(found.tracks[0].duration().value) == timeline.frames
    sounds = [track for track in found.tracks if track.kind == otio.schema.TrackKind.Audio]
    assert len(sounds) == (2 if suffix == "xml" else 1)
    assert {clip.name for track in sounds for clip in track if isinstance(clip, otio.schema.Clip)} == {"score"}


@pytest.mark.parametrize(("suffix", "write"), [WRITERS[0], WRITERS[2]])
def test_transitions_and_gaps_stand(suffix: str, write: Write) -> None:
    timeline = rich()
    track = read(suffix, write(timeline, files(timeline)), timeline.rate).tracks[0]
    schema = otio.schema
    found = [
        (item.in_offset.value, item.out_offset.value)
        if isinstance(item, schema.Transition)
        else "gap"
        if isinstance(item, schema.Gap)
        else item.name[-4:]
        for item in track
    ]
    assert found == ["0010", (6, 7), "0020", (5, 6), "0030", "gap", (0, 4), "0050", "0060"]
    assert track[1].transition_type == schema.TransitionTypes.SMPTE_Dissolve
    assert "Dip" in track[3].name


def test_a_dissolve_in_a_list() -> None:
    timeline = rich()
    text = edl_text(timeline, files(timeline))
    found = read("edl", text, timeline.rate).tracks[0]
    lengths = [(item.name[-4:], item.duration().value) for item in found if isinstance(item, otio.schema.Clip)]
    # The incoming shot has the whole dissolve: 6 frames come from the shot before, 5 of its own go to the dip's black.
    assert lengths[:3] == [("0010", 42), ("0020", 36 + 6 - 5), ("0020", 5)]
    assert "002  10SH0020 V     D    013 00:00:41:11 00:00:43:00 01:00:01:18 01:00:03:07" in text
    assert "* MISSING: its picture is gone" in text


@pytest.mark.parametrize(("suffix", "write"), WRITERS)
@pytest.mark.parametrize(("rate", "start"), AT)
@pytest.mark.parametrize("make", [plain, rich])
def test_nothing_moves_on_the_way_back(
    suffix: str, write: Write, rate: Fraction, start: str, make: Callable[..., Timeline], tmp_path: Path
) -> None:
    timeline = make(rate, start)
    path = tmp_path / f"scene.{suffix}"
    path.write_text(write(timeline, files(timeline), [SOUND]), encoding="utf-8")
    edit = read_edit(path, rate)
    first = edit.cuts[0].record_in
    wanted = [event for event in timeline.events if suffix != "xml" or not event.missing]
    assert [(cut.name, cut.record_in - first, cut.frames) for cut in edit.cuts] == [
        (event.name, event.start, event.frames) for event in wanted
    ]
    assert all(cut.source_in == timeline.first_frame for cut in edit.cuts if not cut.gap)
    assert edit.unread == ()


def test_drop_frame_is_said_and_counted() -> None:
    timeline = plain(NTSC, "00:59:58;00")
    text = edl_text(timeline, files(timeline))
    assert text.startswith("TITLE: The keeper\nFCM: DROP FRAME\n")
    assert "00:59:58;00 00:59:59;18" in text
    assert "FCM: NON-DROP FRAME" in edl_text(plain(NTSC, "00:59:58:00"), files(timeline))
    assert "<displayformat>DF</displayformat>" in fcp7_text(timeline, files(timeline))
    assert "<string>00:59:58;00</string>" in fcp7_text(timeline, files(timeline))


def test_otio_keeps_everything() -> None:
    timeline = rich()
    found = read("otio", otio_text(timeline, files(timeline), [SOUND]), timeline.rate)
    assert found.global_start_time == otio.opentime.RationalTime(86_400, 24)
    assert found.metadata["dailies"]["leader"] == 48
    clip = found.tracks[0][2]
    known = clip.metadata["dailies"]
    assert (known["key"], known["notes"], known["dialogue"]) == ("b", NOTES, "KEEPER: Not tonight.")
    assert dict(known["meta"]) == {"act": 1, "approved": True}
    assert clip.markers[0].comment == NOTES
    media = clip.media_reference
    assert media.target_url == "media/SQ010_SH0020.mov"
    assert media.available_range.start_time.value == 1001 - 6 - 8
    assert media.available_range.contains(clip.source_range)
    assert found.tracks[0][5].metadata["dailies"]["missing"] == "its picture is gone"


def test_source_ranges_leave_handles_on_both_sides() -> None:
    timeline = rich()
    for item in read("otio", otio_text(timeline, files(timeline)), timeline.rate).tracks[0]:
        if isinstance(item, otio.schema.Clip):
            whole, shown = item.available_range(), item.source_range
            assert shown.start_time - whole.start_time >= otio.opentime.RationalTime(8, 24)
            assert whole.end_time_exclusive() - shown.end_time_exclusive() >= otio.opentime.RationalTime(8, 24)


def test_reels_are_short_and_all_different() -> None:
    names = [f"SQ010_SH{number:04d}" for number in range(10, 2000, 10)] + ["SQ020_SH0010", "BL", "___", "Größe 1"]
    found = reels(names)
    assert len(set(found.values())) == len(names)
    assert all(0 < len(reel) <= 8 and reel.isalnum() and reel.isascii() for reel in found.values())
    assert found["SQ010_SH0020"] == "10SH0020"
    assert "BL" not in found.values()


@pytest.mark.parametrize(("suffix", "write"), WRITERS)
def test_text_of_all_kinds_breaks_no_format(suffix: str, write: Write, tmp_path: Path) -> None:
    said = 'line\nFROM CLIP NAME: other\n\x00\x1b<&"]]> 001  AX V C 00:00:00:00 ünï 🎬\u2028'
    event = shot("a", 10, 24, text=dict.fromkeys(("title", "notes", "dialogue", "action"), said))
    timeline = scene(event, shot("b", 20, 24, into=Into("dissolve", 3, 3)))
    path = tmp_path / f"scene.{suffix}"
    path.write_text(write(timeline, files(timeline)), encoding="utf-8")
    assert [cut.name for cut in read_edit(path, timeline.rate).cuts] == ["SQ010_SH0010", "SQ010_SH0020"]
    assert [name for name, _ in clips(read(suffix, path.read_text(encoding="utf-8"), timeline.rate))] == [
        "SQ010_SH0010",
        "SQ010_SH0020",
    ]


@pytest.mark.parametrize("write", [write for _, write in WRITERS])
def test_a_file_of_another_length_is_told(write: Write) -> None:
    timeline = plain()
    media = files(timeline)
    media["b"] = replace(media["b"], frames=51)
    with pytest.raises(InputError, match=r"SQ010_SH0020: media/SQ010_SH0020.mov has 51 frames.*\[MEDIA_FRAMES\]"):
        write(timeline, media)


def test_transitions_that_meet_are_told() -> None:
    timeline = scene(
        shot("a", 10, 24), shot("b", 20, 7, into=Into("dissolve", 4, 4)), shot("c", 30, 24, into=Into("dissolve", 4, 4))
    )
    with pytest.raises(InputError, match=r"SQ010_SH0020 is 7 frames long, 4 and 4 frames.*\[TRANSITIONS_LONG\]"):
        edl_text(timeline, files(timeline))


def test_numbers_below_zero_are_of_the_day_before(tmp_path: Path) -> None:
    timeline = replace(plain(), first_frame=0)
    for suffix, write in WRITERS:
        path = tmp_path / f"scene.{suffix}"
        path.write_text(write(timeline, files(timeline)), encoding="utf-8")
        assert [cut.source_in for cut in read_edit(path, timeline.rate).cuts] == [0, 0, 0, 0]
