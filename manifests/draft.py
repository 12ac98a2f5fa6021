"""A draft: everything once, small and quick, to see pacing and moves before anything is made well."""

from __future__ import annotations

from dataclasses import replace

from manifests.ask import Upscale
from manifests.manifest import Manifest

DRAFT = "draft_576p"
"""The preset of drafts. They take no place of what is delivered otherwise."""


def drafted(manifest: Manifest) -> Manifest:
    """`manifest` with every shot and scene as a draft: one small delivery, quickly encoded, no picture enlarged."""
    quick = {"deliver": (DRAFT,), "speed": "draft", "upscale": Upscale(still=False)}
    shots = tuple(replace(shot, ask=shot.ask.model_copy(update=quick)) for shot in manifest.shots)
    small = {"preset": DRAFT, "speed": "draft"}
    scenes = {name: scene.model_copy(update=small) for name, scene in manifest.scenes.items()}
    draft = replace(manifest, shots=shots, scenes=scenes)
    return replace(draft, sha256=draft.digest())
