"""The sound of a scene: every sound at its place, one loudness for all, silence where there is none."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from models.errors import EngineError
from tasks.errors import Cancelled
from tasks.scene.recipe import MixRecipe

SAMPLES = 48_000
"""A second."""
PRIMING = 1024
"""Samples that the AAC encoder puts before the first one. Without an edit list they are heard, so that many of the mix
are left out: picture and sound stay together, and a fiftieth of a second at the very beginning is lost."""
PEAK = -1.5
"""dBFS that no sample goes above once all is made louder (EBU R 128 s1)."""
_SILENT = -70.0
"""LUFS below which nothing is heard, and nothing is to be made louder."""
_POLL_SECONDS = 0.2


class MixError(EngineError):
    """A scene's sound could not be mixed. The code is `MIX_FAILED`."""

    code = "MIX_FAILED"


def mix(
    recipe: MixRecipe,
    sounds: Mapping[str, Path],
    path: Path,
    *,
    ffmpeg: Path,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """Write the mix as AAC in an `.m4a` at `path`; `sounds` are its inputs by role. Returns what was measured.

    Loudness is measured in a pass of its own and then changed by one gain for all, so that quiet stays quiet; only
    peaks that would clip are held down. Not `loudnorm`: it rides the gain wherever loudness varies, and is seven times
    as slow. Raises MixError, `tasks.errors.Cancelled`.
    """
    measured: dict[str, float] = {}
    levelled = "anull"
    if recipe.tracks and recipe.loudness is not None:
        said = _run(ffmpeg, recipe, sounds, "ebur128=framelog=quiet", ["-f", "null", "-"], cancelled)
        measured = {"loudness_lufs": _measured(said)}
        if measured["loudness_lufs"] > _SILENT:
            measured["gain_db"] = round(recipe.loudness - measured["loudness_lufs"], 2)
            limited = f"alimiter=limit={10 ** (PEAK / 20):.4f}:attack=5:release=50:level=false:latency=true"
            levelled = f"volume={measured['gain_db']}dB,{limited}"
    written = ["-c:a", "aac", "-b:a", str(recipe.bitrate), "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    target = [*written, "-map_metadata", "-1", "-f", "mp4", f"file:{path}"]
    _run(ffmpeg, recipe, sounds, f"{levelled},aresample={SAMPLES}", target, cancelled)
    return measured


def samples_of(frames: int, rate: Fraction) -> int:
    """Samples that so many frames play."""
    return round(frames / rate * SAMPLES)


def _graph(recipe: MixRecipe, levelled: str) -> str:
    """Every track at its sample and gain, summed without turning anything down, over silence as long as the scene."""
    lines = [f"anullsrc=channel_layout=stereo:sample_rate={SAMPLES},atrim=end_sample={recipe.samples}[s]"]
    for number, track in enumerate(recipe.tracks):
        place = f"adelay=delays={track.sample}S:all=1"
        lines.append(
            f"[{number}:a:0]aresample={SAMPLES},aformat=channel_layouts=stereo,volume={track.gain}dB,{place}[t{number}]"
        )
    names = "".join(f"[t{number}]" for number in range(len(recipe.tracks)))
    count = len(recipe.tracks) + 1
    summed = f"[s]{names}amix=inputs={count}:duration=first:normalize=0:dropout_transition=0" if names else "[s]anull"
    lines.append(
        f"{summed},atrim=start_sample={PRIMING}:end_sample={recipe.samples},asetpts=PTS-STARTPTS,{levelled}[out]"
    )
    return ";".join(lines)


def _run(
    ffmpeg: Path,
    recipe: MixRecipe,
    sounds: Mapping[str, Path],
    levelled: str,
    target: list[str],
    cancelled: Callable[[], bool],
) -> str:
    local = ("-protocol_whitelist", "file,pipe")  # said before every input, for it holds for the next one only
    inputs = [word for track in recipe.tracks for word in (*local, "-i", f"file:{sounds[track.sound]}")]
    head = [str(ffmpeg), "-hide_banner", "-nostdin", "-nostats", "-y"]
    argv = [*head, *inputs, "-filter_complex", _graph(recipe, levelled), "-map", "[out]", *target]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True) as process:
        try:
            said = _heard(process, cancelled)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        lines = [line for line in said.splitlines() if line.strip()] or ["nothing"]
        raise MixError(f"mix: ffmpeg ended with status {process.returncode}: {lines[-1]}", evidence=said[-16_384:])
    return said


def _heard(process: subprocess.Popen[bytes], cancelled: Callable[[], bool]) -> str:
    """What ffmpeg says until it ends; asked meanwhile whether anybody still wants it."""
    while True:
        try:
            return process.communicate(timeout=_POLL_SECONDS)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            if cancelled():
                raise Cancelled("mix: cancelled before it was written") from None
            time.sleep(0)


def _measured(said: str) -> float:
    """The integrated loudness that `ebur128` tells last."""
    found = re.findall(r"\bI:\s+(-?[\d.]+) LUFS", said)
    if not found:
        raise MixError("mix: no loudness was measured", evidence=said[-16_384:])
    return float(found[-1])
