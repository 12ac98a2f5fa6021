"""Frames of a camera move, in order, as fast as the cores allow, with no more of them in memory than are being made."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal, TypeVar, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from models.camera.errors import CameraError
from models.camera.painter import color_painter, planes_painter
from models.camera.path import Path
from models.camera.path import path as fly
from models.camera.scene import HALF, Scene
from models.camera.sweep import Sweep
from models.clip import Frame, Planes

ASPECT_TOLERANCE = 0.005
EDGE_TOLERANCE_PX = 1.0  # a plate is whole pixels, an overscan is not
Picture = TypeVar("Picture", bound=Planes | NDArray[np.uint8])
Progress = Callable[[int], None]
"""Told how many frames have been handed out."""


@overload
def render(
    scene: Scene,
    path: Path,
    *,
    sweep: Sweep | None = None,
    planes: Literal[False] = False,
    workers: int = 2,
    progress: Progress | None = None,
) -> Generator[Frame, None, None]: ...
@overload
def render(
    scene: Scene,
    path: Path,
    *,
    sweep: None = None,
    planes: Literal[True],
    workers: int = 2,
    progress: Progress | None = None,
) -> Generator[Planes, None, None]: ...
@overload
def render(
    scene: Scene,
    path: Path,
    *,
    sweep: Sweep | None = None,
    planes: bool,
    workers: int = 2,
    progress: Progress | None = None,
) -> Generator[Frame, None, None] | Generator[Planes, None, None]: ...
def render(
    scene: Scene,
    path: Path,
    *,
    sweep: Sweep | None = None,
    planes: bool = False,
    workers: int = 2,
    progress: Progress | None = None,
) -> Generator[Frame, None, None] | Generator[Planes, None, None]:
    """Fly `path` over `scene`: one picture per frame of `path.clip`, at its size.

    With `planes`, frames are BT.709 4:2:0 planes; that needs even sizes, no sweep, and no product layer that moves
    apart from its backdrop. At most `workers` + 1 frames exist beside the one handed out, whatever the clip's length;
    any number of workers gives the same bytes. Frames of a clip in which nothing moves are one read-only array. A scene
    without a layer is flown without parallax.

    Raises CameraError at the call, before any frame: `CAMERA_LEAVES_PLATE` where the path looks beyond the plate,
    `CAMERA_SCENE` where scene, path and options do not fit together.
    """
    check(scene, path, sweep=sweep, planes=planes, workers=workers)
    scene, path = flown_over(scene, path)
    lit = sweep if sweep is not None and sweep.strength > 0.0 else None
    still = lit is None and nothing_moves(path)
    if planes:
        return streamed(planes_painter(scene, path), path.clip.frames, workers, progress, still=still)
    return streamed(color_painter(scene, path, lit), path.clip.frames, workers, progress, still=still)


def flown_over(scene: Scene, path: Path) -> tuple[Scene, Path]:
    """The two as they are rendered: parallax needs a layer, and a layer that moves with its plate is laid on it."""
    if scene.layer is None and path.layer is not None:
        path = fly(replace(path.move, parallax=0.0), path.clip)
    return (scene.flat() if path.layer is None else scene), path


def streamed(
    paint: Callable[[int], Picture], frames: int, workers: int, progress: Progress | None, *, still: bool
) -> Generator[Picture, None, None]:
    """What `paint` makes of each frame number, in order, `workers` at a time; all are frame 0 if `still`."""
    waiting: deque[Future[Picture]] = deque()
    with _one_thread_per_call(), ThreadPoolExecutor(workers, thread_name_prefix="camera") as pool:
        try:
            if still:
                picture = paint(0)
                for array in picture if isinstance(picture, Planes) else (picture,):
                    array.flags.writeable = False
                for frame in range(frames):
                    if progress is not None:
                        progress(frame + 1)
                    yield picture
                return
            ahead = min(workers + 1, frames)
            waiting.extend(pool.submit(paint, frame) for frame in range(ahead))
            for frame in range(frames):
                picture = waiting.popleft().result()
                if frame + ahead < frames:
                    waiting.append(pool.submit(paint, frame + ahead))
                if progress is not None:
                    progress(frame + 1)
                yield picture
        finally:
            for future in waiting:
                future.cancel()


def nothing_moves(path: Path) -> bool:
    """Whether every frame of the path sees the same."""
    views = [path.plate] if path.layer is None else [path.plate, path.layer]
    return all(np.all(values == values[0]) for seen in views for values in (seen.cx, seen.cy, seen.w, seen.roll))


def check(scene: Scene, path: Path, *, sweep: Sweep | None, planes: bool, workers: int) -> None:
    """Raises CameraError where scene, path and options do not fit together."""
    clip = path.clip
    x, y, w, h = scene.home
    if workers < 1:
        raise CameraError(f"camera: {workers} workers, wanted at least 1", code="CAMERA_SCENE")
    if abs(w / h / path.aspect - 1.0) > ASPECT_TOLERANCE:
        raise CameraError(
            f"camera: home frame is {w:g}x{h:g} px, which is not the shape of a {clip.width}x{clip.height} clip",
            remedy="prepare the still for this clip's aspect",
            code="CAMERA_SCENE",
        )
    if planes and (sweep is not None or (scene.layer is not None and path.layer is not None)):
        raise CameraError("camera: planes are for moves without a sweep and without parallax", code="CAMERA_SCENE")
    if planes and (clip.width % 2 or clip.height % 2):
        raise CameraError(
            f"camera: 4:2:0 planes need even sizes, the clip is {clip.width}x{clip.height}", code="CAMERA_SCENE"
        )
    if sweep is not None and (scene.product is None or not np.any(scene.product & HALF)):
        raise CameraError(
            "camera: a light sweep needs a product layer or a matte that shows the product, the scene has neither",
            remedy="prepare the still with layers, or ask for no sweep",
            code="CAMERA_SCENE",
        )
    height, width = scene.plate.shape[:2]
    seen = path.bounds
    beyond = max(-(x + seen.left * w), -(y + seen.top * h), x + seen.right * w - width, y + seen.bottom * h - height)
    if beyond > EDGE_TOLERANCE_PX:
        raise CameraError(
            f"camera: {path.move.move} of {path.move.amount:g} looks {beyond:.1f} px beyond its {width}x{height} plate",
            remedy="prepare the plate with the overscan that extent(path) gives",
            code="CAMERA_LEAVES_PLATE",
        )


_lock = threading.Lock()
_rendering = 0
_threads_before = 0


@contextmanager
def _one_thread_per_call() -> Generator[None, None, None]:
    """OpenCV's own threads are off while frames are made: the pool already has one worker per core."""
    global _rendering, _threads_before
    with _lock:
        if _rendering == 0:
            _threads_before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _rendering += 1
    try:
        yield
    finally:
        with _lock:
            _rendering -= 1
            if _rendering == 0:
                cv2.setNumThreads(_threads_before)
