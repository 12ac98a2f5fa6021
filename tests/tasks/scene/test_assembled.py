"""Every frame of an assembled file is the one that arithmetic says, read back from marks in the picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from manifests.presets import Origin, Preset, presets
from models.errors import EngineError
from tasks import inspect
from tasks.planner.scene import ScenePlan
from tasks.scene.inspection import inspect_joined, inspect_segment
from tests.tasks.scene.cutting import EXACT, RATES, cut, frames_of_clips, plan, row
from tests.tasks.scene.marks import LEGIBLE, Mark, assembled, lumas, marked_clip, read

pytestmark = pytest.mark.usefixtures("small")
DISSOLVE, DIP = {"kind": "dissolve", "seconds": 0.5}, {"kind": "dip", "seconds": 0.4}
SHOTS: list[dict[str, Any]] = [
    {"seconds": 1.3},
    {"seconds": 0.7},
    {"seconds": 1.1, "transition": DISSOLVE},
    {"seconds": 0.9, "transition": DIP},
    {"seconds": 0.63},
    {"seconds": 1.27, "transition": DISSOLVE},
]
LEADER = 0.5
Seen = dict[int, tuple[int, float]]
"""Shot -> its clip's frame, and the contrast of its mark."""


def arithmetic(rate: Fraction, shots: list[dict[str, Any]], leader: float) -> list[Seen]:
    """What is seen on every frame of the file, told by durations alone."""
    starts, played = [0], Fraction(0)
    for one in shots:
        played += Fraction(str(one["seconds"]))
        starts.append(int(played * rate + Fraction(1, 2)))
    found: list[Seen] = [{} for _ in range(round(Fraction(str(leader)) * rate))]
    lead = len(found)
    heads = [0] * len(shots)
    found += [{} for _ in range(starts[-1])]
    for number, one in enumerate(shots):
        transition: dict[str, Any] = one.get("transition") or {"kind": "cut", "seconds": 0}
        total = round(Fraction(str(transition["seconds"])) * rate)
        before = total // 2
        heads[number] = before if transition["kind"] == "dissolve" else 0
        for frame in range(starts[number], starts[number + 1]):
            found[lead + frame][number + 1] = (frame - starts[number] + heads[number], 1.0)
        for index in range(total):
            seen = found[lead + starts[number] - before + index]
            going = starts[number] - before + index - starts[number - 1] + heads[number - 1]
            if transition["kind"] == "dissolve":
                share = (index + 0.5) / total
                seen[number], seen[number + 1] = (going, 1 - share), (index, share)
            elif index < before:
                seen[number] = (going, 1 - (index + 0.5) / before)
            else:
                seen[number + 1] = (index - before, (index - before + 0.5) / (total - before))
    return found


def scene(rate: str, folder: Path, **told: Any) -> tuple[ScenePlan, Path, list[Path]]:
    shots = [row(f"a{number}", number, **one) for number, one in enumerate(SHOTS, start=1)]
    told = {"rate": rate, "leader": LEADER, "speed": "draft"} | told
    found, _ = cut(shots, **told)
    planned = plan(shots, **told)
    clips = {
        key: marked_clip(folder / f"{key}.{planned.delivery.encode.container}", planned, number, frames)
        for number, (key, frames) in enumerate(frames_of_clips(found).items(), start=1)
    }
    path, made, _ = assembled(planned, clips, folder / "scene")
    return planned, path, made


def assert_seen(marks: list[list[Mark]], wanted: list[Seen]) -> None:
    assert len(marks) == len(wanted)
    wrong = [
        f"frame {index}: read {found}, wanted {seen}"
        for index, (found, seen) in enumerate(zip(marks, wanted, strict=True))
        if not _same(found, seen)
    ]
    assert not wrong, f"{len(wrong)} of {len(wanted)} frames:\n" + "\n".join(wrong[:20])


def _same(found: list[Mark], seen: Seen) -> bool:
    """All that must be legible is read, and what is read is right; contrast to 4 hundredths."""
    must = {shot for shot, (_, contrast) in seen.items() if contrast > LEGIBLE + 0.05}
    told = all(
        mark.shot in seen and seen[mark.shot][0] == mark.frame and abs(seen[mark.shot][1] - mark.contrast) < 0.04
        for mark in found
    )
    return told and must <= {mark.shot for mark in found}


@pytest.mark.parametrize("rate", RATES)
def test_every_frame_of_the_file_is_the_one_that_arithmetic_says(rate: str, tmp_path: Path) -> None:
    """With a leader, cuts, dissolves and a dip, to the frame of each clip; and each stands at its number / rate."""
    planned, path, _ = scene(rate, tmp_path)
    frames = [(time, read(luma)) for time, luma in lumas(path)]
    assert_seen([marks for _, marks in frames], arithmetic(EXACT[rate], SHOTS, LEADER))
    late = {index: time for index, (time, _) in enumerate(frames) if time != index / EXACT[rate]}
    assert not late, f"frames not at k / rate: {late}"
    report = inspect.inspect(path, planned.delivery.inspect)
    assert not report.problems, report.problems


@pytest.mark.parametrize(
    ("codec", "facts"),
    [
        ("hevc", {"profile": "main", "crf": 20}),
        ("av1", {"profile": "main", "pix_fmt": "yuv420p10le", "crf": 25, "bframes": 0}),
        ("prores", {"profile": "hq", "pix_fmt": "yuv422p10le", "container": "mov", "gop_seconds": 0.0}),
        ("h264", {"bitrate": 2_000_000, "maxrate": 3_000_000, "bufsize": 4_000_000, "bframes": 3, "gop_seconds": 0.5}),
        ("h264", {"crf": 18, "closed_gop": False, "bframes": 2, "audio": "wanted"}),
    ],
)
def test_segments_of_every_codec_join_to_the_frame(
    codec: str, facts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Origin.model_validate({"name": "tests", "trust": "ours", "seen": "2026-11-21"})
    told: dict[str, Any] = {"name": "other", "about": "", "source": source, "width": 320, "height": 180, "codec": codec}
    known = {**presets(), "other": Preset.model_validate(told | facts)}
    for user in ("manifests.presets", "manifests.preset_names"):
        monkeypatch.setattr(f"{user}.presets", lambda: known)
    planned, path, _ = scene("23.976", tmp_path, preset="other")
    frames = [(time, read(luma)) for time, luma in lumas(path)]
    assert_seen([marks for _, marks in frames], arithmetic(EXACT["23.976"], SHOTS, LEADER))
    assert [time for time, _ in frames] == [index / EXACT["23.976"] for index in range(len(frames))]
    report = inspect.inspect(path, planned.delivery.inspect)
    assert not report.problems, report.problems


def test_joining_copies_every_packet_in_its_order(tmp_path: Path) -> None:
    """No byte of picture is encoded again, and decoders get them as they were."""
    _, path, made = scene("29.97", tmp_path)

    def packets(file: Path) -> list[tuple[bytes, bool]]:
        with av.open(str(file)) as container:
            return [(bytes(one), one.is_keyframe) for one in container.demux(video=0) if one.size]

    with av.open(str(path)) as container:
        told = [(one.stream.type, one.dts) for one in container.demux() if one.size]
    for kind in ("video", "audio"):
        order = [dts for stream, dts in told if stream == kind]
        assert all(dts is not None for dts in order) and order == sorted(set(order), key=lambda dts: dts or 0)
    assert packets(path) == [packet for one in made for packet in packets(one)]


def test_a_joined_file_that_holds_other_pictures_is_refused(tmp_path: Path) -> None:
    planned, path, made = scene("24", tmp_path)
    with pytest.raises(EngineError, match="other pictures than were joined"):
        inspect_joined(path, planned.delivery, "0" * 64, cancelled=lambda: False)
    assert not path.exists()
    with pytest.raises(EngineError, match="FRAME_COUNT"):
        inspect_segment(made[1], planned.delivery, 7, cancelled=lambda: False)
    assert not made[1].exists()


def test_a_scene_without_leader_begins_with_its_first_shot(tmp_path: Path) -> None:
    _, path, _ = scene("25", tmp_path, leader=0)
    frames = [(time, read(luma)) for time, luma in lumas(path)]
    assert frames[0][0] == 0
    assert_seen([marks for _, marks in frames], arithmetic(EXACT["25"], SHOTS, 0))


def test_a_missing_shot_takes_no_frame_of_its_neighbours(tmp_path: Path) -> None:
    """A card stands from the cut before to the cut after, dissolves included; the others are where they were."""
    shots = [row(f"a{number}", number, **one) for number, one in enumerate(SHOTS, start=1)]
    told: dict[str, Any] = {"rate": "24", "leader": LEADER, "speed": "draft"}
    planned = plan(shots, **told)
    clips = {
        key: marked_clip(tmp_path / f"{key}.mp4", planned, number, frames)
        for number, (key, frames) in enumerate(frames_of_clips(cut(shots, **told)[0]).items(), start=1)
        if key != "a3"
    }
    path, _, _ = assembled(planned, clips, tmp_path / "scene", missing={"a3": "it failed"})
    wanted = arithmetic(EXACT["24"], SHOTS, LEADER)
    marks = [read(luma) for _, luma in lumas(path)]
    for index, (found, seen) in enumerate(zip(marks, wanted, strict=True)):
        if 3 in seen:
            continue  # the card's letters may look like anything
        assert _same(found, seen), f"frame {index}: read {found}, wanted {seen}"
