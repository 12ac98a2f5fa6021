"""The beginning of a shot's way: its picture in the store, and the still of each rendition.

`prepare` makes the stills (here), `generate` what is stored of the frames (masters and mezzanines), `deliver` lets
frames stream from there through interpolation and the encoder into inspected, published files. Every step looks in the
catalog first, so a shot that was interrupted goes on where it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from catalog.claims import Claim
from catalog.made import Made
from catalog.publication import StagedFile
from manifests.errors import InputError, Problem
from tasks import prepare, upscale
from tasks.chain import Chain
from tasks.execute import Execution, Result, Stage, intact, staged
from tasks.planner.plan import Picture, RenditionPlan, ShotPlan
from tasks.recipe import PrepareRecipe, UpscaleRecipe
from tasks.stored import Storing, run_stored
from tasks.tools import Tools


class PictureChanged(InputError):
    """The file is not the one that was planned: the shot is planned anew, never mixed."""


def chain_of(tools: Tools) -> Chain:
    """The stages as these tools would run them."""
    return Chain(tools.ffmpeg, tools.weights_dir, tools.device)


def still(
    tools: Tools, claim: Claim, plan: ShotPlan, rendition: RenditionPlan, keep: Callable[[str, str], str]
) -> Storing:
    """What makes the still of one rendition, and that of the picture it ends on, if there is one. Sources are stored
    first, so that the bytes planned are those staged.

    `keep` is `kept` or remembers it. Raises PictureChanged, InputError; EngineError, where it is enlarged first.
    """
    chain, first, last = chain_of(tools), plan.picture, plan.picture.until
    recipes, stages = (rendition.upscale_still, rendition.upscale_until), chain.enlarge(rendition, first)
    for shown in filter(None, (first, last)):
        keep(shown.path, shown.sha256)
        if shown.mask:
            keep(shown.mask, shown.mask_sha256)
    enlarged = (
        _enlarged(tools, claim, recipes[0], stages[0], first),
        _enlarged(tools, claim, recipes[1], stages[1], last),
    )

    def make(_: Execution) -> Result:
        with tempfile.TemporaryDirectory(dir=tools.catalog.store.incoming) as folder:
            files = dict(_still(tools, first, enlarged[0], rendition.prepare, Path(folder) / "first"))
            if last and rendition.prepare.until:
                ending = _still(tools, last, enlarged[1], rendition.prepare.until, Path(folder) / "last")
                files |= {prepare.role_of_ending(role): path for role, path in ending.items()}
            return Result([StagedFile(_moved(tools, path), role, "still") for role, path in files.items()])

    return Storing(claim, rendition.name, chain.prepare(rendition, first, enlarged), make)


def _enlarged(
    tools: Tools, claim: Claim, recipe: UpscaleRecipe | None, stage: Stage | None, picture: Picture | None
) -> Made | None:
    """A source picture enlarged once, where it is; `picture` is in the store."""
    if recipe is None or stage is None or picture is None:
        return None

    def enlarge(execution: Execution) -> Result:
        target, source = staged(tools, ".png"), tools.catalog.store.path(picture.sha256)
        media, ran = upscale.upscale_still(
            source, recipe, target, engines=tools.engines, device=stage.device, progress=execution.progress
        )
        return Result([StagedFile(target, "picture", "upscaled", media)], ran)

    return run_stored(tools, Storing(claim, "", stage, enlarge))


def _still(
    tools: Tools, picture: Picture, enlarged: Made | None, recipe: PrepareRecipe, into: Path
) -> Mapping[str, Path]:
    """One picture staged: role -> file."""
    store = tools.catalog.store
    scale = enlarged.recipe["scale"] if enlarged else 1
    source = store.path(enlarged.output("picture").sha256 if enlarged else picture.sha256)
    mask = store.path(picture.mask_sha256) if picture.mask_sha256 else None
    return prepare.prepare(source, mask, recipe, into, scale=scale)


def files_of(made: Made) -> Mapping[str, Path]:
    """Role -> file of everything an execution made."""
    return {output.role: output.path for output in made.outputs}


def kept(tools: Tools, path: str, sha256: str) -> str:
    """The digest of a source picture, stored now if it is not; its file is fetched by who needs it."""
    if tools.catalog.holds(sha256) and intact(tools, sha256):
        return sha256
    try:
        found = tools.catalog.ingest(Path(path), "source", {"name": Path(path).name})
    except FileNotFoundError as error:
        raise InputError(
            Problem("PICTURE_MISSING", f"'{Path(path).name}' is gone since it was planned", "put it back, then resume")
        ) from error
    if found != sha256:
        raise PictureChanged(
            Problem("PICTURE_CHANGED", f"'{Path(path).name}' changed after it was planned", "resume plans it anew")
        )
    return sha256


def _moved(tools: Tools, path: Path) -> Path:
    return path.rename(staged(tools, path.suffix))
