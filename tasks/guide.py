"""What SVD is shown: the still as the commanded camera sees it, a view for every frame, and where the product is.

Between two pictures no camera is commanded: the first still is shown for the first frame, the other for the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path

from models import camera
from models.clip import Clip
from models.svd.settings import Picture
from tasks.animate import path_of, scene_of, sweep_of
from tasks.prepare import Still, load, load_ending
from tasks.recipe import SvdRecipe


def guide(files: Mapping[str, Path], recipe: SvdRecipe, *, workers: int) -> Iterator[Picture]:
    """Views of the prepared stills in `files` at the recipe's canvas: all of its camera's, the first alone, or each
    still at rest where the clip leads from one to the other.

    Raises CameraError where still and recipe do not fit together.
    """
    still = load(dict(files))
    if recipe.task == "inbetween":
        return chain(_views(still, recipe, workers), _views(load_ending(files), recipe, workers))
    return _views(still, recipe, workers)


def _views(still: Still, recipe: SvdRecipe, workers: int) -> Iterator[Picture]:
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
