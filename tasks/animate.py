"""Stage `animate`: a camera move over a prepared still, as a stream of frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, overload

import numpy as np

from models import camera
from models.clip import Clip, Frame, Planes
from tasks.prepare import Still, load
from tasks.recipe import AnimateRecipe, CameraRecipe

VERSION = 1


def versions() -> Mapping[str, str]:
    """The libraries that change this stage's pixels."""
    return camera.versions()


def clip_of(recipe: AnimateRecipe) -> Clip:
    """The header of the frames this recipe makes."""
    return Clip(recipe.width, recipe.height, Fraction(recipe.rate), recipe.frames)


def can_be_planes(recipe: CameraRecipe) -> bool:
    """Whether the frames can leave as 4:2:0 planes, half the samples of RGB: no sweep and no parallax."""
    return recipe.sweep == 0 and recipe.parallax == 0


@overload
def animate(
    files: Mapping[str, Path], recipe: CameraRecipe, *, planes: Literal[False], workers: int
) -> Iterator[Frame]: ...
@overload
def animate(
    files: Mapping[str, Path], recipe: CameraRecipe, *, planes: bool, workers: int
) -> Iterator[Frame] | Iterator[Planes]: ...
def animate(
    files: Mapping[str, Path], recipe: CameraRecipe, *, planes: bool, workers: int
) -> Iterator[Frame] | Iterator[Planes]:
    """The frames of `recipe` over the still in `files` (role -> file, as the prepare stage stores them).

    Raises CameraError before the first frame where still and recipe do not fit together.
    """
    still = load(dict(files))
    scene, path = scene_of(still), path_of(recipe)
    if planes:
        return camera.render(scene, path, planes=True, workers=workers)
    return camera.render(scene, path, sweep=sweep_of(recipe), workers=workers)


def scene_of(still: Still) -> camera.Scene:
    """What the camera looks at."""
    matte = still.matte
    if matte is None:  # a light sweep over a whole picture lights all of it
        matte = np.full(still.plate.shape[:2], 255, np.uint8)
    return camera.Scene(still.plate, still.home, still.layer, matte)


def sweep_of(recipe: CameraRecipe) -> camera.Sweep | None:
    """The light sweep, where there is one."""
    return camera.Sweep(recipe.sweep, recipe.sweep_angle, recipe.sweep_width) if recipe.sweep else None


def path_of(recipe: CameraRecipe) -> camera.Path:
    """The flown path; frames beyond the move's own cycle repeat it, or rest on its last view."""
    move = camera.Move(
        move=recipe.move,
        amount=recipe.amount,
        direction=recipe.direction,
        easing=recipe.easing,
        focus=recipe.focus,
        loop=recipe.loop,
        parallax=recipe.parallax,
        seed=recipe.seed,
        base=recipe.base,
    )
    clip = clip_of(recipe)
    flown = camera.path(move, replace(clip, frames=recipe.cycle))
    if recipe.cycle == recipe.frames:
        return flown
    frames = np.arange(recipe.frames)
    seen = frames % recipe.cycle if recipe.after == "repeat" else np.minimum(frames, recipe.cycle - 1)
    layer = flown.layer
    return replace(
        flown, clip=clip, plate=_at(flown.plate, seen), layer=_at(layer, seen) if layer is not None else None
    )


def _at(views: camera.Views, frames: np.ndarray) -> camera.Views:
    return camera.Views(views.cx[frames], views.cy[frames], views.w[frames], views.roll[frames])
