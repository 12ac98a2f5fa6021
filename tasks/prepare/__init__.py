"""The prepare stage: from any picture file to a staged still."""

from __future__ import annotations

from pathlib import Path

from tasks.prepare.look import PROBE_VERSION, PictureFacts, look
from tasks.prepare.picture import Picture, open_picture
from tasks.prepare.stage import stage
from tasks.prepare.still import Still, load, save
from tasks.recipe import PrepareRecipe

VERSION: int = 1
"""Raise when the same recipe would give other pixels."""

__all__ = [
    "PROBE_VERSION",
    "VERSION",
    "Picture",
    "PictureFacts",
    "Still",
    "load",
    "look",
    "open_picture",
    "prepare",
    "save",
    "stage",
]


def prepare(source: Path, mask: Path | None, recipe: PrepareRecipe, into: Path, *, scale: int = 1) -> dict[str, Path]:
    """Stage `source` as `recipe` says and write the still into the folder `into`: role -> file (see `save`).

    `scale` is how many times `source` was enlarged since the recipe was planned (an upscaled still): its limit on
    pixels grows with it, its page has been chosen already, and the mask keeps the original's size. Raises `InputError`
    for pictures, OSError for the folder.
    """
    # An enlarged still is one picture: the page was chosen when it was made.
    page = recipe.page if scale == 1 else 0
    picture = open_picture(source, max_pixels=recipe.max_pixels * scale * scale, page=page)
    masked = None if mask is None else open_picture(mask, max_pixels=recipe.max_pixels)
    return save(stage(picture, masked, recipe), into)
