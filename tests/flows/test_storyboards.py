"""Boards go in, an animatic comes out: whole scenes as people run them."""

from __future__ import annotations

import json
import math
import re
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from flows.cli import command
from tests.workroom import Workroom, index_of

Said = pytest.CaptureFixture[str]
RATE = 24
SAID = ("MIRA: Not tonight.", "МАРИЯ: Не сегодня, нет.", "ミラ：今夜はだめ。", "ميرا: ليس الليلة.")
PANELS = 40
MISSING, ZERO, LONG, BROKEN = 7, 19, 23, 31


def tone(path: Path, seconds: float = 0.4) -> Path:
    """A sine of 440 Hz, mono, 16 bit."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        at = np.arange(round(48_000 * seconds))
        file.writeframes((8000 * np.sin(2 * math.pi * 440 * at / 48_000)).astype("<i2").tobytes())
    return path


def panels(home: Workroom) -> list[dict[str, Any]]:
    """Forty rows with sound and dialogue in four scripts; one lacks its picture, one has no length."""
    rows: list[dict[str, Any]] = []
    for number in range(PANELS):
        if number != MISSING:
            home.picture(f"{number:02}.png", number, size=(320, 180))
        row = {
            "id": f"p{number:02}",
            "source": f"{number:02}.png",
            "seconds": 0 if number == ZERO else 0.5 + 0.05 * (number % 3),
            "dialogue": SAID[number % len(SAID)],
            "panel": str(number + 1),
            "title": "A title that goes on and on, " * 7 if number == LONG else f"Panel {number + 1}",
        }
        sound = "broken.wav" if number == BROKEN else "tone.wav" if number % 4 == 0 else ""
        rows.append(row | ({"sound": {"path": sound}} if sound else {}))
    return rows


@pytest.mark.slow
@pytest.mark.usefixtures("small")
@pytest.mark.promise("a bad item never stops a batch")
def test_a_scene_of_forty_panels_is_told_clearly_and_the_rest_is_delivered(
    home: Workroom, prefect_server: str, capsys: Said
) -> None:
    tone(home.folder / "tone.wav")
    (home.folder / "broken.wav").write_bytes(b"no sound at all" * 100)
    rows = panels(home)
    burned = {
        "top_left": "shot",
        "top": "title",
        "top_right": "timecode",
        "bottom": "dialogue",
        "bottom_right": "frame",
    }
    scene = {"preset": "small_wide", "rate": RATE, "speed": "draft", "leader": 1, "burn_in": burned}
    manifest = home.manifest(rows, kind="storyboard", scenes={"rooftop": scene})
    assert command(["plan", str(manifest)]) == 1
    planned = capsys.readouterr().out
    assert "scene rooftop  39 shots" in planned and "its sound 'broken.wav' is left out" in planned
    assert command(["run", str(manifest)]) == 1
    printed = capsys.readouterr()
    told = printed.out + printed.err
    assert "'p07'" in told and "PICTURE_MISSING" in told
    assert "'p19'" in told and "OUT_OF_RANGE" in told
    assert "note" in printed.err and "item 'p31': its sound 'broken.wav' is left out" in told
    assert "survived SOUND_UNREADABLE (1 time)" in told
    index = index_of(home.folder / "out")
    states = {row["id"]: row["state"] for row in index}
    assert {one for one, state in states.items() if state != "done"} == {"p07", "p19"}
    assert len(states) == PANELS + 1 and states["rooftop"] == "done"

    file = home.folder / "out" / "rooftop_v001.mp4"
    lengths = [row["seconds"] for row in rows if row["id"] != "p19"]  # nobody knows how long that one is
    frames = RATE + math.floor(sum(round(one * 100) for one in lengths) * RATE / 100 + 0.5)
    with av.open(str(file)) as container:
        assert sum(1 for _ in container.decode(video=0)) == frames
        assert container.streams.audio and container.streams.subtitles
    cues = file.with_suffix(".srt").read_text(encoding="utf-8")
    assert all(line in cues for line in SAID)
    assert cues.count("-->") == PANELS - 1, "a missing picture does not take its words along"
    assert file.with_suffix(".vtt").read_text(encoding="utf-8").startswith("WEBVTT")
    assert file.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_an_edit_comes_back_and_only_what_changed_is_made(home: Workroom, prefect_server: str, capsys: Said) -> None:
    for number in range(4):
        home.picture(f"{number}.png", number, size=(320, 180))
    rows = [{"id": f"p{number}", "source": f"{number}.png", "seconds": 1} for number in range(4)]
    scene = {"preset": "small_wide", "rate": RATE, "speed": "draft"}
    manifest = home.manifest(rows, kind="storyboard", scenes={"roof": scene})
    assert command(["run", str(manifest)]) == 0
    folder = home.folder / "editor"
    assert command(["export", str(folder), "--editor", "--handles", "4"]) == 0
    moved = folder.rename(home.folder / "moved")
    assert sorted(path.name for path in (moved / "media").iterdir()) == [f"SQ010_SH00{n}0.mov" for n in (1, 2, 3, 4)]

    head, *shots = (moved / "roof.edl").read_text(encoding="utf-8").strip().split("\n\n")
    assert len(shots) == 4, shots
    edited = [
        re.sub(r"01:00:\d\d:00 01:00:\d\d:00", f"01:00:0{at}:00 01:00:0{at + 1}:00", shots[number])
        for at, number in enumerate((2, 0, 3))
    ]
    (moved / "edited.edl").write_text("\n\n".join([head, *edited]) + "\n", encoding="utf-8")
    capsys.readouterr()
    before = manifest.read_bytes()
    assert command(["import", str(moved / "edited.edl"), "--conform", str(manifest), "--scene", "cellar"]) == 2
    refused = capsys.readouterr().err
    assert all(word in refused for word in ("WHICH_SCENE", "'roof'", "'cellar'")) and manifest.read_bytes() == before
    assert command(["import", str(moved / "edited.edl"), "--conform", str(manifest), "--scene", "roof"]) == 0
    assert "SQ010_SH0020" in capsys.readouterr().out
    assert command(["run", str(manifest), "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    made = {total["stage"]: total["made"] for total in done["status"]["stages"]}
    assert not made.get("animate"), "a shot whose length did not change was made again"
    with av.open(str(home.folder / "out" / "roof_v002.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == (2 + 3) * RATE
