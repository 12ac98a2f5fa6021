"""Stage `interpolate`: from the engine's rate to the delivery's. Its frames stream on and are never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

from models import flow, rife
from models.clip import Clip, Frame
from models.interpolate import resample
from tasks.engines import Engines
from tasks.recipe import InterpolateRecipe

VERSION = 1


def versions(recipe: InterpolateRecipe) -> Mapping[str, str]:
    """The libraries that change this stage's pixels."""
    return flow.versions() if recipe.runtime == "opencv" else rife.versions(recipe.runtime)


def weights(recipe: InterpolateRecipe, weights_dir: Path) -> Mapping[str, str]:
    """File name -> SHA-256 of the weights the engine reads; none for optical flow.

    Raises EngineMissing where the recipe wants RIFE and its weights are gone.
    """
    return rife.require(weights_dir).digests() if recipe.engine == "rife" else {}


def interpolated(
    frames: Iterator[Frame],
    clip: Clip,
    recipe: InterpolateRecipe,
    weights_dir: Path,
    *,
    engines: Engines,
    device: str,
    until: ExitStack,
) -> tuple[Clip, Iterator[Frame], Callable[[], Mapping[str, Any]]]:
    """`frames` at the recipe's rate, their header, and who tells what ran; the engine is held until `until` is closed.

    RIFE runs in a child process (tasks/engines.py), optical flow in this one.
    """
    engine: Any
    if recipe.engine == "rife":
        kwargs = {"weights_dir": str(weights_dir), "device": device}
        factory = "models.rife.network:Interpolator" if recipe.runtime == "torch" else "models.rife:Interpolator"
        engine = until.enter_context(engines.use(factory, kwargs, device=device, lane="interpolate"))
    else:
        engine = until.enter_context(flow.Interpolator())
    return *resample(frames, clip, Fraction(recipe.rate_out), engine, recipe.loop), lambda: _of_this_clip(engine.ran())


def _of_this_clip(ran: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without the count of a kept engine's frames, which are those of earlier shots too."""
    return {name: value for name, value in ran.items() if name != "frames"}
