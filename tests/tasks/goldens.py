"""Small fixed recipes, one for each stage, and the digest of what they make. `python -m tests.tasks.goldens` records.

A stage that makes other pixels from the same recipe must raise its `VERSION`: the catalog takes equal recipes for equal
results. Digests are of decoded pixels and without tolerance, so they hold for the libraries and the kind of processor
they were recorded with; `where` says which those were.
"""

from __future__ import annotations

import hashlib
import json
import platform
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from models import camera, flow, realesrgan
from models.clip import Clip
from tasks import animate, encode, interpolate, prepare, upscale
from tasks.engines import Engines
from tasks.planner.plan import RenditionPlan
from tasks.recipe import InterpolateRecipe, UpscaleRecipe
from tests.tasks.asked import ask, facts, only, plan
from tests.workroom import decoded, product_photo

RECORD = Path(__file__).with_name("goldens.json")

FFMPEG = encode.ffmpeg_path()

LIBRARIES = {
    "prepare": camera.versions,
    "animate": animate.versions,
    "animate_layers": animate.versions,
    "upscale": lambda: {**upscale.versions(), **realesrgan.versions()},
    "interpolate": flow.versions,
    "encode": lambda: encode.versions(FFMPEG, "h264"),
}
VERSIONS = {
    "prepare": lambda: prepare.VERSION,
    "animate": lambda: animate.VERSION,
    "animate_layers": lambda: animate.VERSION,
    "upscale": lambda: upscale.VERSION,
    "interpolate": lambda: interpolate.VERSION,
    "encode": lambda: encode.VERSION,
}


def where() -> dict[str, str]:
    """The class of host: processors with other instructions round floats in other places."""
    return {"machine": platform.machine(), "processor": cv2.getCPUFeaturesLine()}


def made(stage: str) -> str:
    """The digest of what the stage makes of its fixed recipe."""
    with tempfile.TemporaryDirectory() as folder:
        return _digest(_MAKERS[stage](Path(folder)))


def _digest(pictures: Iterable[np.ndarray]) -> str:
    sha = hashlib.sha256()
    for picture in pictures:
        sha.update(str(picture.shape).encode())
        sha.update(np.ascontiguousarray(picture).tobytes())
    return sha.hexdigest()


def _rendition(**asked: Any) -> RenditionPlan:
    """A 320x180 plan: every figure of the recipes is fixed here, whatever the planner comes to think."""
    photo = facts(width=480, height=360, box=(160, 100, 320, 260), **asked.pop("seen", {}))
    planned = only(plan(ask(**asked), photo))
    prepared = planned.prepare.model_copy(
        update={
            "frame_width": 320,
            "frame_height": 180,
            "overscan": (0.08, 0.07, 0.06, 0.05),
            "fill": 0.7,
            "anchor": (0.5, 0.45),
            "safe": (0.05, 0.05, 0.05, 0.05),
            "density": 1.25,
            "horizon": 0.7 if planned.prepare.backdrop == "floor" else 0.0,
            "colors": ("#e8e0d4", "#c8bcaa") if planned.prepare.backdrop == "floor" else (),
        }
    )
    moved = planned.animate.model_copy(
        update={"width": 320, "height": 180, "frames": 6, "cycle": 5, "amount": 0.06, "focus": (0.5, 0.45)}
    )
    return planned.model_copy(update={"prepare": prepared, "animate": moved})


def _photo(folder: Path, *, cutout: bool = False) -> Path:
    picture = product_photo(5)
    if cutout:
        alpha = np.zeros((360, 480), np.uint8)
        alpha[100:260, 160:320] = 255
        alpha[262:280, 170:310] = 90
        picture.putalpha(Image.fromarray(alpha))
    picture.save(folder / "photo.png")
    return folder / "photo.png"


def _prepare(folder: Path) -> list[np.ndarray]:
    studio = prepare.prepare(_photo(folder), None, _rendition().prepare, folder / "studio")
    shelf = _rendition(seen={"product": "alpha", "alpha": True, "shadow": True}, motion={"move": "orbit"})
    cut = prepare.prepare(_photo(folder, cutout=True), None, shelf.prepare, folder / "cut")
    stills = [prepare.load(files) for files in (studio, cut)]
    return [part for still in stills for part in (still.plate, still.layer, still.matte) if part is not None]


def _animate(folder: Path) -> Iterable[np.ndarray]:
    shot = _rendition()
    files = prepare.prepare(_photo(folder), None, shot.prepare, folder / "still")
    for frame in animate.animate(files, shot.animate, planes=True, workers=2):
        yield from (frame.y, frame.u, frame.v)  # type: ignore[union-attr]


def _animate_layers(folder: Path) -> Iterable[np.ndarray]:
    shot = _rendition(
        seen={"product": "alpha", "alpha": True, "shadow": True}, motion={"move": "orbit"}, light={"sweep": 0.5}
    )
    files = prepare.prepare(_photo(folder, cutout=True), None, shot.prepare, folder / "still")
    yield from animate.animate(files, shot.animate, planes=False, workers=2)


def _upscale(folder: Path) -> list[np.ndarray]:
    recipe = UpscaleRecipe(
        engine="realesrgan",
        runtime="ncnn",
        model="realesr-animevideov3-x2",
        scale=2,
        tile=realesrgan.models()["realesr-animevideov3-x2"].tile,
        of="still",
        page=0,
        max_pixels=10**6,
    )
    product_photo(5).resize((48, 36)).save(folder / "small.png")
    target = folder / "large.png"
    with Engines() as engines:
        upscale.upscale_still(
            folder / "small.png", recipe, target, engines=engines, device="cpu", progress=lambda done, total: None
        )
    with Image.open(target) as picture:
        return [np.asarray(picture)]


def _moving(frames: int) -> tuple[Clip, list[np.ndarray]]:
    photo = np.asarray(product_photo(5))
    return Clip(320, 180, Fraction(30), frames), [photo[90:270, 80 + 3 * n : 400 + 3 * n].copy() for n in range(frames)]


def _interpolate(folder: Path) -> Iterable[np.ndarray]:
    recipe = InterpolateRecipe(
        engine="flow",
        runtime="opencv",
        rate_in="30",
        rate_out="75",
        frames_in=4,
        frames_out=8,
        loop=False,
        width=320,
        height=180,
    )
    clip, frames = _moving(4)
    with Engines() as engines, ExitStack() as until:
        yield from interpolate.interpolated(
            iter(frames), clip, recipe, folder, engines=engines, device="cpu", until=until
        )[1]


def _encode(folder: Path) -> list[np.ndarray]:
    clip, frames = _moving(6)
    recipe = (
        _rendition()
        .deliveries[0]
        .encode.model_copy(
            update={
                "width": 320,
                "height": 180,
                "rate": "30",
                "frames": 6,
                "poster_at": 3,
                "speed": "veryfast",
                "gop": 60,
            }
        )
    )
    (one,) = encode.encode(frames, clip, [encode.Output(recipe, folder / "clip.mp4")], ffmpeg=FFMPEG)
    with Image.open(one.poster) as poster:
        return [decoded(one.path), np.asarray(poster)]


_MAKERS = {
    "prepare": _prepare,
    "animate": _animate,
    "animate_layers": _animate_layers,
    "upscale": _upscale,
    "interpolate": _interpolate,
    "encode": _encode,
}


def _record() -> None:
    stages = {
        name: {"version": VERSIONS[name](), "libraries": dict(LIBRARIES[name]()), "sha256": made(name)}
        for name in _MAKERS
    }
    RECORD.write_text(json.dumps({"where": where(), "stages": stages}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _record()
