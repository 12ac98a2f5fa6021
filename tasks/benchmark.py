"""How fast this machine is, measured once in a few seconds, for estimates before there is any history."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from manifests.ask import Ask
from manifests.source import ImageSource
from models import flow
from models.clip import Clip
from models.errors import EngineMissing
from models.interpolate import resample
from tasks.animate import animate, clip_of
from tasks.encode import Output, encode
from tasks.inspect import inspect
from tasks.planner.device import Device, device_of, torch_installed
from tasks.planner.estimate import SVD, Speed
from tasks.planner.plan import Means, RenditionPlan, ShotPlan
from tasks.planner.shot import plan_shot
from tasks.planner.work import animate_work, encode_work, inspect_work, prepare_work
from tasks.prepare import look, prepare
from tasks.recipe import CameraRecipe
from tasks.tools import Tools

_SIDE = 512


def measure(tools: Tools, progress: Callable[[int, int], None] = lambda done, total: None) -> dict[Speed, float]:
    """Seconds per unit of work (tasks/planner/work.py) of the stages every machine has. Takes a few seconds.

    Real-ESRGAN is measured on one small tile, flow on one pair, SVD (where its libraries are) by matrix products, which
    are most of its work; the rest on one second of a 1080p push.
    """
    with tempfile.TemporaryDirectory(dir=tools.catalog.store.incoming) as folder:
        picture = Path(folder) / "card.png"
        Image.fromarray(_card()).save(picture)
        plan, move = _plan(picture, tools)
        speeds: dict[Speed, float] = {}
        files: dict[str, Path] = {}

        def staging() -> None:
            files.update(prepare(picture, None, plan.prepare, Path(folder) / "still"))

        speeds["prepare", "dailies"] = _timed(staging) / prepare_work(plan.prepare)
        progress(1, 5)
        frames = animate(files, move, planes=True, workers=tools.workers)
        speeds["animate", "camera"] = _timed(lambda: list(frames)) / animate_work(move)
        progress(2, 5)
        delivery = plan.deliveries[0]
        target = Path(folder) / "clip.mp4"
        made = list(animate(files, move, planes=False, workers=tools.workers))
        spent = _timed(lambda: encode(made, clip_of(move), [Output(delivery.encode, target)], ffmpeg=tools.ffmpeg))
        speeds["encode", "ffmpeg"] = spent / encode_work(delivery.encode)
        progress(3, 5)
        speeds["inspect", "dailies"] = _timed(lambda: inspect(target, delivery.inspect)) / inspect_work(
            delivery.inspect
        )
        progress(4, 5)
    speeds["interpolate", "flow"] = _flow()
    speeds["upscale", "realesrgan"] = _upscale(tools)
    if torch_installed():
        speeds[SVD] = _svd(device_of(tools.device))
    progress(5, 5)
    return speeds


def _plan(picture: Path, tools: Tools) -> tuple[RenditionPlan, CameraRecipe]:
    ask = Ask(source=ImageSource(kind="image", path=picture, mask=None, page=None), seconds=1.0, frames=None)
    facts = look(picture, max_pixels=tools.max_pixels)
    means = Means(rife=False, max_pixels=tools.max_pixels)
    planned = plan_shot("card", "card", "", 1, ask, "product", facts, means, lambda spec: f"{spec.name}.mp4")
    assert isinstance(planned, ShotPlan), planned
    rendition = planned.renditions[0].model_copy(update={"upscale_still": None})
    assert isinstance(rendition.animate, CameraRecipe)
    return rendition, rendition.animate


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


def _upscale(tools: Tools) -> float:
    """By the runtime that will enlarge; in a child, for the binding prints as it works."""
    tile = _card()[80:144, 80:144]
    card = device_of(tools.device)
    if torch_installed() and card.kind == "cuda":
        factory, device = "models.realesrgan.network:Upscaler", card.torch
    else:  # the binding knows no CUDA
        factory, device = "models.realesrgan:Upscaler", "auto" if tools.device.startswith("cuda") else tools.device
    kwargs = {"model": "realesrgan-x4plus", "scale": 4, "device": device}
    with tools.engines.use(factory, kwargs, device=device, lane="upscale still") as engine:
        engine.still(tile[:8, :8])  # loads the network
        return _timed(lambda: engine.still(tile)) / (tile.shape[0] * tile.shape[1] / 1e6)


_MATMUL = """
import sys, time, torch
device, dtype, side, times = sys.argv[1], getattr(torch, sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
a = torch.rand(side, side, device=device, dtype=dtype)
def spent(times):
    started = time.monotonic()
    for _ in range(times):
        a @ a
    if a.is_cuda:
        torch.cuda.synchronize()
    return time.monotonic() - started
spent(2)
print(spent(times) / (2 * side**3 * times / 1e12))
"""
"""Run in a process of its own: this one stays free of torch and of a CUDA context."""
_EFFICIENCY = 0.5
"""What of a matrix product's pace the whole of SVD keeps: a third of its time goes to moving numbers."""


def _svd(device: Device) -> float:
    """Seconds per TFLOP of SVD."""
    on_cuda = device.kind == "cuda"
    asked = (device.torch, "float16", "8192", "40") if on_cuda else ("cpu", "float32", "1536", "4")
    ran = subprocess.run([sys.executable, "-c", _MATMUL, *asked], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise EngineMissing(
            f"torch does not work on {device.name}",
            remedy='look at `python -c "import torch"`, or set DAILIES_DEVICE=cpu',
            evidence=ran.stderr[-2000:],
        )
    return float(ran.stdout) / _EFFICIENCY


def _timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


__all__ = ["measure"]
