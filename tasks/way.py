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
from tasks.execute import Execution, Result, intact, staged
from tasks.planner.plan import RenditionPlan, ShotPlan
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
    """What makes the still of one rendition. Its source is stored first, so that the bytes planned are those staged.

    `keep` is `kept` or remembers it. Raises PictureChanged, InputError; EngineError, where it is enlarged first.
    """
    store = tools.catalog.store
    source, mask = keep(plan.picture.path, plan.picture.sha256), None
    if plan.picture.mask:
        mask = keep(plan.picture.mask, plan.picture.mask_sha256)
    chain = chain_of(tools)
    enlarged: Made | None = None
    scale = 1
    if (recipe := rendition.upscale_still) is not None:
        scale = recipe.scale
        stage = chain.upscale_still(recipe, plan.picture)
        device = stage.device

        def enlarge(execution: Execution) -> Result:
            target = staged(tools, ".png")
            media, ran = upscale.upscale_still(
                store.path(source), recipe, target, engines=tools.engines, device=device, progress=execution.progress
            )
            return Result([StagedFile(target, "picture", "upscaled", media)], ran)

        enlarged = run_stored(tools, Storing(claim, "", stage, enlarge))
    picture_sha256 = enlarged.output("picture").sha256 if enlarged else source

    def make(_: Execution) -> Result:
        with tempfile.TemporaryDirectory(dir=store.incoming) as folder:
            picture, matte = store.path(picture_sha256), store.path(mask) if mask else None
            files = prepare.prepare(picture, matte, rendition.prepare, Path(folder), scale=scale)
            return Result([StagedFile(_moved(tools, path), role, "still") for role, path in files.items()])

    return Storing(claim, rendition.name, chain.prepare(rendition, plan.picture, enlarged), make)


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
