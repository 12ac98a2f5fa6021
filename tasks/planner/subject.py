"""What is planned: a complete ask, the picture it is about, and what the machine can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from manifests.ask import Ask
from tasks.planner.plan import Means
from tasks.prepare import PictureFacts


@dataclass(frozen=True)
class Subject:
    """`kind`: the manifest's, `product` or `storyboard`. `facts`: the picture's, from `tasks.prepare.look`; `until`:
    those of the picture it ends on, where the ask names one."""

    ask: Ask
    kind: str
    facts: PictureFacts
    means: Means
    until: PictureFacts | None = None

    @property
    def whole(self) -> bool:
        """The whole picture is the subject, as a storyboard panel is."""
        return self.facts.product == "whole"

    @property
    def cutout(self) -> bool:
        """The product can stand apart from its backdrop."""
        return self.facts.product in ("alpha", "mask")

    @cached_property
    def ending(self) -> Subject | None:
        """The picture it ends on as a subject of the same ask: told from its surroundings and placed as the first."""
        if self.until is None or self.ask.svd.last is None:
            return None
        asked = self.ask.model_copy(update={"source": self.ask.svd.last})
        return replace(self, ask=asked, facts=self.until, until=None)

    @cached_property
    def asked_of_pixels(self) -> Mapping[str, Any]:
        """What of the ask changes pixels and is not left at its built-in default; JSON-able."""
        return self.ask.model_dump(mode="json", exclude_defaults=True, exclude=NOT_PIXELS)

    @property
    def parallax(self) -> float:
        """Depth between product and backdrop, 0 where the product is no layer of its own."""
        if not self.cutout:
            return 0.0
        if self.ask.motion.parallax == "auto":
            return DEPTH if self.ask.motion.move in DEEP_MOVES else 0.0
        return self.ask.motion.parallax


_WORDS = ("source", "title", "tags", "meta", "deliver", "variants", "prompt", "scene", "transition", "sound")
_PANEL_WORDS = ("shot", "panel", "dialogue", "action", "notes")
NOT_PIXELS: Mapping[str, Any] = {**dict.fromkeys((*_WORDS, *_PANEL_WORDS), True), "svd": {"until": True}}
"""Keys of an ask that change no pixel of any delivery; what a prompt fills does, the prompt itself does not. Pictures
are told apart by their bytes, not by where they lie."""
DEEP_MOVES = ("orbit", "arc", "drift")
"""Moves that live from depth: `parallax: auto` gives them some where the product can be told from its backdrop."""
DEPTH = 0.35
