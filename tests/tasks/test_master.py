"""Masters: bit for bit there and back, the same bytes each time, damage noticed, memory flat."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from models.clip import Clip, Frame
from tasks.encode import EncodeError, ffmpeg_path
from tasks.errors import Cancelled
from tasks.master import MasterDamaged, read_master, tee_master, write_master

FFMPEG = ffmpeg_path()
CLIP = Clip(192, 108, Fraction(30000, 1001), 9)


def noise(clip: Clip, seed: int = 0) -> list[Frame]:
    pixels = np.random.default_rng(seed).integers(0, 256, (clip.frames, clip.height, clip.width, 3), np.uint8)
    return list(pixels)


@pytest.mark.parametrize(
    "clip", [CLIP, Clip(33, 17, Fraction(7), 4), Clip(8, 8, Fraction(24000, 1001), 1), Clip(1024, 576, Fraction(7), 3)]
)
def test_frames_and_header_come_back_bit_for_bit(clip: Clip, tmp_path: Path) -> None:
    frames = noise(clip)
    size = write_master(frames, clip, tmp_path / "m.mkv", ffmpeg=FFMPEG)
    assert size == (tmp_path / "m.mkv").stat().st_size
    header, back = read_master(tmp_path / "m.mkv")
    assert header == clip
    differing = [i for i, (a, b) in enumerate(itertools.zip_longest(back, frames)) if not np.array_equal(a, b)]
    assert differing == []


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mkv"):
        write_master(noise(CLIP), CLIP, tmp_path / name, ffmpeg=FFMPEG)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def test_teed_frames_pass_unchanged_and_the_file_is_whole_with_the_last(tmp_path: Path) -> None:
    frames = noise(CLIP)
    stream = tee_master(frames, CLIP, tmp_path / "m.mkv", ffmpeg=FFMPEG)
    passed = [next(stream) for _ in frames]
    assert all(a is b for a, b in zip(passed, frames, strict=True))
    assert len(list(read_master(tmp_path / "m.mkv")[1])) == CLIP.frames
    assert next(stream, None) is None


def test_a_reader_that_stops_early_leaves_no_master(tmp_path: Path) -> None:
    def stream() -> Iterator[Frame]:
        yield from noise(CLIP)

    teed = tee_master(stream(), CLIP, tmp_path / "m.mkv", ffmpeg=FFMPEG)
    next(teed)
    teed.close()  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [0, 8, 10])
def test_another_number_of_frames_leaves_no_master(count: int, tmp_path: Path) -> None:
    frames = itertools.islice(itertools.cycle(noise(CLIP)), count)
    with pytest.raises(EncodeError) as failed:
        write_master(frames, CLIP, tmp_path / "m.mkv", ffmpeg=FFMPEG)
    assert failed.value.code == "FRAME_COUNT" and not list(tmp_path.iterdir())


def test_cancel_leaves_no_master(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        write_master(noise(CLIP), CLIP, tmp_path / "m.mkv", ffmpeg=FFMPEG, cancelled=lambda: True)
    assert not list(tmp_path.iterdir())


def test_a_short_or_foreign_file_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "m.mkv"
    write_master(noise(CLIP), CLIP, path, ffmpeg=FFMPEG)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    header, frames = read_master(path)
    assert header == CLIP
    with pytest.raises(MasterDamaged, match="9"):
        list(frames)
    path.write_text("not a video")
    with pytest.raises(MasterDamaged) as damaged:
        read_master(path)
    assert damaged.value.code == "MASTER_DAMAGED" and damaged.value.remedy


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    def there_and_back(count: int) -> int:
        clip = Clip(640, 360, Fraction(30), count)
        picture = np.full((360, 640, 3), 90, np.uint8)
        write_master(itertools.repeat(picture, count), clip, tmp_path / "m.mkv", ffmpeg=FFMPEG)
        assert sum(1 for _ in read_master(tmp_path / "m.mkv")[1]) == count
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    first = there_and_back(30)
    grown_mib = (there_and_back(240) - first) / 1024
    assert grown_mib < 40, f"peak grew by {grown_mib:.0f} MiB; 240 frames are 158 MiB"
