"""Stage `animate` by SVD, and with it `upscale` where that runs in torch too: one engine child, one pass, two files.

The master is teed from the stream of frames on their way to the mezzanine. Meanwhile the clip is measured against the
product along its commanded path; one that drifted too far is refused, and nothing of it is published.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from catalog.publication import Figure
from models import camera
from models.clip import Frame
from models.drawn import Drawn, Enlarge
from models.errors import EngineError, EngineMissing
from models.fidelity.limits import Limits, drifted
from models.ncnn import sha256
from models.svd import checkpoint
from models.svd.settings import Settings
from tasks.engines import Engines
from tasks.guide import guide
from tasks.master import Target, tee_master, write_master
from tasks.measured import Measured
from tasks.planner.engine import GPU_EXTRA
from tasks.recipe import SvdRecipe, UpscaleRecipe
from tasks.weights.known import known_weights

VERSION = 1

GENERATOR = "models.generator:Generator"
"""The engine, made in its child."""
STEP_SECONDS = 900.0
"""Time one step of the network, or one frame, may take: a large checkpoint on a small CPU needs minutes."""

Progress = Callable[[int, int], None]
Facts = dict[str, Any]


class Drifted(EngineError):
    """The clip left its product or its path too far: the camera engine makes the shot instead."""

    code = "FIDELITY_DRIFT"
    blames = "shot"


@dataclass(frozen=True)
class Bench:
    """What SVD works with: engine children, the torch device, weights, ffmpeg, cores, and who may stop it.

    `compiled`: the folder of compiled kernels, used on CUDA; None: eager.
    """

    engines: Engines
    device: str
    weights_dir: Path
    ffmpeg: Path
    workers: int
    compiled: Path | None = None
    cancelled: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Drawing:
    """What was drawn: how it really ran, its figures, and the `seconds` it took, waiting for the device left out."""

    ran: Facts
    figures: Sequence[Figure]
    seconds: float


def versions() -> Mapping[str, str]:
    """The libraries that change this stage's pixels, beside the encoder of the master; of torch not the build, which is
    the device's. Raises EngineMissing."""
    try:
        found = {name: version(name).partition("+")[0] for name in ("torch", "diffusers", "transformers", "peft")}
    except PackageNotFoundError as error:
        remedy = f"{GPU_EXTRA}, or engine: camera"
        raise EngineMissing(f"svd: {error.name} is not installed", remedy=remedy) from error
    return found | dict(camera.versions())


def weights(recipe: SvdRecipe, weights_dir: Path) -> Mapping[str, str]:
    """Name -> SHA-256 of the checkpoint's networks and of every adapter. Raises EngineMissing where one is gone."""
    digests = checkpoint.require(weights_dir, recipe.model).digests()
    for adapter in recipe.adapters:
        digests[f"adapters/{adapter.name}"] = sha256(_adapter(weights_dir, adapter.name))
    return digests


def origin(recipe: SvdRecipe) -> tuple[str, str]:
    """Where the checkpoint is published, and its licence's name; a folder nobody published stands for itself."""
    known = known_weights().get(recipe.model)
    return (known.page, known.licence) if known else (f"local folder {recipe.model}", "its own text")


def svd(
    bench: Bench,
    recipe: SvdRecipe,
    still: Mapping[str, Path],
    master: Target,
    upscale: UpscaleRecipe | None,
    mezzanine: Target | None,
    *,
    progress: Progress,
) -> Drawing:
    """The frames of `recipe` from the prepared still (role -> file), into `master`; where `upscale` says how, enlarged
    into `mezzanine`.

    Raises Drifted, EngineError, Cancelled; nothing is left at either path then.
    """
    settings, moves = _settings(recipe), _moves(recipe)
    larger = _enlarge(upscale, mezzanine)
    written = [master.path, *([mezzanine.path] if mezzanine else [])]
    try:
        with (
            bench.engines.use(
                GENERATOR,
                _engine(recipe, bench),
                device=bench.device,
                deadline=STEP_SECONDS,
                progress=progress,
            ) as engine,
            Measured(
                (recipe.width, recipe.height),
                guided=settings.guided,
                loop=recipe.task == "loop",
                last=recipe.frames - 1 if recipe.task == "inbetween" else None,
            ) as measured,
        ):
            started = time.monotonic()
            shown = measured.shown(guide(still, recipe, workers=bench.workers))
            size = (recipe.width, recipe.height)
            with closing(engine.generate(shown, settings, size, larger, moving=moves)) as drawn:
                _write(measured.drawn(drawn), master, mezzanine, bench)
            ran, figures = dict(engine.ran()), measured.figures()
            seconds = time.monotonic() - started
        if (why := drifted(figures, _limits(recipe))) is not None:
            raise Drifted(
                f"svd: the clip drifted: {why}",
                remedy="the camera engine makes it; a lower svd.sigma_start or svd.motion_bucket keeps svd nearer",
                evidence=json.dumps(figures),
            )
    except BaseException as error:
        for path in written:
            with suppress(FileNotFoundError):
                path.unlink()
        if isinstance(error, EngineError) and error.code == Drifted.code and not isinstance(error, Drifted):
            raise Drifted(str(error), remedy=error.remedy, evidence=error.evidence) from error  # seen in the child
        raise
    return Drawing(ran, _figures(figures, recipe), seconds)


def _limits(recipe: SvdRecipe) -> Limits:
    return Limits(recipe.drift_px, recipe.drift_ssim, recipe.drift_color)


def _figures(found: Mapping[str, float], recipe: SvdRecipe) -> list[Figure]:
    """As they are catalogued: those that have a limit with it, and all of them passed."""
    limits = {
        "path_error_px": recipe.drift_px,
        "product_ssim": recipe.drift_ssim,
        "product_ciede2000": recipe.drift_color,
    }
    return [
        Figure(name, value, threshold=limits[name], passed=True) if limits.get(name) else Figure(name, value)
        for name, value in found.items()
    ]


def _write(drawn: Iterator[Drawn], master: Target, mezzanine: Target | None, bench: Bench) -> None:
    """Both files in one pass: the mezzanine's writer pulls frames through the master's."""
    beside: deque[Frame | None] = deque()

    def kept() -> Iterator[Frame]:
        for frame in drawn:
            beside.append(frame.mezzanine)
            yield frame.master

    masters = tee_master(kept(), master.clip, master.path, ffmpeg=bench.ffmpeg, cancelled=bench.cancelled)
    if mezzanine is None:
        deque(masters, maxlen=0)
        return
    larger = (frame for _ in masters if (frame := beside.popleft()) is not None)
    write_master(larger, mezzanine.clip, mezzanine.path, ffmpeg=bench.ffmpeg, cancelled=bench.cancelled)


def _engine(recipe: SvdRecipe, bench: Bench) -> Facts:
    """What the child is made with: the same for all shots of one checkpoint, precision and set of adapters."""
    compiled = bench.compiled if bench.device.startswith("cuda") else None
    return {
        "checkpoint": str(checkpoint.require(bench.weights_dir, recipe.model).folder),
        "device": bench.device,
        "dtype": recipe.dtype,
        "adapters": tuple((str(_adapter(bench.weights_dir, one.name)), one.scale) for one in recipe.adapters),
        "compiled": compiled is not None,
        "cache": str(compiled) if compiled else None,
        "weights": tuple(sorted(weights(recipe, bench.weights_dir).items())),
    }


def _adapter(weights_dir: Path, name: str) -> Path:
    path = weights_dir / "adapters" / f"{name}.safetensors"
    if not path.is_file():
        raise EngineMissing(
            f"svd: there is no adapter {path}", remedy="put it there, then resume", code="WEIGHTS_MISSING"
        )
    return path


def _enlarge(upscale: UpscaleRecipe | None, mezzanine: Target | None) -> Enlarge | None:
    if upscale is None or mezzanine is None:
        return None
    return Enlarge(upscale.model, upscale.scale, upscale.tile, mezzanine.clip.width, mezzanine.clip.height)


def _moves(recipe: SvdRecipe) -> bool:
    """Whether motion was asked for: a camera at rest asks for none, a free network always for some."""
    flown = recipe.camera
    return flown is None or flown.move != "hold" or flown.sweep > 0


def _settings(recipe: SvdRecipe) -> Settings:
    return Settings(
        task=recipe.task,
        frames=recipe.frames,
        window=recipe.window,
        width=recipe.canvas_width,
        height=recipe.canvas_height,
        schedule=recipe.schedule,
        steps=recipe.steps,
        sigma_start=recipe.sigma_start,
        guidance=recipe.guidance,
        conditioning_fps=recipe.conditioning_fps,
        motion_bucket=recipe.motion_bucket,
        noise_aug=recipe.noise_aug,
        seed=recipe.seed,
        ladder=recipe.ladder,
        fidelity=recipe.fidelity,
        split_px=recipe.split_px,
    )
