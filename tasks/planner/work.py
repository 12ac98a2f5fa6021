"""How much work a stage is, in units whose cost in seconds depends on the machine alone.

Estimates multiply these by seconds per unit (tasks/planner/estimate.py); every execution records its own.
"""

from __future__ import annotations

from functools import lru_cache

from models.svd.checkpoint import Checkpoint
from models.svd.schedules import sigmas, start_at
from models.svd.settings import Schedule
from models.svd.work import tflop
from tasks.recipe import (
    AnimateRecipe,
    EncodeRecipe,
    InspectRecipe,
    InterpolateRecipe,
    PrepareRecipe,
    SvdRecipe,
    UpscaleRecipe,
)

_MEGA = 1e6

_NETWORK = {"realesrgan-x4plus": 1.0, "realesrgan-x4plus-anime": 0.28}
"""Cost of a source pixel against realesrgan-x4plus; the animevideov3 family costs `_LIGHT`."""
_LIGHT = 0.03

_CODEC = {"h264": 1.0, "hevc": 3.0, "av1": 1.2, "prores": 4.0, "ffv1": 1.5}
_EFFORT = {"veryfast": 0.45, "ultrafast": 0.4, "medium": 1.4, "slow": 2.4, "11": 0.6, "5": 3.0}
"""Cost of an encoder's own preset against the one `speed: normal` picks."""


def upscale_still_work(recipe: UpscaleRecipe, pixels: int) -> float:
    """Megapixels of the source picture, in pixels of realesrgan-x4plus."""
    return pixels / _MEGA * _NETWORK.get(recipe.model, _LIGHT)


def upscale_frames_work(recipe: UpscaleRecipe, frames: AnimateRecipe) -> float:
    """Megapixels of all source frames, in pixels of realesrgan-x4plus."""
    return frames.frames * frames.width * frames.height / _MEGA * _NETWORK.get(recipe.model, _LIGHT)


def prepare_work(recipe: PrepareRecipe) -> float:
    """Megapixels of the plate, and of that of the picture a clip ends on."""
    left, top, right, bottom = recipe.overscan
    width, height = recipe.frame_width * (1 + left + right), recipe.frame_height * (1 + top + bottom)
    ending = prepare_work(recipe.until) if recipe.until else 0.0
    return width * height * recipe.density**2 / _MEGA + ending


def animate_work(recipe: AnimateRecipe, tflop: float = 0.0) -> float:
    """Megapixels of all frames; a frame in colour or with two layers counts for more than one of planes.

    Of SVD it is `tflop`, which the plan holds (`RenditionPlan.tflop`): a recipe does not say how large its network is.
    """
    if isinstance(recipe, SvdRecipe):
        return tflop
    colour = recipe.sweep > 0 or recipe.parallax > 0
    moving = recipe.move != "hold" or recipe.sweep > 0
    frames = recipe.frames if moving else 1
    return frames * recipe.width * recipe.height / _MEGA * (3.0 if colour else 1.0)


def master_pixels(recipe: AnimateRecipe) -> float:
    """Megapixels of all frames of a master."""
    return recipe.frames * recipe.width * recipe.height / _MEGA


def svd_tflop(recipe: SvdRecipe, checkpoint: Checkpoint) -> float:
    """TFLOP of a clip: the steps its prior leaves, twice for windows that are drawn from both ends, and decoding."""
    steps = _steps_left(recipe.schedule, recipe.steps, recipe.sigma_start)
    size = recipe.canvas_width, recipe.canvas_height
    shown = recipe.camera is not None and recipe.sigma_start > 0
    if recipe.task == "image":
        pictures = recipe.frames if shown else 1
        return tflop(checkpoint, *size, recipe.frames, steps, recipe.guidance != (1.0, 1.0), pictures)
    windows = 1 if recipe.task != "long" else -(-(recipe.frames - 1) // (recipe.window - 1))
    pictures = recipe.window if shown else 2
    frames = recipe.frames if recipe.task == "inbetween" else recipe.window
    return windows * tflop(checkpoint, *size, frames, 2 * steps, True, pictures)


@lru_cache(maxsize=256)
def _steps_left(schedule: Schedule, steps: int, sigma_start: float) -> int:
    """Network steps below the noise the prior is given."""
    levels = sigmas(schedule, steps)
    return len(levels) - 1 - start_at(levels, sigma_start)


def interpolate_work(recipe: InterpolateRecipe) -> float:
    """Megapixels of the frames that are made, not passed through."""
    return max(0, recipe.frames_out - recipe.frames_in) * recipe.width * recipe.height / _MEGA


def encode_work(recipe: EncodeRecipe) -> float:
    """Megapixels of all frames, in pixels of x264 at `speed: normal`."""
    factor = _CODEC[recipe.codec] * _EFFORT.get(recipe.speed, 1.0)
    return recipe.frames * recipe.width * recipe.height / _MEGA * factor


def inspect_work(recipe: InspectRecipe) -> float:
    """Megapixels of all frames."""
    return recipe.frames * recipe.width * recipe.height / _MEGA
