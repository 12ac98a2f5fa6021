"""One claimed shot on the line: what is wanted of it, and what it has so far.

A picture that changed since it was planned is planned anew, and a clip that drifts from its product goes to the camera
engine.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from catalog.claims import Claim
from catalog.made import Made
from catalog.queries import ShotRow, run
from manifests.ask import Ask
from manifests.errors import InputError
from manifests.preset_names import CATALOGUED
from manifests.source import ImageSource
from tasks.encode_pass import Job
from tasks.generate import generate_shot
from tasks.planner.plan import DeliveryPlan, RenditionPlan, ShotPlan
from tasks.planner.shot import camera_fallback, plan_shot
from tasks.prepare import PictureFacts, look
from tasks.stored import run_stored
from tasks.submission import new_renditions
from tasks.svd import Drifted
from tasks.tools import Tools
from tasks.way import kept, still

log = logging.getLogger("dailies.line")


@dataclass
class Work:
    """A claimed shot on the line; `wanted` is empty once every delivery of it stands."""

    tools: Tools
    claim: Claim
    row: ShotRow
    plan: ShotPlan = field(init=False)
    wanted: dict[str, list[DeliveryPlan]] = field(default_factory=dict)
    stills: dict[str, Made] = field(default_factory=dict)
    stored: dict[str, Made] = field(default_factory=dict)
    tries: int = 1
    """What it is charged when it ends."""

    @property
    def renditions(self) -> list[RenditionPlan]:
        """Those with something to make."""
        return [rendition for rendition in self.plan.renditions if self.wanted.get(rendition.name)]

    @property
    def deliveries(self) -> list[tuple[str, DeliveryPlan]]:
        """All that was asked for, beside the names of its renditions."""
        return [(rendition.name, delivery) for rendition in self.plan.renditions for delivery in rendition.deliveries]

    def read_plan(self) -> None:
        """Its plan, as it stands in the catalog."""
        self.plan = ShotPlan.model_validate(self.row.plan)

    def generate(self) -> None:
        """Stored frames, for the renditions whose plan keeps them."""
        for rendition in self.renditions:
            try:
                self._store(rendition)
            except Drifted as drift:
                self._store(self._by_camera(rendition, drift))

    def _store(self, rendition: RenditionPlan) -> None:
        if rendition.master:
            self.stored[rendition.name] = generate_shot(self.tools, self.claim, rendition, self.stills[rendition.name])

    def _by_camera(self, rendition: RenditionPlan, drift: Drifted) -> RenditionPlan:
        """The same rendition by the camera engine, its still made; the shot's plan says so from now on."""
        kind = run(self.tools.catalog, self.row.run_id).kind
        ask = Ask.model_validate(self.row.ask, context=CATALOGUED)
        facts, until = self._kept_pictures(ask)
        camera = camera_fallback(rendition, ask, kind, facts, self.tools.means, str(drift), until)
        if not isinstance(camera, RenditionPlan):
            raise InputError(camera[0])
        log.warning("shot %s: %s; the camera engine makes %s", self.row.key, drift, rendition.name)
        renditions = tuple(camera if one.name == rendition.name else one for one in self.plan.renditions)
        notes = (*self.plan.notes, f"{rendition.name}: {drift}; made by the camera engine")
        make = still(self.tools, self.claim, self.plan, camera, partial(kept, self.tools))
        made = run_stored(self.tools, make)  # first: what fails here is tried again whole
        self._replan(self.plan.model_copy(update={"renditions": renditions, "notes": notes}))
        missing = {one.preset for one in self.wanted[camera.name]}
        self.stills[camera.name] = made
        self.wanted[camera.name] = [one for one in camera.deliveries if one.preset in missing]
        return camera

    def job(self, rendition: RenditionPlan) -> Job:
        """What is to be delivered of a rendition."""
        name = rendition.name
        wanted, made, stored = self.wanted[name], self.stills[name], self.stored.get(name)
        return Job(self.claim, rendition, wanted, made, stored, self.plan.refresh)

    def plan_anew(self) -> None:
        """The picture is another one now: look again and plan again, under the names that were promised."""
        ask = Ask.model_validate(self.row.ask, context=CATALOGUED)
        names = {one.preset: one.name for shared in self.plan.renditions for one in shared.deliveries}
        last = ask.svd.last
        planned = plan_shot(
            self.plan.key,
            self.plan.item,
            self.plan.variant,
            self.plan.line,
            ask,
            run(self.tools.catalog, self.row.run_id).kind,
            self._look(ask, ask.source, Path(self.plan.picture.path), ask.source.mask),
            self.tools.means,
            lambda spec: names[spec.name],
            refresh=self.plan.refresh,
            until=self._look(ask, last, last.path, last.mask) if last else None,
        )
        if not isinstance(planned, ShotPlan):
            raise InputError(planned[0])
        log.warning("shot %s: its picture changed after it was planned; planned anew", self.row.key)
        self._replan(planned)

    def _kept_pictures(self, ask: Ask) -> tuple[PictureFacts, PictureFacts | None]:
        """Facts of its picture and of the one it ends on, of the bytes it was planned for, on any machine."""
        store, seen = self.tools.catalog.store, list[PictureFacts]()
        for source, picture in ((ask.source, self.plan.picture), (ask.svd.last, self.plan.picture.until)):
            if source and picture:
                mask = store.path(picture.mask_sha256) if picture.mask else None
                seen.append(self._look(ask, source, store.path(picture.sha256), mask))
        return seen[0], seen[1] if len(seen) > 1 else None

    def _look(self, ask: Ask, source: ImageSource, picture: Path, mask: Path | None) -> PictureFacts:
        return look(
            picture,
            mask=mask,
            page=source.page,
            product=ask.product,
            max_pixels=self.tools.max_pixels,
        )

    def _replan(self, plan: ShotPlan) -> None:
        self.plan = plan
        self.tools.catalog.replan(self.claim, plan.model_dump(mode="json"), new_renditions(plan))
