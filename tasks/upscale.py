"""Stage `upscale`: Real-ESRGAN over a still that is too small, or over every frame of a master."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
from PIL import Image

from models.clip import Clip, Frame
from models.drawn import Enlarge
from models.realesrgan import Upscaler
from tasks.engines import Engines
from tasks.master import Target, read_master, write_master
from tasks.prepare import open_picture
from tasks.prepare.surface import fill_holes
from tasks.recipe import UpscaleRecipe

VERSION = 2

LINE_ART = ("realesrgan-x4plus-anime", "realesr-animevideov3")
"""How the names of networks for drawings begin."""
SLOWEST = 2000.0
"""Seconds for a megapixel of source after which an engine hangs: five times what two old cores take with x4plus."""

Progress = Callable[[int, int], None]
Facts = Mapping[str, Any]


def versions() -> Mapping[str, str]:
    """The libraries that change this stage's pixels, beside the engine's own."""
    return {"numpy": np.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__}


def upscale_still(
    source: Path, recipe: UpscaleRecipe, target: Path, *, engines: Engines, device: str, progress: Progress
) -> tuple[Facts, Facts]:
    """Enlarge the picture at `source` into the PNG `target` (sRGB, upright, with its alpha if it has one).

    Returns (facts of the picture, what ran). The alpha goes through the network too, so that its edge is as sharp as
    the picture's. Raises InputError, EngineError.
    """
    picture = open_picture(source, max_pixels=recipe.max_pixels, page=recipe.page)
    rgb = picture.rgb
    layers = 1 if picture.alpha is None else 2
    done = 0

    def told(step: int, steps: int) -> None:
        progress(round(100 * (done + step / steps)), 100 * layers)

    if picture.alpha is not None:  # what lies under the transparency must not ring into the product's edge
        seen = (picture.alpha > 0).astype(np.float32)
        rgb = np.clip(np.rint(fill_holes(rgb.astype(np.float32), seen)), 0, 255).astype(np.uint8)
    with _engine(engines, recipe, device, rgb.shape[0] * rgb.shape[1], told) as engine:
        made = _true_to(rgb, engine.still(rgb))
        if recipe.model.startswith(LINE_ART):
            made = within(rgb, made)
        if picture.alpha is not None:
            done = 1
            alpha = engine.still(np.repeat(picture.alpha[..., None], 3, axis=2))[..., 1]
            made = np.dstack([made, alpha])
        ran = {**engine.ran(), "frames": layers}  # the engine counts what it did for earlier shots too
    Image.fromarray(made).save(target, "PNG", compress_level=1)
    return {"width": made.shape[1], "height": made.shape[0], "alpha": picture.alpha is not None}, ran


def upscale_frames(
    master: Path,
    recipe: UpscaleRecipe,
    target: Target,
    *,
    ffmpeg: Path,
    engines: Engines,
    device: str,
    progress: Progress,
) -> Facts:
    """Enlarge every frame of `master` into the mezzanine `target`, at its clip's size.

    The network enlarges by whole factors; what it made too large is shrunk by area. Returns what ran. Raises
    EngineError, Cancelled through `progress`.
    """
    source, frames = read_master(master)
    clip = target.clip
    with _engine(engines, recipe, device, source.width * source.height) as engine:
        if recipe.runtime == "torch":
            wanted = Enlarge(recipe.model, recipe.scale, recipe.tile, clip.width, clip.height)
            larger: Iterator[Frame] = engine.frames(frames, wanted)
        else:
            larger = _enlarged(engine, frames, clip)
        write_master(larger, clip, target.path, ffmpeg=ffmpeg, progress=progress)
        return {**engine.ran(), "frames": clip.frames}


def _true_to(source: Frame, made: Frame) -> Frame:
    """`made` with the colours of `source`: what the network changed in the large (up to 5 levels on flat areas, with
    animevideov3) is taken back; what it drew in the small stays. Both (H, W, 3) uint8, `made` the larger."""
    height, width = source.shape[:2]
    shrunk = cv2.resize(made, (width, height), interpolation=cv2.INTER_AREA)
    drift = cv2.GaussianBlur(source.astype(np.float32) - shrunk, (0, 0), 2.0)
    drift = cv2.resize(drift, (made.shape[1], made.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.rint(made + drift), 0, 255).astype(np.uint8)


def within(source: Frame, made: Frame) -> Frame:
    """`made`, nowhere lighter or darker than `source` is next to it: lines ring into no paper.

    The networks for drawings know flat colours and ink: of a pencil's grain they make cracks of black and white, and
    beside every stroke a lighter edge. Both (H, W, 3) uint8, `made` the larger.
    """
    size = (made.shape[1], made.shape[0])
    near = np.ones((3, 3), np.uint8)
    darkest = cv2.resize(cv2.erode(source, near), size, interpolation=cv2.INTER_LINEAR)
    lightest = cv2.resize(cv2.dilate(source, near), size, interpolation=cv2.INTER_LINEAR)
    return np.clip(made, darkest, lightest)


def _enlarged(engine: Upscaler, frames: Iterator[Frame], clip: Clip) -> Iterator[Frame]:
    for frame in frames:
        made = _true_to(frame, engine.still(frame))
        if made.shape[:2] != (clip.height, clip.width):
            made = np.asarray(cv2.resize(made, (clip.width, clip.height), interpolation=cv2.INTER_AREA), np.uint8)
        yield made


def _engine(
    engines: Engines, recipe: UpscaleRecipe, device: str, pixels: int, told: Progress | None = None
) -> AbstractContextManager[Any]:
    """Real-ESRGAN in a child process that can be killed, with time enough for a picture of so many pixels.

    Stills and frames are enlarged at the same time, by two steps of a batch: each has its own lane.
    """
    kwargs: dict[str, Any] = {"model": recipe.model, "scale": recipe.scale, "tile": recipe.tile, "device": device}
    factory = "models.realesrgan:Upscaler"
    if recipe.runtime == "torch":
        factory = "models.realesrgan.network:Upscaler"
        if recipe.of == "frames":
            factory, kwargs = "models.enlarge:Enlarger", {"device": device}
    return engines.use(
        factory,
        kwargs,
        device=device,
        lane=f"upscale {recipe.of}",
        deadline=120 + SLOWEST * pixels / 1e6,
        progress=told,
    )
