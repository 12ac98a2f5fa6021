"""What SVD is shown: the still as the commanded camera sees it, a view for every frame, and where the product is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

from models import camera
from models.clip import Clip
from models.svd.settings import Picture
from tasks.animate import path_of, scene_of, sweep_of
from tasks.prepare import load
from tasks.recipe import SvdRecipe


def guide(files: Mapping[str, Path], recipe: SvdRecipe, *, workers: int) -> Iterator[Picture]:
    """Views of the prepared still in `files` at the recipe's canvas: all of its camera's, or the first alone.

    Raises CameraError where still and recipe do not fit together.
    """
    still = load(dict(files))
    scene = scene_of(still)
    if recipe.camera is None:
        clip = Clip(recipe.canvas_width, recipe.canvas_height, Fraction(recipe.rate), 1)
        path, sweep = camera.path(camera.Move("hold", 0.0), clip), None
    else:
        path, sweep = path_of(recipe.camera), sweep_of(recipe.camera)
    frames = camera.render(scene, path, sweep=sweep, workers=workers)
    if still.matte is None:
        return (Picture(frame, None) for frame in frames)
    return map(Picture, frames, camera.mattes(scene, path, workers=workers))
