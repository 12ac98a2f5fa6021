"""The sound of a claimed scene: kept in the store as it was planned, mixed, and written down as an execution."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from catalog.claims import Claim
from catalog.made import Made
from catalog.publication import StagedFile
from manifests.errors import InputError, Problem
from tasks.encode import versions as encoder_versions
from tasks.execute import Execution, Input, Result, Stage, staged
from tasks.planner.scene import ScenePlan, SoundPlan
from tasks.scene.mix import SAMPLES, mix, samples_of
from tasks.scene.recipe import MixRecipe, TrackRecipe
from tasks.stored import Storing, run_stored
from tasks.tools import Tools

MIX_VERSION = 2
BITRATE = 192_000


def scene_sound(tools: Tools, claim: Claim, rendition: str, plan: ScenePlan, frames: int) -> Made:
    """The mixed sound of a scene of so many `frames`, its leader counted; silence where it has none.

    Raises InputError (`SOUND_CHANGED`), MixError, Cancelled, and what else a stage raises.
    """
    sounds = sorted(plan.sounds, key=lambda one: (Fraction(one.at), one.sha256, one.gain))
    roles = {sha256: f"sound-{number}" for number, sha256 in enumerate(dict.fromkeys(one.sha256 for one in sounds))}
    rate = Fraction(plan.rate)
    lead = Fraction(plan.leader) / rate
    tracks = tuple(
        TrackRecipe(sound=roles[one.sha256], gain=one.gain, sample=round((Fraction(one.at) + lead) * SAMPLES))
        for one in sounds
    )
    recipe = MixRecipe(tracks=tracks, samples=samples_of(frames, rate), loudness=plan.loudness, bitrate=BITRATE)
    for one in sounds:
        _keep(tools, one)
    stage = Stage(
        name="mix",
        version=MIX_VERSION,
        recipe=recipe,
        engine="ffmpeg",
        versions=encoder_versions(tools.ffmpeg, "h264"),
        inputs=[Input.file(role, sha256) for sha256, role in roles.items()],
        work=frames / float(rate),
    )

    def make(execution: Execution) -> Result:
        path = staged(tools, ".m4a")
        files = {role: tools.catalog.store.path(sha256) for sha256, role in roles.items()}
        execution.progress(0, 1)
        measured = mix(recipe, files, path, ffmpeg=tools.ffmpeg, cancelled=tools.cancelled)
        return Result([StagedFile(path, "sound", "sound", {"samples": recipe.samples})], measured)

    return run_stored(tools, Storing(claim, rendition, stage, make))


def _keep(tools: Tools, sound: SoundPlan) -> None:
    """A sound in the store, as it was when the scene was planned. Raises InputError (`SOUND_CHANGED`)."""
    catalog, path = tools.catalog, Path(sound.path)
    if catalog.holds(sound.sha256):
        return
    try:
        found = catalog.ingest(path, "source", {"name": path.name})
    except FileNotFoundError:
        found = ""
    if found != sound.sha256:
        what = "is another one now" if found else "is gone"
        told = f"the sound '{path.name}' {what}, since the scene was planned"
        raise InputError(Problem("SOUND_CHANGED", told, "run the manifest again: it is planned with what is there"))
