"""The editor folder: what lies in it, that it may be moved, and that a second export touches only what changed."""

from __future__ import annotations

import json
import re
import shutil
import wave
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import av
import numpy as np
import opentimelineio
import pytest

from manifests.errors import InputError
from models.clip import Clip
from tasks.editorial.conform import conformed
from tasks.editorial.exported import exported_timeline
from tasks.editorial.folder import EditorFolder, Sound, write_editor_folder
from tasks.editorial.read_edit import read_edit
from tasks.encode import Output, encode
from tasks.errors import Cancelled
from tasks.scene.timeline import Into, Timeline
from tests.tasks.editorial.scenes import scene, shot
from tests.tasks.encoding import FFMPEG, moving, recipe

otio: Any = opentimelineio
HANDLES = 3
NTSC = Fraction(30000, 1001)


def tiny(rate: Fraction = Fraction(24), start: str = "01:00:00:00") -> Timeline:
    return scene(
        shot("a", 10, 6),
        shot("b", 20, 8, into=Into("dissolve", 2, 1)),
        shot("c", 30, 5, missing="its picture is gone"),
        shot("d", 40, 4),
        rate=rate,
        start=start,
    )


@pytest.fixture
def clips(tmp_path: Path) -> dict[str, Path]:
    return delivered(tmp_path, tiny())


def delivered(folder: Path, timeline: Timeline) -> dict[str, Path]:
    made: dict[str, Path] = {}
    for seed, event in enumerate(event for event in timeline.events if not event.missing):
        clip = Clip(64, 36, timeline.rate, event.clip_frames)
        path = folder / f"{event.key}.mp4"
        encode(moving(clip, seed), clip, [Output(recipe("h264", clip), path)], ffmpeg=FFMPEG)
        made[event.key] = path
    return made


def sound(folder: Path, name: str = "score mix.wav") -> Sound:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(bytes(4 * 24_000))
    return Sound("score", path, 2)


def export(folder: Path, clips: Mapping[str, Path], timeline: Timeline | None = None, **more: Any) -> EditorFolder:
    more = {"handles": HANDLES, "ffmpeg": FFMPEG, **more}
    return write_editor_folder(folder / "cut", timeline or tiny(), clips, [sound(folder)], **more)


def pictures(path: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        tags = next((dict(stream.metadata) for stream in container.streams if stream.type == "data"), {})
        facts = {"codec": video.codec_context.name, "profile": video.profile, "rate": video.average_rate, **tags}
        return [frame.to_ndarray(format="gray") for frame in container.decode(video)], facts


def test_shots_are_prores_with_held_handles_timecode_and_reel(tmp_path: Path, clips: dict[str, Path]) -> None:
    result = export(tmp_path, clips)
    frames, facts = pictures(tmp_path / "cut/media/SQ010_SH0020.mov")
    own, _ = pictures(clips["b"])
    assert len(frames) == HANDLES + 10 + HANDLES
    assert (facts["codec"], facts["profile"], facts["rate"]) == ("prores", "HQ", 24)
    assert (facts["timecode"], facts["reel_name"]) == ("00:00:41:12", "10SH0020")  # 1001 - 2 - 3
    assert result.media["b"].first == 996
    held = [own[0]] * HANDLES + own + [own[-1]] * HANDLES
    worst = max(float(np.abs(a.astype(int) - b.astype(int)).mean()) for a, b in zip(frames, held, strict=True))
    assert worst < 2, f"a frame is {worst:.2f} levels off on average, wanted < 2"


def test_everything_is_there_and_told(tmp_path: Path, clips: dict[str, Path]) -> None:
    told: list[tuple[int, int]] = []
    result = export(tmp_path, clips, progress=lambda done, total: told.append((done, total)))
    assert sorted(
        str(path.relative_to(tmp_path / "cut")) for path in (tmp_path / "cut").rglob("*") if path.is_file()
    ) == [
        "README.txt",
        "dailies.json",
        "keeper.edl",
        "keeper.otio",
        "keeper.xml",
        "media/SQ010_SH0010.mov",
        "media/SQ010_SH0020.mov",
        "media/SQ010_SH0040.mov",
        "sound/score-mix.wav",
    ]
    assert result.said == ("SQ010_SH0030 is missing: its picture is gone. The timelines have a gap there.",)
    readme = (tmp_path / "cut/README.txt").read_text()
    assert "SQ010_SH0030 is missing" in readme and "3 frames of each file are handles" in readme
    assert told[-1] == (21, 21) and told == sorted(told)


def references(folder: Path) -> dict[str, set[str]]:
    timeline = otio.adapters.read_from_file(str(folder / "keeper.otio"))
    urls = {
        clip.media_reference.target_url
        for track in timeline.tracks
        for clip in track
        if hasattr(clip, "media_reference")
    }
    xml = re.findall(r"<pathurl>(.*)</pathurl>", (folder / "keeper.xml").read_text())
    edl = re.findall(r"^\* (?:FROM|TO) CLIP: (.*)$", (folder / "keeper.edl").read_text(), re.MULTILINE)
    return {"otio": {unquote(url) for url in urls}, "xml": {unquote(url) for url in xml}, "edl": set(edl)}


def test_a_moved_folder_still_finds_its_files(tmp_path: Path, clips: dict[str, Path]) -> None:
    export(tmp_path, clips)
    moved = tmp_path / "some where/else"
    moved.parent.mkdir()
    shutil.move(tmp_path / "cut", moved)
    for found in references(moved).values():
        assert len(found) == 4
        assert all((moved / path).is_file() and not Path(path).is_absolute() for path in found)
    assert str(tmp_path) not in "".join(path.read_text() for path in moved.iterdir() if path.is_file())


def test_available_ranges_are_the_files_own(tmp_path: Path, clips: dict[str, Path]) -> None:
    export(tmp_path, clips)
    timeline = otio.adapters.read_from_file(str(tmp_path / "cut/keeper.otio"))
    for clip in timeline.tracks[0]:
        if isinstance(clip, otio.schema.Clip):
            frames, _ = pictures(tmp_path / "cut" / clip.media_reference.target_url)
            assert clip.available_range().duration.value == len(frames)
            assert clip.available_range().contains(clip.source_range)


def stamps(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_second_export_writes_nothing(tmp_path: Path, clips: dict[str, Path]) -> None:
    export(tmp_path, clips)
    before = stamps(tmp_path / "cut")
    result = export(tmp_path, clips)
    assert stamps(tmp_path / "cut") == before
    assert result.written == ()


def test_only_what_changed_is_written_again(tmp_path: Path, clips: dict[str, Path]) -> None:
    first = tiny()
    export(tmp_path, clips)
    before = stamps(tmp_path / "cut")
    longer = scene(*(replace(event, frames=7) if event.key == "d" else event for event in first.events))
    result = export(tmp_path, {**clips, "d": delivered(tmp_path, longer)["d"]}, longer)
    assert set(result.written) == {
        "media/SQ010_SH0040.mov", "keeper.otio", "keeper.edl", "keeper.xml", "README.txt",
    }  # fmt: skip
    after = stamps(tmp_path / "cut")
    assert {path for path in after if after[path] != before[path]} == {*result.written, "dailies.json"}


def test_a_damaged_or_missing_file_is_made_again(tmp_path: Path, clips: dict[str, Path]) -> None:
    export(tmp_path, clips)
    (tmp_path / "cut/media/SQ010_SH0010.mov").write_bytes(b"cut")
    (tmp_path / "cut/sound/score-mix.wav").unlink()
    (tmp_path / "cut/dailies.json").touch()
    result = export(tmp_path, clips)
    assert set(result.written) == {"media/SQ010_SH0010.mov", "sound/score-mix.wav"}
    assert len(pictures(tmp_path / "cut/media/SQ010_SH0010.mov")[0]) == 13


@pytest.mark.parametrize("index", ["", "{}", "[]", '{"files": 3}', '{"files": {"media/SQ010_SH0010.mov": 3}}'])
def test_an_index_that_is_not_ours_is_no_harm(tmp_path: Path, clips: dict[str, Path], index: str) -> None:
    export(tmp_path, clips)
    (tmp_path / "cut/dailies.json").write_text(index)
    assert "media/SQ010_SH0010.mov" in export(tmp_path, clips).written


def test_shots_that_are_gone_are_left_and_told(tmp_path: Path, clips: dict[str, Path]) -> None:
    export(tmp_path, clips)
    timeline = tiny()
    for _ in range(2):
        result = export(tmp_path, clips, scene(*timeline.events[:3]))
        assert (tmp_path / "cut/media/SQ010_SH0040.mov").is_file()
        assert any("SQ010_SH0040.mov is of an earlier export" in sentence for sentence in result.said)


def test_the_exported_timeline_is_kept(tmp_path: Path, clips: dict[str, Path]) -> None:
    export(tmp_path, clips)
    assert exported_timeline(tmp_path / "cut") == tiny()
    with pytest.raises(InputError, match="NOT_EXPORTED"):
        exported_timeline(tmp_path)


def test_from_the_folder_back_into_the_manifest(tmp_path: Path, clips: dict[str, Path]) -> None:
    result = export(tmp_path, clips)
    rows = "".join(f"  - {{id: {event.key}, frames: {event.frames}}}\n" for event in tiny().events)
    (tmp_path / "scene.yaml").write_text(f"version: 1\nrows:\n{rows}")
    for path in (result.otio, result.edl, result.fcp7):
        found = conformed(tmp_path / "scene.yaml", read_edit(path, Fraction(24)), exported_timeline(result.folder))
        assert not found.changed


def test_drop_frame_timecode_in_the_files(tmp_path: Path) -> None:
    timeline = tiny(NTSC, "00:59:58;00")
    export(tmp_path, delivered(tmp_path, timeline), timeline)
    _, facts = pictures(tmp_path / "cut/media/SQ010_SH0010.mov")
    assert (facts["rate"], facts["timecode"]) == (NTSC, "00:00:33;08")


def test_a_clip_of_another_length_is_refused_and_leaves_nothing(tmp_path: Path, clips: dict[str, Path]) -> None:
    with pytest.raises(InputError, match=r"has 7 frames, the timeline shows 10 of it.*\[MEDIA_FRAMES\]"):
        export(tmp_path, {**clips, "b": clips["a"]})
    assert [path.name for path in (tmp_path / "cut/media").iterdir()] == ["SQ010_SH0010.mov"]
    assert not [path for path in (tmp_path / "cut").iterdir() if path.name.startswith(".")]


def test_a_frame_more_than_is_seen_is_no_fault(tmp_path: Path, clips: dict[str, Path]) -> None:
    timeline = tiny()
    shorter = scene(*(replace(event, frames=3) if event.key == "d" else event for event in timeline.events))
    export(tmp_path, clips, shorter)
    frames, _ = pictures(tmp_path / "cut/media/SQ010_SH0040.mov")
    own, _ = pictures(clips["d"])
    assert len(frames) == 3 + 2 * HANDLES
    assert float(np.abs(frames[-1].astype(int) - own[2].astype(int)).mean()) < 2


def test_a_dip_has_the_frames_an_editor_takes_beyond_the_cut(tmp_path: Path) -> None:
    timeline = scene(shot("a", 10, 12), shot("b", 20, 12, into=Into("dip", 5, 6)))
    result = export(tmp_path, delivered(tmp_path, timeline), timeline)
    a, b = result.media["a"], result.media["b"]
    assert (a.handle_in, a.handle_out, b.handle_in, b.handle_out) == (3, 6, 5, 3)
    assert (a.first, b.first) == (998, 996)
    assert len(pictures(tmp_path / "cut" / b.path)[0]) == b.frames == 20


def test_what_is_no_clip_or_no_sound(tmp_path: Path, clips: dict[str, Path]) -> None:
    (tmp_path / "none.mp4").write_text("nothing")
    with pytest.raises(InputError, match="MEDIA_UNREADABLE"):
        export(tmp_path, {**clips, "b": tmp_path / "none.mp4"})
    bad = [Sound("none", tmp_path / "none.mp4")]
    with pytest.raises(InputError, match="SOUND_UNREADABLE"):
        write_editor_folder(tmp_path / "cut", tiny(), clips, bad, handles=0, ffmpeg=FFMPEG)


def test_cancelled_leaves_no_half_file(tmp_path: Path, clips: dict[str, Path]) -> None:
    with pytest.raises(Cancelled):
        export(tmp_path, clips, cancelled=lambda: True)
    assert not [path for path in (tmp_path / "cut").rglob("*") if path.is_file()]


def test_sounds_of_one_name_lie_apart(tmp_path: Path, clips: dict[str, Path]) -> None:
    both = [sound(tmp_path / "x"), sound(tmp_path / "y"), sound(tmp_path / "x")]
    (tmp_path / "y/score mix.wav").write_bytes((tmp_path / "y/score mix.wav").read_bytes() + b"\0\0")
    write_editor_folder(tmp_path / "cut", tiny(), clips, both, handles=0, ffmpeg=FFMPEG)
    assert sorted(path.name for path in (tmp_path / "cut/sound").iterdir()) == ["score-mix-2.wav", "score-mix.wav"]
    files = json.loads((tmp_path / "cut/dailies.json").read_text())["files"]
    assert files["sound/score-mix.wav"]["sha256"] != files["sound/score-mix-2.wav"]["sha256"]


@pytest.mark.parametrize("handles", [-1, 241])
def test_handles_out_of_range(tmp_path: Path, handles: int) -> None:
    with pytest.raises(InputError, match="HANDLES"):
        write_editor_folder(tmp_path / "cut", tiny(), {}, handles=handles, ffmpeg=FFMPEG)
    assert not (tmp_path / "cut").exists()
