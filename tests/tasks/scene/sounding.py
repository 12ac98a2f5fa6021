"""Sounds to mix, and what is heard of them in a file."""

from __future__ import annotations

import re
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tasks.encode import ffmpeg_path
from tasks.scene.mix import SAMPLES


def written(path: Path, samples: NDArray[np.floating], rate: int = SAMPLES) -> Path:
    """A WAV of one channel, or of as many as there are columns; samples in -1 to 1."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def click(folder: Path, at: float, seconds: float, rate: int = SAMPLES, name: str = "click.wav") -> Path:
    """Silence with five milliseconds of noise in it."""
    samples = np.zeros(round(seconds * rate))
    first = round(at * rate)
    samples[first : first + rate // 200] = np.random.default_rng(1).uniform(-0.9, 0.9, rate // 200)
    return written(folder / name, samples, rate)


def noise(folder: Path, seconds: float, decibels: float, name: str = "noise.wav") -> Path:
    """Without the highest notes, which the coder leaves out."""
    white = np.random.default_rng(2).uniform(-1, 1, (round(seconds * SAMPLES), 2))
    dull = np.stack([np.convolve(channel, np.ones(12) / 12, "same") for channel in white.T], axis=1)
    return written(folder / name, dull / np.abs(dull).max() * 10 ** (decibels / 20))


def heard(path: Path) -> Iterator[tuple[float, NDArray[np.float32]]]:
    """The sound of a file as players hear it: its place in seconds, and the louder channel."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.pts is not None and frame.time_base is not None
            yield float(frame.pts * frame.time_base), np.abs(frame.to_ndarray()).max(0)


def onsets(path: Path, threshold: float = 0.05) -> list[float]:
    """When each click begins, in seconds of the file: what is loud after a tenth of a second of silence."""
    found: list[float] = []
    last = -1.0
    for begin, samples in heard(path):
        for index in np.flatnonzero(samples > threshold):
            place = begin + index / SAMPLES
            if place - last > 0.1:
                found.append(place)
            last = place
    return found


def loudness(path: Path) -> float:
    """Integrated, in LUFS (EBU R 128), as ffmpeg's own meter has it."""
    argv = [str(ffmpeg_path()), "-hide_banner", "-nostdin", "-i", str(path), "-vn", "-af", "ebur128", "-f", "null", "-"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    return float(re.findall(r"I:\s+(-?[\d.]+) LUFS", said)[-1])
