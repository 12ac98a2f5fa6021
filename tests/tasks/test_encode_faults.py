"""An encoder that is killed, hangs, refuses or is called off says why, and leaves nothing."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.clip import Clip, Frame
from models.errors import Killed
from tasks.encode import EncodeError, Output, encode, versions
from tasks.errors import Cancelled, decide
from tests.tasks.encoding import FFMPEG, SECOND, bars, moving, planes_of, recipe


def test_an_encoder_that_is_killed_while_it_tells_its_version_is_not_missing(tmp_path: Path) -> None:
    ffmpeg = tmp_path / "ffmpeg"
    own_session = "read -r _ _ _ _ _ session _ < /proc/$$/stat\n[ $session = $$ ] || exit 3"
    ffmpeg.write_text(f"#!/bin/sh\n{own_session}\nkill -TERM $$\n")
    ffmpeg.chmod(0o755)
    with pytest.raises(Killed, match="was killed while"):  # and in a session of its own: no group's signal reaches it
        versions(ffmpeg, "h264")
    assert decide(Killed("so")).action == "again"


def test_killed_ffmpeg_leaves_its_words_and_nothing_else(tmp_path: Path) -> None:
    children: list[int] = []

    def deadly() -> Iterator[Frame]:
        for index, frame in enumerate(moving(Clip(320, 180, Fraction(30), 300))):
            if index == 40:
                children.extend(child_processes())
                for child in children:
                    os.kill(child, signal.SIGKILL)
            yield frame

    clip = Clip(320, 180, Fraction(30), 300)
    with pytest.raises(EncodeError) as failed:
        encode(deadly(), clip, [Output(recipe(clip=clip), tmp_path / "a.mp4")], ffmpeg=FFMPEG)
    assert failed.value.returncode == -signal.SIGKILL and "signal 9" in str(failed.value)
    assert str(FFMPEG) in failed.value.argv[0]
    assert len(children) == 1 and not child_processes(), "a zombie is left"
    assert not list(tmp_path.iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name == "ffmpeg-stderr"]


def child_processes() -> list[int]:
    """Children of this process named ffmpeg, zombies too."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = stat.read_text().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "ffmpeg" in name and int(rest.split()[1]) == os.getpid():
            found.append(int(stat.parent.name))
    return found


def test_ffmpeg_that_refuses_says_why(tmp_path: Path) -> None:
    broken = recipe(speed="no-such-speed")
    with pytest.raises(EncodeError) as failed:
        encode(moving(SECOND), SECOND, [Output(broken, tmp_path / "a.mp4")], ffmpeg=FFMPEG)
    assert "no-such-speed" in failed.value.stderr_tail and failed.value.returncode not in (0, None)
    assert failed.value.evidence and not list(tmp_path.iterdir())


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "a.mp4").symlink_to("/dev/full")
    with pytest.raises(EncodeError) as failed:
        encode(moving(SECOND), SECOND, [Output(recipe(crf=1), tmp_path / "a.mp4")], ffmpeg=FFMPEG)
    assert failed.value.code == "DISK_FULL", failed.value.stderr_tail
    assert not list(tmp_path.iterdir()) and Path("/dev/full").exists()


def test_cancel_stops_between_frames_and_leaves_nothing(tmp_path: Path) -> None:
    stop = threading.Event()
    clip = Clip(320, 180, Fraction(30), 10_000)

    def endless() -> Iterator[Frame]:
        for index in itertools.count():
            if index == 20:
                stop.set()
            yield bars()

    with pytest.raises(Cancelled):
        encode(endless(), clip, [Output(recipe(clip=clip), tmp_path / "a.mp4")], ffmpeg=FFMPEG, cancelled=stop.is_set)
    assert not list(tmp_path.iterdir()) and not child_processes()


def test_cancel_reaches_an_encoder_that_hangs(tmp_path: Path) -> None:
    hanging = tmp_path / "ffmpeg"
    hanging.write_text("#!/bin/sh\nexec sleep 1000\n")
    hanging.chmod(0o755)
    until = time.monotonic() + 1
    out = tmp_path / "out"
    out.mkdir()
    clip = Clip(1280, 720, Fraction(30), 30)
    with pytest.raises(Cancelled):
        encode(
            moving(clip),
            clip,
            [Output(recipe(clip=clip), out / "a.mp4")],
            ffmpeg=hanging,
            cancelled=lambda: time.monotonic() > until,
        )
    assert not list(out.iterdir())


@pytest.mark.parametrize("frames", [0, 29, 31])
def test_more_or_fewer_frames_than_announced_are_an_error(frames: int, tmp_path: Path) -> None:
    with pytest.raises(EncodeError) as failed:
        encode(itertools.repeat(bars(), frames), SECOND, [Output(recipe(), tmp_path / "a.mp4")], ffmpeg=FFMPEG)
    assert failed.value.code == "FRAME_COUNT" and "30" in str(failed.value)
    assert not list(tmp_path.iterdir())


def test_an_error_in_the_frames_passes_through_and_leaves_nothing(tmp_path: Path) -> None:
    def poisoned() -> Iterator[Frame]:
        yield from itertools.repeat(bars(), 5)
        raise ZeroDivisionError("from the engine")

    with pytest.raises(ZeroDivisionError, match="from the engine"):
        encode(poisoned(), SECOND, [Output(recipe(), tmp_path / "a.mp4")], ffmpeg=FFMPEG)
    assert not list(tmp_path.iterdir()) and not child_processes()


@pytest.mark.parametrize(
    "frame", [np.zeros((180, 318, 3), np.uint8), np.zeros((180, 320, 3), np.float32), planes_of(bars())]
)
def test_a_frame_of_another_kind_is_refused(frame: Any, tmp_path: Path) -> None:
    with pytest.raises(EncodeError) as failed:
        encode([bars(), frame], SECOND, [Output(recipe(), tmp_path / "a.mp4")], ffmpeg=FFMPEG)
    assert failed.value.code == "WRONG_SIZE"


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": "25"},
        {"frames": 31},
        {"width": 180, "height": 180},
        {"poster_at": 30},
        {"codec": "ffv1"},
        {"pix_fmt": "rgb24,drawtext=text=x"},
        {"width": 319},
    ],
)
def test_recipes_that_do_not_fit_the_clip_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(EncodeError) as failed:
        encode([bars()], SECOND, [Output(recipe(**changes), tmp_path / "a.mp4")], ffmpeg=FFMPEG)
    assert failed.value.code == "BAD_RECIPE" and not list(tmp_path.iterdir())
