"""The work on one claimed shot, in three steps: its stills, what is stored of its frames, its files.

A picture that changed since it was planned is planned anew, a clip that drifts from its product goes to the camera
engine, and what stands already is served as it is.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from catalog.claims import Claim
from catalog.deliveries import Reuse
from catalog.made import Made
from catalog.queries import ShotRow, run
from manifests.ask import Ask
from manifests.errors import InputError
from tasks.deliver import Job, Refused, deliver_rendition
from tasks.execute import intact
from tasks.generate import generate_shot
from tasks.planner.plan import DeliveryPlan, RenditionPlan, ShotPlan
from tasks.planner.shot import camera_fallback, plan_shot
from tasks.prepare import PictureFacts, look
from tasks.submission import new_renditions
from tasks.svd import Drifted
from tasks.tools import Tools
from tasks.way import PictureChanged, prepare_shot

log = logging.getLogger("dailies.line")


@dataclass
class Work:
    """A claimed shot on the line; `wanted` is empty once every delivery of it stands."""

    tools: Tools
    claim: Claim
    row: ShotRow
    plan: ShotPlan = field(init=False)
    """Read by `prepare`."""
    wanted: dict[str, list[DeliveryPlan]] = field(default_factory=dict)
    stills: dict[str, Made] = field(default_factory=dict)
    stored: dict[str, Made] = field(default_factory=dict)
    tries: int = 1
    """What it is charged when it ends."""

    @property
    def renditions(self) -> list[RenditionPlan]:
        """Those with something to make."""
        return [rendition for rendition in self.plan.renditions if self.wanted.get(rendition.name)]

    def prepare(self) -> None:
        """Its stills, of what is wanted."""
        self.plan = ShotPlan.model_validate(self.row.plan)
        try:
            self._make_stills()
        except PictureChanged:
            self._plan_anew()
            self._make_stills()

    def _make_stills(self) -> None:
        self.wanted = self._missing()
        for rendition in self.renditions:
            self.stills[rendition.name] = prepare_shot(self.tools, self.claim, self.plan, rendition)

    def generate(self) -> None:
        """Stored frames, for the renditions whose plan keeps them."""
        for rendition in self.renditions:
            try:
                self._store(rendition)
            except Drifted as drift:
                self._store(self._by_camera(rendition, drift))

    def _store(self, rendition: RenditionPlan) -> None:
        if rendition.master:
            still = self.stills[rendition.name]
            self.stored[rendition.name] = generate_shot(self.tools, self.claim, rendition, still)

    def _by_camera(self, rendition: RenditionPlan, drift: Drifted) -> RenditionPlan:
        """The same rendition by the camera engine, its still made; the shot's plan says so from now on."""
        kind = run(self.tools.catalog, self.row.run_id).kind
        ask = Ask.model_validate(self.row.ask)
        picture, store = self.plan.picture, self.tools.catalog.store
        mask = store.path(picture.mask_sha256) if picture.mask else None
        facts = self._look(ask, store.path(picture.sha256), mask)  # the bytes it was planned for, on any machine
        camera = camera_fallback(rendition, ask, kind, facts, self.tools.means, str(drift))
        if not isinstance(camera, RenditionPlan):
            raise InputError(camera[0])
        log.warning("shot %s: %s; the camera engine makes %s", self.row.key, drift, rendition.name)
        renditions = tuple(camera if one.name == rendition.name else one for one in self.plan.renditions)
        notes = (*self.plan.notes, f"{rendition.name}: {drift}; made by the camera engine")
        still = prepare_shot(self.tools, self.claim, self.plan, camera)  # first: what fails here is tried again whole
        self._replan(self.plan.model_copy(update={"renditions": renditions, "notes": notes}))
        missing = {one.preset for one in self.wanted[camera.name]}
        self.stills[camera.name] = still
        self.wanted[camera.name] = [one for one in camera.deliveries if one.preset in missing]
        return camera

    def deliver(self) -> None:
        """The files of all renditions, also after one that was refused."""
        refused: list[Refused] = []
        for rendition in self.renditions:
            name = rendition.name
            wanted, still, stored = self.wanted[name], self.stills[name], self.stored.get(name)
            try:
                deliver_rendition(self.tools, Job(self.claim, rendition, wanted, still, stored, self.plan.refresh))
            except Refused as fault:
                refused.append(fault)
        if refused:
            raise refused[0]

    def _missing(self) -> dict[str, list[DeliveryPlan]]:
        """What is to be made, by rendition; deliveries that stand, and whose bytes do, are served as they are."""
        missing: dict[str, list[DeliveryPlan]] = {}
        reuses: list[Reuse] = []
        for rendition in self.plan.renditions:
            for delivery in rendition.deliveries:
                made = None if self.plan.refresh else self.tools.catalog.current_delivery(delivery.ask_sha256)
                if made is not None and all(intact(self.tools, part) for part in (made.artifact, made.poster) if part):
                    reuses.append(Reuse(self.row.id, rendition.name, made.id))
                else:
                    missing.setdefault(rendition.name, []).append(delivery)
        self.tools.catalog.reuse_deliveries(reuses)
        return missing

    def _plan_anew(self) -> None:
        """The picture is another one now: look again and plan again, under the names that were promised."""
        ask = Ask.model_validate(self.row.ask)
        names = {one.preset: one.name for shared in self.plan.renditions for one in shared.deliveries}
        planned = plan_shot(
            self.plan.key,
            self.plan.item,
            self.plan.variant,
            self.plan.line,
            ask,
            run(self.tools.catalog, self.row.run_id).kind,
            self._look(ask, Path(self.plan.picture.path), ask.source.mask),
            self.tools.means,
            lambda spec: names[spec.name],
            refresh=self.plan.refresh,
        )
        if not isinstance(planned, ShotPlan):
            raise InputError(planned[0])
        log.warning("shot %s: its picture changed after it was planned; planned anew", self.row.key)
        self._replan(planned)

    def _look(self, ask: Ask, picture: Path, mask: Path | None) -> PictureFacts:
        return look(
            picture,
            mask=mask,
            page=ask.source.page,
            product=ask.product,
            max_pixels=self.tools.max_pixels,
        )

    def _replan(self, plan: ShotPlan) -> None:
        self.plan = plan
        self.tools.catalog.replan(self.claim, plan.model_dump(mode="json"), new_renditions(plan))
