"""The sound of a scene: every sound at its place, one loudness for all, silence where there is none."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tasks.encode import EncodeError
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
_TOGETHER = 64
"""Sounds that are summed at once: each is awake until the last of them has begun, so that thousands at once would take
the square of the time, more open files than a process may have, and more words than a command."""
_POLL_SECONDS = 0.2
_TAIL_CHARACTERS = 16_384


class MixError(EncodeError):
    """A scene's sound could not be mixed; keeps what every EncodeError keeps. The code is `MIX_FAILED`."""

    code = "MIX_FAILED"


@dataclass(frozen=True)
class _Placed:
    """A sound, decibels, and the sample of the mix with which it begins."""

    file: Path
    gain: float
    sample: int


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
    as slow. What it works on lies beside `path` meanwhile; on any error nothing is left there.

    Raises MixError, `tasks.errors.Cancelled`.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="mix-") as folder:
        call = _Call(ffmpeg, recipe.samples, cancelled)
        placed = [_Placed(sounds[track.sound], track.gain, track.sample) for track in recipe.tracks]
        placed = _summed(placed, call, Path(folder))
        measured: dict[str, float] = {}
        levelled = "anull"
        if placed and recipe.loudness is not None:
            said = call.run(placed, f"{_whole(placed, call)},ebur128=framelog=quiet[out]", ["-f", "null", "-"])
            measured = {"loudness_lufs": _measured(said)}
            if measured["loudness_lufs"] > _SILENT:
                measured["gain_db"] = round(recipe.loudness - measured["loudness_lufs"], 2)
                limited = f"alimiter=limit={10 ** (PEAK / 20):.4f}:attack=5:release=50:level=false:latency=true"
                levelled = f"volume={measured['gain_db']}dB,{limited}"
        written = ["-c:a", "aac", "-b:a", str(recipe.bitrate), "-fflags", "+bitexact", "-flags:a", "+bitexact"]
        target = [*written, "-map_metadata", "-1", "-f", "mp4", f"file:{path}"]
        try:
            call.run(placed, f"{_whole(placed, call)},{levelled},aresample={SAMPLES}[out]", target)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return measured


def samples_of(frames: int, rate: Fraction) -> int:
    """Samples that so many frames play."""
    return round(frames / rate * SAMPLES)


def _summed(placed: list[_Placed], call: _Call, folder: Path) -> list[_Placed]:
    """The same sound as no more than `_TOGETHER` files: where it is more, neighbours become one."""
    turn = 0
    while len(placed) > _TOGETHER:
        placed = sorted((one for one in placed if one.sample < call.samples), key=lambda one: one.sample)
        groups = [placed[first : first + _TOGETHER] for first in range(0, len(placed), _TOGETHER)]
        placed = []
        for number, group in enumerate(groups):
            first, file = group[0].sample, folder / f"{turn}-{number}.w64"
            lines, names = _tracks(group, first)
            summed = f"{names}amix=inputs={len(group)}:duration=longest:normalize=0:dropout_transition=0"
            lines.append(f"{summed},atrim=end_sample={call.samples - first}[out]")
            call.run(group, ";".join(lines), ["-c:a", "pcm_f32le", "-f", "w64", f"file:{file}"])
            placed.append(_Placed(file, 0.0, first))
        turn += 1
    return placed


def _whole(placed: Sequence[_Placed], call: _Call) -> str:
    """Everything summed without turning anything down, over silence as long as the scene."""
    lines, names = _tracks(placed, 0)
    lines.append(f"anullsrc=channel_layout=stereo:sample_rate={SAMPLES},atrim=end_sample={call.samples}[s]")
    count = len(placed) + 1
    summed = f"[s]{names}amix=inputs={count}:duration=first:normalize=0:dropout_transition=0" if names else "[s]anull"
    lines.append(f"{summed},atrim=start_sample={PRIMING}:end_sample={call.samples},asetpts=PTS-STARTPTS")
    return ";".join(lines)


def _tracks(placed: Sequence[_Placed], first: int) -> tuple[list[str], str]:
    """Filters that bring every sound to its place, counted from sample `first` on, and the names of what comes out.

    A file is opened and decoded once. What waits for its place is then the same frames for all who use it: so the gain
    comes after the delay, or each would keep a copy.
    """
    used = Counter(one.file for one in placed)
    lines: list[str] = []
    for number, times in enumerate(used.values()):
        copies = "".join(f"[f{number}.{copy}]" for copy in range(times))
        lines.append(f"[{number}:a:0]aresample={SAMPLES},aformat=channel_layouts=stereo,asplit={times}{copies}")
    numbers = {file: number for number, file in enumerate(used)}
    taken = Counter[Path]()
    for number, one in enumerate(placed):
        copy = f"[f{numbers[one.file]}.{taken[one.file]}]"
        taken[one.file] += 1
        lines.append(f"{copy}adelay=delays={one.sample - first}S:all=1,volume={one.gain}dB[t{number}]")
    return lines, "".join(f"[t{number}]" for number in range(len(placed)))


@dataclass(frozen=True)
class _Call:
    """How ffmpeg is called for one mix of `samples`."""

    ffmpeg: Path
    samples: int
    cancelled: Callable[[], bool]

    def run(self, placed: Sequence[_Placed], graph: str, target: Sequence[str]) -> str:
        """What ffmpeg says while it makes `target` of the graph's `[out]`. Raises MixError, Cancelled."""
        local = ("-protocol_whitelist", "file,pipe")  # said before every input, for it holds for the next one only
        inputs = [word for file in dict.fromkeys(one.file for one in placed) for word in (*local, "-i", f"file:{file}")]
        head = [str(self.ffmpeg), "-hide_banner", "-nostdin", "-nostats", "-y"]
        argv = [*head, *inputs, "-filter_complex", graph, "-map", "[out]", *target]
        with subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        ) as process:
            try:
                said = _heard(process, self.cancelled)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise MixError.of("mix", argv, process.returncode, said[-_TAIL_CHARACTERS:])
        return said


def _heard(process: subprocess.Popen[bytes], cancelled: Callable[[], bool]) -> str:
    """What ffmpeg says until it ends; asked meanwhile whether anybody still wants it."""
    while True:
        try:
            return process.communicate(timeout=_POLL_SECONDS)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            if cancelled():
                raise Cancelled("mix: cancelled before it was written") from None


def _measured(said: str) -> float:
    """The integrated loudness that `ebur128` tells last."""
    found = re.findall(r"\bI:\s+(-?[\d.]+) LUFS", said)
    if not found:
        raise MixError("mix: no loudness was measured", stderr_tail=said[-_TAIL_CHARACTERS:])
    return float(found[-1])
