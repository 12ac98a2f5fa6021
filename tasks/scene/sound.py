"""The sound of a claimed scene: kept in the store as it was planned, mixed, and written down as an execution."""

from __future__ import annotations

from pathlib import Path

from catalog.claims import Claim
from catalog.made import Made
from catalog.publication import StagedFile
from manifests.errors import InputError, Problem
from tasks.execute import Execution, Result, intact, staged
from tasks.planner.scene import ScenePlan, SoundPlan
from tasks.scene.mix import mix
from tasks.scene.stages import mix_recipe, mix_stage
from tasks.stored import Storing, run_stored
from tasks.tools import Tools


def scene_sound(tools: Tools, claim: Claim, rendition: str, plan: ScenePlan, frames: int) -> Made:
    """The mixed sound of a scene of so many `frames`, its leader counted; silence where it has none.

    Raises InputError (`SOUND_CHANGED`), MixError, Cancelled, and what else a stage raises.
    """
    recipe, roles = mix_recipe(plan, frames)
    for one in plan.sounds:
        _keep(tools, one)

    def make(execution: Execution) -> Result:
        path = staged(tools, ".m4a")
        files = {role: tools.catalog.store.path(sha256) for sha256, role in roles.items()}
        execution.progress(0, 1)
        measured = mix(recipe, files, path, ffmpeg=tools.ffmpeg, cancelled=tools.cancelled)
        return Result([StagedFile(path, "sound", "sound", {"samples": recipe.samples})], measured)

    return run_stored(tools, Storing(claim, rendition, mix_stage(tools.ffmpeg, recipe, roles), make))


def _keep(tools: Tools, sound: SoundPlan) -> None:
    """A sound in the store, whole, as it was when the scene was planned. Raises InputError (`SOUND_CHANGED`)."""
    catalog, path = tools.catalog, Path(sound.path)
    if catalog.holds(sound.sha256) and intact(tools, sound.sha256):
        return
    try:
        found = catalog.ingest(path, "source", {"name": path.name})
    except FileNotFoundError:
        found = ""
    if found != sound.sha256:
        what = "is another one now" if found else "is gone"
        told = f"the sound '{path.name}' {what}, since the scene was planned"
        raise InputError(Problem("SOUND_CHANGED", told, "run the manifest again: it is planned with what is there"))
