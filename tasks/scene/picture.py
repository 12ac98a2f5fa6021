"""The frames of a segment: its clips read back, mixed, and written over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import repeat
from pathlib import Path

from models.clip import Planes
from models.errors import EngineError
from tasks.scene.burn import Burner
from tasks.scene.card import card
from tasks.scene.morph import Morph
from tasks.scene.planes import dimmed, mixed, planes_of, read_planes
from tasks.scene.recipe import PartRecipe, SegmentRecipe


def frames_of(recipe: SegmentRecipe, clips: Mapping[str, Path], morph: Morph) -> Iterator[Planes]:
    """All frames of a segment; `clips` are its inputs by role, `morph` what makes those of one. Memory is a frame of
    each.

    Raises EngineError (`CLIP_SHORT`), FontMissing.
    """
    burner = Burner(recipe)
    with ExitStack() as read:
        parts = [_frames(part, recipe, clips, read) for part in recipe.parts]
        for index in range(recipe.encode.frames):
            yield burner.burned(_picture(recipe, parts, index, morph), index)


def _picture(recipe: SegmentRecipe, parts: list[Iterator[Planes]], index: int, morph: Morph) -> Planes:
    if recipe.kind == "whole":
        return _next(parts[0], index)
    count = recipe.encode.frames
    if recipe.kind == "morph":
        return morph.at(_next(parts[0], index), _next(parts[1], index), (index + 0.5) / count)
    if recipe.kind == "dissolve":
        return mixed(_next(parts[0], index), _next(parts[1], index), (index + 0.5) / count)
    if index < recipe.cut:  # to black, which is reached with the cut
        return dimmed(_next(parts[0], index), 1 - (index + 0.5) / recipe.cut)
    return dimmed(_next(parts[1], index), (index - recipe.cut + 0.5) / (count - recipe.cut))


def _frames(part: PartRecipe, recipe: SegmentRecipe, clips: Mapping[str, Path], read: ExitStack) -> Iterator[Planes]:
    """One part's frames, from the segment's first one on; a shot that is dipped into comes with its own first one."""
    if not part.clip:
        return repeat(planes_of(card(part.card, recipe.encode.width, recipe.encode.height)))
    return read.enter_context(closing(read_planes(clips[part.clip], max(0, part.first))))


def _next(frames: Iterator[Planes], index: int) -> Planes:
    found = next(frames, None)
    if found is None:
        raise EngineError(f"scene: a clip ends before frame {index} of its segment", code="CLIP_SHORT")
    return found
