"""How fast this machine is, measured once in a few seconds, for estimates before there is any history."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from manifests.ask import Ask
from manifests.source import ImageSource
from models import flow, realesrgan
from models.clip import Clip
from models.interpolate import resample
from tasks.animate import animate, clip_of
from tasks.encode import Output, encode
from tasks.inspect import inspect
from tasks.planner.estimate import Speed
from tasks.planner.plan import Means, RenditionPlan, ShotPlan
from tasks.planner.shot import plan_shot
from tasks.planner.work import animate_work, encode_work, inspect_work, prepare_work
from tasks.prepare import look, prepare
from tasks.tools import Tools

_SIDE = 512


def measure(tools: Tools, progress: Callable[[int, int], None] = lambda done, total: None) -> dict[Speed, float]:
    """Seconds per unit of work (tasks/planner/work.py) of the stages every machine has. Takes a few seconds.

    Real-ESRGAN is measured on one small tile, flow on one pair; the rest on one second of a 1080p push.
    """
    with tempfile.TemporaryDirectory(dir=tools.catalog.store.incoming) as folder:
        picture = Path(folder) / "card.png"
        Image.fromarray(_card()).save(picture)
        plan = _plan(picture, tools)
        speeds: dict[Speed, float] = {}
        files: dict[str, Path] = {}

        def staging() -> None:
            files.update(prepare(picture, None, plan.prepare, Path(folder) / "still"))

        speeds["prepare", "dailies"] = _timed(staging) / prepare_work(plan.prepare)
        progress(1, 5)
        frames = animate(files, plan.animate, planes=True, workers=tools.workers)
        speeds["animate", "camera"] = _timed(lambda: list(frames)) / animate_work(plan.animate)
        progress(2, 5)
        delivery = plan.deliveries[0]
        target = Path(folder) / "clip.mp4"
        made = list(animate(files, plan.animate, planes=False, workers=tools.workers))
        spent = _timed(
            lambda: encode(made, clip_of(plan.animate), [Output(delivery.encode, target)], ffmpeg=tools.ffmpeg)
        )
        speeds["encode", "ffmpeg"] = spent / encode_work(delivery.encode)
        progress(3, 5)
        speeds["inspect", "dailies"] = _timed(lambda: inspect(target, delivery.inspect)) / inspect_work(
            delivery.inspect
        )
        progress(4, 5)
    speeds["interpolate", "flow"] = _flow()
    speeds["upscale", "realesrgan"] = _upscale(tools.device)
    progress(5, 5)
    return speeds


def _plan(picture: Path, tools: Tools) -> RenditionPlan:
    ask = Ask(source=ImageSource(kind="image", path=picture, mask=None, page=None), seconds=1.0, frames=None)
    facts = look(picture, max_pixels=tools.max_pixels)
    means = Means(rife=False, max_pixels=tools.max_pixels)
    planned = plan_shot("card", "card", "", 1, ask, "product", facts, means, lambda spec: f"{spec.name}.mp4")
    assert isinstance(planned, ShotPlan), planned
    return planned.renditions[0].model_copy(update={"upscale_still": None})


def _card() -> np.ndarray:
    """A textured card on a plain backdrop, uint8 (512, 512, 3)."""
    random = np.random.default_rng(7)
    picture = np.full((_SIDE, _SIDE, 3), 228, np.uint8)
    texture = random.integers(40, 200, (16, 16, 3), np.uint8)
    picture[96:416, 96:416] = np.kron(texture, np.ones((20, 20, 1), np.uint8))
    return picture


def _flow() -> float:
    random = np.random.default_rng(7)
    texture = np.kron(random.integers(0, 255, (45, 80, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    pair = [texture, np.roll(texture, 3, axis=1)]
    clip = Clip(1280, 720, Fraction(10), 2)
    with flow.Interpolator() as engine:
        _, frames = resample(iter(pair), clip, Fraction(40), engine, False)
        return _timed(lambda: list(frames)) / (3 * 1280 * 720 / 1e6)


def _upscale(device: str) -> float:
    tile = _card()[80:144, 80:144]
    engine = realesrgan.Upscaler("realesrgan-x4plus", 4, device=device)
    return _timed(lambda: engine.still(tile)) / (tile.shape[0] * tile.shape[1] / 1e6)


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


__all__ = ["measure"]
