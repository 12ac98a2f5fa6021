"""One shot turning into the next along optical flow, where the two pictures show the same things; else a dissolve."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from models.clip import Planes
from models.flow import Interpolator
from tasks.encode.poster import rgb_of
from tasks.scene.planes import mixed, planes_of

LEAST = 0.5
"""Share of both pictures that must have its like in the other (`models.flow.Pair.belief`): 0.7 and more was seen on one
scene in motion, under 0.02 on two different ones. Below it lines would crawl where they should fade."""


class Morph:
    """The frames of one transition. What `ran` says is decided by its first pair of frames, and holds for all."""

    def __init__(self) -> None:
        self._flow = Interpolator()
        self.ran: dict[str, Any] = {}

    def __enter__(self) -> Morph:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._flow.close()

    def at(self, going: Planes, coming: Planes, share: float) -> Planes:
        """The frame at `share` (0..1) of the way from what goes to what comes."""
        if self.ran.get("morph") == "dissolve":
            return mixed(going, coming, share)
        pair = self._flow.pair(rgb_of(going), rgb_of(coming))
        if not self.ran:
            alike = round(pair.belief, 3)
            self.ran = {"morph": "flow" if alike >= LEAST else "dissolve", "alike": alike}
            if alike < LEAST:
                return mixed(going, coming, share)
        return planes_of(pair.at(share))
