"""Which scenes that stand newer code, fonts or encoders would make differently."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from catalog.catalog import Catalog
from catalog.deliveries import Delivered
from catalog.queries import run
from tasks.planner.scene import ScenePlan
from tasks.scene.segments import segments
from tasks.scene.stages import assemble_recipe, assemble_stage, mix_recipe, mix_stage, segment_stage


def older_scenes(
    catalog: Catalog,
    ffmpeg: Path,
    scenes: Sequence[ScenePlan],
    current: Mapping[str, Delivered],
    older_clips: Collection[str],
) -> frozenset[str]:
    """Those of `scenes` that stand, and that would be made of other clips or otherwise today; by their `ask_sha256`.

    `current`: deliveries by what was asked; `older_clips`: what was asked of those that would be made differently.
    """
    return frozenset(
        scene.delivery.ask_sha256
        for scene in scenes
        if (standing := current.get(scene.delivery.ask_sha256)) is not None
        and (
            any(event.ask_sha256 in older_clips for event in scene.events)
            or _today(catalog, ffmpeg, scene, standing) != standing.recipe_sha256
        )
    )


def _today(catalog: Catalog, ffmpeg: Path, scene: ScenePlan, standing: Delivered) -> str | None:
    """What the stage that makes it is called today; None where something before it would be made anew."""
    found = catalog.current_deliveries([event.ask_sha256 for event in scene.events if event.ask_sha256])
    clips = {event.key: found[event.ask_sha256][-1].artifact for event in scene.events if event.ask_sha256 in found}
    missing = {event.key: event.missing for event in scene.events if event.missing}
    if any(event.key not in clips and event.key not in missing for event in scene.events):
        return None
    # The date of the run that made it is burned in.
    date = f"{run(catalog, standing.shot_id.rpartition('.')[0]).created_at:%Y-%m-%d}"
    pieces = segments(scene, missing, date)
    stages = [segment_stage(ffmpeg, piece, clips) for piece in pieces]
    stages.append(mix_stage(ffmpeg, *mix_recipe(scene, sum(piece.frames for piece in pieces))))
    made = catalog.find_done_many(list(dict.fromkeys(stage.sha256 for stage in stages)))
    if any(stage.sha256 not in made for stage in stages):
        return None
    *files, sound = [made[stage.sha256].outputs[0].sha256 for stage in stages]
    return assemble_stage(ffmpeg, assemble_recipe(scene, pieces, missing), files, sound).sha256
