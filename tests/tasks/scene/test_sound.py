"""The mix of a scene: every sound on its frame, also after an hour; one loudness; silence where there is none."""

from __future__ import annotations

import signal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tasks.encode import ffmpeg_path
from tasks.errors import Cancelled, decide
from tasks.scene.join import join
from tasks.scene.mix import PRIMING, SAMPLES, MixError, mix, samples_of
from tasks.scene.recipe import AssembleRecipe, CueRecipe, MixRecipe, TrackRecipe
from tests.tasks.encoding import recipe
from tests.tasks.scene.cutting import EXACT, RATES, plan, rows
from tests.tasks.scene.marks import marked_clip
from tests.tasks.scene.sounding import click, heard, loudness, noise, onsets, written

pytestmark = pytest.mark.usefixtures("small")
FRAME = 1 / 30


def mixed(folder: Path, told: MixRecipe, sounds: dict[str, Path]) -> tuple[Path, dict[str, float]]:
    """The mix as it lies in a joined file, beside a second of picture."""
    planned = plan(rows(1.0), rate=30, speed="draft")
    segment = marked_clip(folder / "segment.mp4", planned, 1, 30)
    sound, path = folder / "mix.m4a", folder / "joined.mp4"
    measured = mix(told, sounds, sound, ffmpeg=ffmpeg_path())
    whole = AssembleRecipe(encode=planned.delivery.encode, segments=(30,), cues=(), poster_at=0)
    join(whole, [segment], sound, path, ffmpeg=ffmpeg_path())
    return path, measured


def mix_recipe(seconds: float, *tracks: TrackRecipe, loudness: float | None = None) -> MixRecipe:
    return MixRecipe(tracks=tracks, samples=round(seconds * SAMPLES), loudness=loudness, bitrate=192_000)


def track(sound: str, at: float, gain: float = 0.0) -> TrackRecipe:
    return TrackRecipe(sound=sound, gain=gain, sample=round(at * SAMPLES))


@pytest.mark.parametrize("level", [None, -16.0])
def test_clicks_are_heard_where_they_were_put(level: float | None, tmp_path: Path) -> None:
    """Of one sound used twice and of one at another sample rate, with levelling and without."""
    sounds = {"a": click(tmp_path, 0.25, 0.5), "b": click(tmp_path, 0.1, 0.5, 44_100, "b.wav")}
    told = mix_recipe(8, track("a", 0.5), track("b", 2.0, -6), track("a", 5.0), loudness=level)
    path, _ = mixed(tmp_path, told, sounds)
    found, wanted = onsets(path, 0.02), [0.75, 2.1, 5.25]
    assert len(found) == 3, found
    late = [round((one - want) * 1000, 2) for one, want in zip(found, wanted, strict=True)]
    assert max(map(abs, late)) < FRAME * 1000 / 2, f"ms late: {late}"


@pytest.mark.slow
def test_after_an_hour_sound_is_still_on_its_frame(tmp_path: Path) -> None:
    sounds = {"a": click(tmp_path, 0.25, 0.5)}
    places = [0.5, 1799.75, 3598.0]
    told = mix_recipe(3600, *(track("a", at) for at in places), loudness=-16.0)
    path, _ = mixed(tmp_path, told, sounds)
    found = onsets(path)
    late = [round((one - want - 0.25) * 1000, 2) for one, want in zip(found, places, strict=True)]
    assert max(map(abs, late)) < FRAME * 1000 / 2, f"ms late: {late}"


@pytest.mark.parametrize("rate", RATES)
def test_sound_is_as_long_as_its_frames(rate: str, tmp_path: Path) -> None:
    """To a block of the coder, 21 ms, whatever the rate."""
    frames = 250
    samples = samples_of(frames, EXACT[rate])
    assert abs(Fraction(samples, SAMPLES) - frames / EXACT[rate]) <= Fraction(1, 2 * SAMPLES)
    path, _ = mixed(tmp_path, MixRecipe(tracks=(), samples=samples, loudness=None, bitrate=192_000), {})
    *_, (begin, last) = heard(path)
    found = begin + last.size / SAMPLES
    assert abs(found - float(frames / EXACT[rate])) < 1024 / SAMPLES, f"{found} s for {float(frames / EXACT[rate])} s"


@pytest.mark.parametrize("target", [-16.0, -23.0, -30.0])
@pytest.mark.parametrize("given", [-35.0, -12.0])
def test_loudness_is_brought_to_its_target(given: float, target: float, tmp_path: Path) -> None:
    sounds = {"a": noise(tmp_path, 12, given)}
    path, measured = mixed(tmp_path, mix_recipe(12, track("a", 0), loudness=target), sounds)
    found = loudness(path)
    assert abs(found - target) < 1, f"{found} LUFS, wanted {target}; measured before: {measured}"


def test_loudness_is_left_alone_where_it_is_off(tmp_path: Path) -> None:
    sound = noise(tmp_path, 8, -20)
    path, measured = mixed(tmp_path, mix_recipe(8, track("a", 0, -3)), {"a": sound})
    before, after = loudness(sound), loudness(path)
    assert abs(after - (before - 3)) < 0.5 and measured == {}, f"{before} became {after} LUFS"


def test_quiet_stays_quiet_beside_loud(tmp_path: Path) -> None:
    """One gain for all: levelling does not bring a whisper up to a shout."""
    sounds = {"a": noise(tmp_path, 20, -14, "loud.wav"), "b": noise(tmp_path, 20, -38, "quiet.wav")}
    told = mix_recipe(40, track("a", 0), track("b", 20), loudness=-20)
    path, measured = mixed(tmp_path, told, sounds)
    levels = {"loud": [0.0], "quiet": [0.0]}
    for begin, samples in heard(path):
        if 4 < begin < 18 or 26 < begin < 38:
            levels["loud" if begin < 20 else "quiet"].append(float(np.mean(samples**2)))
    apart = 10 * np.log10(np.mean(levels["loud"]) / np.mean(levels["quiet"]))
    assert abs(apart - 24) < 1.5, f"{apart:.1f} dB apart, wanted 24; measured before: {measured}"


def test_two_sounds_at_once_are_added(tmp_path: Path) -> None:
    sounds = {"a": noise(tmp_path, 4, -26)}
    one, _ = mixed(tmp_path, mix_recipe(4, track("a", 0)), sounds)
    alone = loudness(one)
    two, _ = mixed(tmp_path, mix_recipe(4, track("a", 0), track("a", 0)), sounds)
    assert abs(loudness(two) - alone - 6) < 0.5, "nothing is turned down for the company it has"


def test_where_there_is_no_sound_there_is_silence(tmp_path: Path) -> None:
    sounds = {"a": click(tmp_path, 0.0, 0.2)}
    silent, measured = mixed(tmp_path, mix_recipe(3, loudness=-16), {})
    assert max(float(samples.max()) for _, samples in heard(silent)) == 0 and measured == {}
    path, _ = mixed(tmp_path, mix_recipe(6, track("a", 3.0), loudness=-16), sounds)
    before = max(float(samples.max()) for begin, samples in heard(path) if begin < 2.9)
    after = max(float(samples.max()) for begin, samples in heard(path) if 3.4 < begin < 5.9)
    assert before < 1e-3 and after < 1e-3, (before, after)
    quiet = written(tmp_path / "quiet.wav", np.zeros((SAMPLES, 2)))
    nothing, _ = mixed(tmp_path, mix_recipe(2, track("q", 0), loudness=-16), {"q": quiet})
    assert max(float(samples.max()) for _, samples in heard(nothing)) < 1e-4, "silence is not made louder"


def test_a_sound_longer_than_the_scene_is_cut_and_one_behind_its_end_is_not_heard(tmp_path: Path) -> None:
    sounds = {"a": noise(tmp_path, 9, -20)}
    path, _ = mixed(tmp_path, mix_recipe(4, track("a", 1), track("a", 30)), sounds)
    *_, (begin, last) = heard(path)
    assert abs(begin + last.size / SAMPLES - 4) < 1024 / SAMPLES


@pytest.mark.slow
def test_a_thousand_sounds_of_three_hundred_files_are_each_heard_once(tmp_path: Path) -> None:
    """A door that slams again and again is one file: it is opened once, and a few sounds are mixed at a time."""
    called = tmp_path / "called"
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {called}\nexec {ffmpeg_path()} "$@"\n')
    ffmpeg.chmod(0o755)
    sounds = {f"sound-{number}": click(tmp_path, 0.05, 0.1, name=f"{number:064}.wav") for number in range(300)}
    told = mix_recipe(101, *(track(f"sound-{number * 7 % 300}", number / 5, -6) for number in range(500)))
    told = told.model_copy(update={"tracks": (*told.tracks, *told.tracks)})
    mix(told, sounds, tmp_path / "mix.m4a", ffmpeg=ffmpeg)
    found = onsets(tmp_path / "mix.m4a")
    late = [one + PRIMING / SAMPLES - number / 5 - 0.05 for number, one in enumerate(found)]
    assert len(found) == 500 and max(map(abs, late)) < FRAME / 2, f"{len(found)} heard, late: {late[:5]}"
    commands = called.read_text().splitlines()
    assert max(command.count(" -i ") for command in commands) <= 64
    assert max(map(len, commands)) < 131_072, "Linux takes no longer argument"


def test_a_file_that_is_no_sound_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF and then nothing of it")
    with pytest.raises(MixError) as caught:
        mix(mix_recipe(2, track("a", 0)), {"a": broken}, tmp_path / "mix.m4a", ffmpeg=ffmpeg_path())
    assert caught.value.evidence and caught.value.returncode
    assert decide(caught.value).action == "fail" and [*tmp_path.iterdir()] == [broken]


def test_mixing_that_somebody_kills_is_tried_again_without_charge(tmp_path: Path) -> None:
    killed = tmp_path / "ffmpeg"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    with pytest.raises(MixError) as caught:
        mix(mix_recipe(2), {}, tmp_path / "mix.m4a", ffmpeg=killed)
    assert caught.value.returncode == -signal.SIGKILL and "signal 9" in str(caught.value)
    assert decide(caught.value).action == "again"


def test_mixing_stops_when_nobody_wants_it_any_more(tmp_path: Path) -> None:
    sounds = {"a": click(tmp_path, 0.25, 0.5)}
    with pytest.raises(Cancelled):
        told = mix_recipe(7200, track("a", 0))
        mix(told, sounds, tmp_path / "mix.m4a", ffmpeg=ffmpeg_path(), cancelled=lambda: True)
    assert [path.name for path in tmp_path.iterdir()] == ["click.wav"]


def test_subtitles_are_shown_while_their_shot_is(tmp_path: Path) -> None:
    rate = EXACT["23.976"]
    planned = plan(rows(5.0), rate="23.976", speed="draft")
    segment = marked_clip(tmp_path / "segment.mp4", planned, 1, 120)
    cues = (
        CueRecipe(first=12, frames=36, text="Hello <b>there</b> & --> all"),
        CueRecipe(first=96, frames=20, text="é 漢"),
    )
    sound = tmp_path / "mix.m4a"
    mix(mix_recipe(float(120 / rate)), {}, sound, ffmpeg=ffmpeg_path())
    whole = AssembleRecipe(encode=recipe(), segments=(120,), cues=cues, poster_at=0).model_copy(
        update={"encode": planned.delivery.encode}
    )
    join(whole, [segment], sound, tmp_path / "joined.mp4", ffmpeg=ffmpeg_path())
    shown: list[tuple[float, float, str]] = []
    with av.open(str(tmp_path / "joined.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio", "subtitle"]
        for packet in container.demux(subtitles=0):
            if packet.size > 2 and packet.pts is not None:
                text = bytes(packet)[2 : 2 + int.from_bytes(bytes(packet)[:2], "big")].decode()
                begin = float(packet.pts * packet.time_base)
                shown.append((begin, begin + float((packet.duration or 0) * packet.time_base), text))
    assert len(shown) == 2, shown
    for (begin, end, text), cue in zip(shown, cues, strict=True):
        assert abs(begin - cue.first / rate) < 0.002 and abs(end - (cue.first + cue.frames) / rate) < 0.002, shown
        assert text.replace("→", "-->").replace("\n", " ").split()[0] == cue.text.split()[0]
