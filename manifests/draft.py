"""A draft: everything once, small and quick, to see pacing and moves before anything is made well."""

from __future__ import annotations

from dataclasses import replace

from manifests.ask import Render, Upscale
from manifests.manifest import Manifest
from manifests.names import DEFAULT_TEMPLATE

DRAFT = "draft_576p"
"""The preset of drafts. They take no place of what is delivered otherwise."""


_QUICK: dict[str, object] = {
    "deliver": (DRAFT,),
    "speed": "draft",
    "upscale": Upscale(still=False),
    "render": Render(),
}


def drafted(manifest: Manifest) -> Manifest:
    """`manifest` with every item, shot and scene as a draft: one small delivery, quickly encoded, no picture enlarged.

    What the items wish for themselves counts no more than the defaults; rows that were refused stay so. Files that only
    their presets kept apart are named by their ids.
    """
    items = tuple(replace(item, ask=item.ask.model_copy(update=_QUICK)) for item in manifest.items)
    shots = tuple(replace(shot, ask=shot.ask.model_copy(update=_QUICK)) for shot in manifest.shots)
    small = {"preset": DRAFT, "speed": "draft"}
    scenes = {name: scene.model_copy(update=small) for name, scene in manifest.scenes.items()}
    draft = replace(manifest, items=items, shots=shots, scenes=scenes)
    if len({draft.output(shot, DRAFT).casefold() for shot in shots}) < len(shots):
        draft = replace(draft, out_template=DEFAULT_TEMPLATE)
    return replace(draft, sha256=draft.digest())
