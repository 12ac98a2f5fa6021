"""The prepare stage: from any picture file to a staged still."""

from __future__ import annotations

from collections.abc import Mapping
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
    "load_ending",
    "look",
    "open_picture",
    "prepare",
    "role_of_ending",
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


UNTIL = "until-"
"""Begins the roles of a second still, the one a clip ends on."""


def role_of_ending(role: str) -> str:
    """The role of a file of the second still that is `role` in its own."""
    return f"{UNTIL}{role}"


def load_ending(files: Mapping[str, Path]) -> Still:
    """The still that a clip ends on, from all files of an execution. Raises as `load`; KeyError where there is none."""
    return load({role.removeprefix(UNTIL): path for role, path in files.items() if role.startswith(UNTIL)})
