"""Encode: one pass over a stream of frames, every delivery that shares them out at the other end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

from models.clip import Clip, Frame, Planes
from tasks.encode.graph import Output, encode_argv
from tasks.encode.poster import write_poster
from tasks.encode.process import EncodeError, FfmpegPipe
from tasks.encode.raw import buffers, wrong_count


@dataclass(frozen=True)
class Encoded:
    """A written delivery, not yet inspected or published."""

    path: Path
    poster: Path
    bytes: int


def encode(
    frames: Iterable[Frame] | Iterable[Planes],
    clip: Clip,
    outputs: Sequence[Output],
    *,
    ffmpeg: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Encoded]:
    """Write every output, with its poster, in one pass over `frames`; memory does not grow with their number.

    `frames` are all `Frame` or all `Planes`, as many and as large as `clip` says. An output may be smaller or larger
    than the clip at the same aspect; rate and number of frames must be the clip's. `progress(done, total)` is told
    after each frame, `cancelled()` is asked between frames. On any error, also one raised by `frames`, nothing is left
    at the outputs' paths. Raises EncodeError (codes in its docstring) and
    `tasks.errors.Cancelled`.
    """
    _check(clip, outputs)
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise wrong_count(clip, 0)
    planes = isinstance(first, Planes)
    made = [path for output in outputs for path in (output.path, output.poster)]
    argv = encode_argv(ffmpeg, clip, outputs, planes=planes)
    with ExitStack() as undo:
        undo.callback(_remove, made)
        with FfmpegPipe(argv, made, cancelled) as pipe:
            done = 0
            for frame in chain([first], stream):
                if done == clip.frames:
                    raise wrong_count(clip, done + 1)
                for plane in buffers(frame, clip, planes=planes):
                    pipe.write(plane)
                for output in outputs:
                    if output.recipe.poster_at == done:
                        write_poster(frame, output.poster, output.recipe.width, output.recipe.height)
                done += 1
                progress(done, clip.frames)
            if done != clip.frames:
                raise wrong_count(clip, done)
            pipe.finish()
        encoded = [Encoded(output.path, output.poster, output.path.stat().st_size) for output in outputs]
        for output, result in zip(outputs, encoded, strict=True):
            _check_size(output, result, argv)
        undo.pop_all()
    return encoded


def _check(clip: Clip, outputs: Sequence[Output]) -> None:
    for output in outputs:
        recipe = output.recipe
        wrong = None
        if Fraction(recipe.rate) != clip.rate or recipe.frames != clip.frames:
            wrong = f"is {recipe.frames} frames at {recipe.rate}, the clip is {clip.frames} at {clip.rate}"
        elif not math.isclose(recipe.width * clip.height, recipe.height * clip.width, rel_tol=0.01):
            wrong = f"is {recipe.width}x{recipe.height}, the clip {clip.width}x{clip.height} has another aspect"
        elif recipe.width % 2 or recipe.height % 2:
            wrong = f"is {recipe.width}x{recipe.height}, sizes must be even"
        elif not 0 <= recipe.poster_at < recipe.frames:
            wrong = f"takes its poster at frame {recipe.poster_at} of {recipe.frames}"
        if wrong:
            raise EncodeError(
                f"encode: output '{recipe.preset}' {wrong}", code="BAD_RECIPE", remedy="plan the shot again"
            )
    paths = [path for output in outputs for path in (output.path, output.poster)]
    if len(set(paths)) != len(paths):
        raise EncodeError("encode: two outputs would write the same file", code="BAD_RECIPE")


def _check_size(output: Output, encoded: Encoded, argv: Sequence[str]) -> None:
    if 0 < output.recipe.max_bytes < encoded.bytes:
        raise EncodeError(
            f"encode: '{output.recipe.preset}' came to {encoded.bytes} bytes, at most {output.recipe.max_bytes} fit",
            argv=argv,
            code="TOO_LARGE",
            remedy="make the shot shorter or choose a preset with a larger size limit",
        )


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
