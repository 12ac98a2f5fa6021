"""Frames that say which they are: large black and white blocks that any encoder keeps, one half of the frame a shot.

Shots of odd number are marked in the upper half, of even number in the lower one, so that both can be read in a
dissolve. A mark is two rows of ten blocks: white, black, six bits of the shot's number, twelve of the frame's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from models.clip import Clip, Planes
from tasks.encode import Output, encode, ffmpeg_path
from tasks.planner.scene import ScenePlan
from tasks.scene.inspection import inspect_joined
from tasks.scene.join import join
from tasks.scene.mix import mix, samples_of
from tasks.scene.morph import Morph
from tasks.scene.picture import frames_of
from tasks.scene.recipe import AssembleRecipe, CueRecipe, MixRecipe, TrackRecipe
from tasks.scene.segments import segments

WIDTH, HEIGHT = 320, 180
COLUMNS, BITS = 10, 18
BLACK, WHITE = 16, 235
LEGIBLE = 0.15
"""Contrast of a mark, 1 where nothing lies over it, from which it is read."""


@dataclass(frozen=True)
class Mark:
    """What a frame says of itself, and how strongly."""

    shot: int
    frame: int
    contrast: float


def marked(shot: int, frame: int) -> NDArray[np.uint8]:
    """The luma of a frame, uint8 (180, 320)."""
    number = shot << 12 | frame
    bits = [1, 0] + [number >> bit & 1 for bit in reversed(range(BITS))]
    blocks = np.array(bits, np.uint8).reshape(2, COLUMNS)
    half = np.kron(blocks, np.ones((HEIGHT // 4, WIDTH // COLUMNS), np.uint8)) * (WHITE - BLACK) + BLACK
    empty = np.full_like(half, BLACK)
    return np.concatenate([half, empty] if shot % 2 else [empty, half]).astype(np.uint8)


def read(luma: NDArray[np.uint8]) -> list[Mark]:
    """The legible marks of a frame, at most one for each half."""
    found: list[Mark] = []
    for half in (luma[: HEIGHT // 2], luma[HEIGHT // 2 :]):
        tall, wide = HEIGHT // 4, WIDTH // COLUMNS
        inner = half.reshape(2, tall, COLUMNS, wide)[:, tall // 4 : -tall // 4, :, wide // 4 : -wide // 4]
        levels = inner.mean(axis=(1, 3)).reshape(-1)
        contrast = float(levels[0] - levels[1]) / (WHITE - BLACK)
        if contrast >= LEGIBLE:
            number = int("".join("1" if level > (levels[0] + levels[1]) / 2 else "0" for level in levels[2:]), 2)
            found.append(Mark(number >> 12, number & 0xFFF, contrast))
    return found


def lumas(path: Path) -> Iterator[tuple[Any, NDArray[np.uint8]]]:
    """Every frame of a file: its time in seconds, a Fraction, and its luma, 8 bit."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            same = frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p")
            plane: Any = same.planes[0]
            assert frame.pts is not None and frame.time_base is not None
            luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            yield frame.pts * frame.time_base, luma


def marked_clip(path: Path, plan: ScenePlan, shot: int, frames: int) -> Path:
    """A clip as a shot of that scene is delivered, every frame marked."""
    recipe = plan.delivery.encode.model_copy(update={"frames": frames, "audio": "none", "poster_at": 0, "max_bytes": 0})
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    clip = Clip(WIDTH, HEIGHT, plan.timeline.rate, frames)
    planes = (Planes(marked(shot, frame), grey, grey) for frame in range(frames))
    encode(planes, clip, [Output(recipe, path)], ffmpeg=ffmpeg_path())
    return path


def assembled(
    plan: ScenePlan,
    clips: dict[str, Path],
    folder: Path,
    *,
    missing: dict[str, str] | None = None,
    sounds: dict[str, Path] | None = None,
    tracks: tuple[TrackRecipe, ...] = (),
    cues: tuple[CueRecipe, ...] = (),
) -> tuple[Path, list[Path], MixRecipe]:
    """A scene of clips by their shots' keys, made piece by piece: the file, its segments, and its mix's recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    rate = plan.timeline.rate
    pieces = segments(plan, missing or {}, "2026-11-21")
    made: list[Path] = []
    for number, piece in enumerate(pieces):
        recipe = piece.recipe.encode
        path = folder / f"segment{number}.{recipe.container}"
        inputs = {role: clips[event.key] for role, event in piece.clips.items()}
        clip = Clip(recipe.width, recipe.height, rate, recipe.frames)
        encode(frames_of(piece.recipe, inputs, Morph()), clip, [Output(recipe, path)], ffmpeg=ffmpeg_path())
        made.append(path)
    frames = sum(piece.frames for piece in pieces)
    mixing = MixRecipe(
        tracks=tracks, samples=samples_of(frames, rate), loudness=plan.loudness if tracks else None, bitrate=192_000
    )
    sound = folder / "mix.m4a"
    mix(mixing, sounds or {}, sound, ffmpeg=ffmpeg_path())
    whole = AssembleRecipe(
        encode=plan.delivery.encode, segments=tuple(piece.frames for piece in pieces), cues=cues, poster_at=0
    )
    path = folder / f"scene.{plan.delivery.encode.container}"
    pictures = join(whole, made, sound, path, ffmpeg=ffmpeg_path())
    inspect_joined(path, plan.delivery, pictures, cancelled=lambda: False)
    return path, made, mixing
