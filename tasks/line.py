"""The line a batch is worked on: three steps side by side, shots handed from one to the next as they become ready.

`prepare` makes stills, `generate` masters and mezzanines, `deliver` files. Each step may run in a thread of its own;
only ids and rows pass between them. One bad shot leaves the line and never stops it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from catalog.claims import Claim
from catalog.deliveries import Reuse
from catalog.errors import StaleClaim
from catalog.executions import Made
from catalog.queries import ShotRow, run
from manifests.ask import Ask
from manifests.errors import InputError
from tasks.deliver import Job, Refused, deliver_rendition
from tasks.errors import decide
from tasks.execute import intact
from tasks.generate import generate_shot
from tasks.planner.plan import DeliveryPlan, RenditionPlan, ShotPlan
from tasks.planner.shot import camera_fallback, plan_shot
from tasks.prepare import PictureFacts, look
from tasks.submission import new_renditions
from tasks.svd import Drifted
from tasks.tools import Tools
from tasks.way import PictureChanged, prepare_shot

ATTEMPTS = 3
"""Tries of one step of a shot whose error says it may pass."""
BACKOFF_SECONDS = 2.0
"""Before the second try; four times as long before the third."""

log = logging.getLogger("dailies.line")


@dataclass
class _Work:
    """A claimed shot on the line."""

    claim: Claim
    row: ShotRow
    plan: ShotPlan
    wanted: dict[str, list[DeliveryPlan]] = field(default_factory=dict)
    stills: dict[str, Made] = field(default_factory=dict)
    stored: dict[str, Made] = field(default_factory=dict)
    tries: int = 1

    @property
    def renditions(self) -> list[RenditionPlan]:
        """Those with something to make."""
        return [rendition for rendition in self.plan.renditions if self.wanted.get(rendition.name)]


class Line:
    """The claimed shots of one batch."""

    def __init__(self, tools: Tools, claims: Sequence[Claim], rows: Sequence[ShotRow]) -> None:
        by_id = {row.id: row for row in rows}
        self._tools = tools
        self._work = [
            _Work(claim, by_id[claim.shot_id], ShotPlan.model_validate(by_id[claim.shot_id].plan)) for claim in claims
        ]
        self._prepared: SimpleQueue[_Work | None] = SimpleQueue()
        self._generated: SimpleQueue[_Work | None] = SimpleQueue()

    def prepare(self) -> None:
        """Stills of every shot; shots that turn out to be done leave the line here."""
        try:
            for work in self._work:
                if self._step(work, self._prepare) and work.wanted:
                    self._prepared.put(work)
        finally:
            self._prepared.put(None)

    def generate(self) -> None:
        """Stored frames, for the renditions whose plan keeps them."""
        try:
            while (work := self._prepared.get()) is not None:
                if self._step(work, self._generate):
                    self._generated.put(work)
        finally:
            self._generated.put(None)

    def deliver(self) -> None:
        """Files. A shot is done when all of its deliveries are."""
        while (work := self._generated.get()) is not None:
            if self._step(work, self._deliver):
                self._end(work, "done")

    def _prepare(self, work: _Work) -> None:
        try:
            self._make_stills(work)
        except PictureChanged:
            self._plan_anew(work)
            self._make_stills(work)

    def _make_stills(self, work: _Work) -> None:
        work.wanted = self._missing(work)
        if not work.wanted:
            self._end(work, "done")
            return
        for rendition in work.renditions:
            work.stills[rendition.name] = prepare_shot(self._tools, work.claim, work.plan, rendition)

    def _generate(self, work: _Work) -> None:
        for rendition in work.renditions:
            try:
                self._store(work, rendition)
            except Drifted as drift:
                self._store(work, self._by_camera(work, rendition, drift))

    def _store(self, work: _Work, rendition: RenditionPlan) -> None:
        if rendition.master:
            still = work.stills[rendition.name]
            work.stored[rendition.name] = generate_shot(self._tools, work.claim, rendition, still)

    def _by_camera(self, work: _Work, rendition: RenditionPlan, drift: Drifted) -> RenditionPlan:
        """The same rendition by the camera engine, its still made; the shot's plan says so from now on."""
        kind = run(self._tools.catalog, work.row.run_id).kind
        ask = Ask.model_validate(work.row.ask)
        camera = camera_fallback(rendition, ask, kind, self._look(work, ask), self._tools.means, str(drift))
        if not isinstance(camera, RenditionPlan):
            raise InputError(camera[0])
        log.warning("shot %s: %s; the camera engine makes %s", work.row.key, drift, rendition.name)
        renditions = tuple(camera if one.name == rendition.name else one for one in work.plan.renditions)
        notes = (*work.plan.notes, f"{rendition.name}: {drift}; made by the camera engine")
        still = prepare_shot(self._tools, work.claim, work.plan, camera)  # first: what fails here is tried again whole
        self._replan(work, work.plan.model_copy(update={"renditions": renditions, "notes": notes}))
        missing = {one.preset for one in work.wanted[camera.name]}
        work.stills[camera.name] = still
        work.wanted[camera.name] = [one for one in camera.deliveries if one.preset in missing]
        return camera

    def _deliver(self, work: _Work) -> None:
        """All renditions, also after one whose file was refused."""
        refused: list[Refused] = []
        for rendition in work.renditions:
            name = rendition.name
            wanted, still, stored = work.wanted[name], work.stills[name], work.stored.get(name)
            try:
                deliver_rendition(self._tools, Job(work.claim, rendition, wanted, still, stored, work.plan.refresh))
            except Refused as fault:
                refused.append(fault)
        if refused:
            raise refused[0]

    def _missing(self, work: _Work) -> dict[str, list[DeliveryPlan]]:
        """What is to be made, by rendition; deliveries that stand, and whose bytes do, are served as they are."""
        missing: dict[str, list[DeliveryPlan]] = {}
        reuses: list[Reuse] = []
        for rendition in work.plan.renditions:
            for delivery in rendition.deliveries:
                made = None if work.plan.refresh else self._tools.catalog.current_delivery(delivery.ask_sha256)
                if made is not None and all(intact(self._tools, part) for part in (made.artifact, made.poster) if part):
                    reuses.append(Reuse(work.row.id, rendition.name, made.id))
                else:
                    missing.setdefault(rendition.name, []).append(delivery)
        self._tools.catalog.reuse_deliveries(reuses)
        return missing

    def _plan_anew(self, work: _Work) -> None:
        """The picture is another one now: look again and plan again, under the names that were promised."""
        ask = Ask.model_validate(work.row.ask)
        names = {one.preset: one.name for shared in work.plan.renditions for one in shared.deliveries}
        planned = plan_shot(
            work.plan.key,
            work.plan.item,
            work.plan.variant,
            work.plan.line,
            ask,
            run(self._tools.catalog, work.row.run_id).kind,
            self._look(work, ask),
            self._tools.means,
            lambda spec: names[spec.name],
            refresh=work.plan.refresh,
        )
        if not isinstance(planned, ShotPlan):
            raise InputError(planned[0])
        log.warning("shot %s: its picture changed after it was planned; planned anew", work.row.key)
        self._replan(work, planned)

    def _look(self, work: _Work, ask: Ask) -> PictureFacts:
        return look(
            Path(work.plan.picture.path),
            mask=ask.source.mask,
            page=ask.source.page,
            product=ask.product,
            max_pixels=self._tools.max_pixels,
        )

    def _replan(self, work: _Work, plan: ShotPlan) -> None:
        work.plan = plan
        self._tools.catalog.replan(work.claim, plan.model_dump(mode="json"), new_renditions(plan))

    def _step(self, work: _Work, step: Callable[[_Work], None]) -> bool:
        """Run one step of one shot; False when the shot has left the line."""
        for attempt in range(1, ATTEMPTS + 1):
            if self._tools.cancelled():
                self._tools.catalog.release([work.claim])
                return False
            try:
                step(work)
                return True
            except Exception as error:
                verdict = decide(error)
                if verdict.action in ("retry", "step_down") and attempt < ATTEMPTS:
                    log.warning("shot %s: %s (try %d of %d)", work.row.key, verdict.message, attempt, ATTEMPTS)
                    work.tries += 1
                    time.sleep(BACKOFF_SECONDS * 4 ** (attempt - 1))
                    continue
                if verdict.action == "drop":
                    self._tools.catalog.release([work.claim])
                    return False
                if verdict.code == "UNEXPECTED":
                    log.exception("shot %s", work.row.key)
                said = verdict.message + (f"; {verdict.remedy}" if verdict.remedy not in verdict.message else "")
                self._end(work, "quarantined" if verdict.action == "quarantine" else "failed", verdict.code, said)
                return False
        return False

    def _end(self, work: _Work, state: str, code: str | None = None, message: str | None = None) -> None:
        try:
            self._tools.catalog.finish_shot(work.claim, state, code, message, attempts=work.tries)  # type: ignore[arg-type]
        except StaleClaim:
            log.warning("shot %s: its lease ran out, another worker has it now", work.row.key)
