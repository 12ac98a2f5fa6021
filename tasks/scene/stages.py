"""Which stages a scene is made by, at which version: the planner asks what stands, the assembly what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from tasks.encode import versions as encoder_versions
from tasks.execute import Input, Stage
from tasks.planner.scene import ScenePlan
from tasks.planner.work import encode_work
from tasks.scene.cues import cues_of
from tasks.scene.mix import SAMPLES, samples_of
from tasks.scene.recipe import AssembleRecipe, MixRecipe, TrackRecipe
from tasks.scene.segments import Segment
from tasks.scene.versions import picture_versions

SEGMENT_VERSION: Final = 1
MIX_VERSION: Final = 2
ASSEMBLE_VERSION: Final = 1
BITRATE: Final = 192_000
FRAME_WORK: Final = 2.0
"""Of a segment, against encoding its frames alone: they are read and mixed too."""


def segment_stage(ffmpeg: Path, piece: Segment, clips: Mapping[str, str]) -> Stage:
    """One segment, of the clips (SHA-256 by shot key) that are in it."""
    encode = piece.recipe.encode
    return Stage(
        name="segment",
        version=SEGMENT_VERSION,
        recipe=piece.recipe,
        engine="dailies",
        versions={**picture_versions(), **encoder_versions(ffmpeg, encode.codec)},
        inputs=[Input.file(role, clips[event.key]) for role, event in piece.clips.items()],
        work=encode_work(encode) * FRAME_WORK,
    )


def mix_recipe(plan: ScenePlan, frames: int) -> tuple[MixRecipe, Mapping[str, str]]:
    """How the sound of so many frames is mixed, its leader counted; and what each role is, by SHA-256."""
    sounds = sorted(plan.sounds, key=lambda one: (Fraction(one.at), one.sha256, one.gain))
    roles = {sha256: f"sound-{number}" for number, sha256 in enumerate(dict.fromkeys(one.sha256 for one in sounds))}
    rate = Fraction(plan.rate)
    lead = Fraction(plan.leader) / rate
    tracks = tuple(
        TrackRecipe(sound=roles[one.sha256], gain=one.gain, sample=round((Fraction(one.at) + lead) * SAMPLES))
        for one in sounds
    )
    recipe = MixRecipe(tracks=tracks, samples=samples_of(frames, rate), loudness=plan.loudness, bitrate=BITRATE)
    return recipe, roles


def mix_stage(ffmpeg: Path, recipe: MixRecipe, roles: Mapping[str, str]) -> Stage:
    """The sound under a scene."""
    return Stage(
        name="mix",
        version=MIX_VERSION,
        recipe=recipe,
        engine="ffmpeg",
        versions=encoder_versions(ffmpeg, "h264"),
        inputs=[Input.file(role, sha256) for sha256, role in roles.items()],
        work=recipe.samples / SAMPLES,
    )


def assemble_recipe(plan: ScenePlan, pieces: Sequence[Segment], missing: Mapping[str, str]) -> AssembleRecipe:
    """How segments are joined. `missing`: why the events of these keys have no clip."""
    shown = [event for event in plan.events if event.key not in missing] or list(plan.events)
    return AssembleRecipe(
        encode=plan.delivery.encode,
        segments=tuple(piece.frames for piece in pieces),
        cues=cues_of(plan) if plan.subtitles else (),
        poster_at=plan.leader + shown[0].start + shown[0].frames // 2,  # the middle of the first shot that is there
    )


def assemble_stage(ffmpeg: Path, recipe: AssembleRecipe, segments: Sequence[str], sound: str) -> Stage:
    """The joined file, of segments and a sound by their SHA-256."""
    return Stage(
        name="assemble",
        version=ASSEMBLE_VERSION,
        recipe=recipe,
        engine="dailies",
        versions={"av": av.__version__, **encoder_versions(ffmpeg, recipe.encode.codec)},
        inputs=[
            *(Input.file(f"segment-{number:05}", sha256) for number, sha256 in enumerate(segments)),
            Input.file("sound", sound),
        ],
        work=encode_work(recipe.encode) / 20,
    )
