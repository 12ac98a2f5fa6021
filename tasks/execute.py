"""One execution of one stage: found again if it was made before, else begun, and ended well or badly."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.claims import Claim
from catalog.errors import Damaged, NotFound, StoreUnavailable
from catalog.executions import NewExecution, Recorded, Used
from catalog.ids import new_id
from catalog.made import Made
from catalog.publication import Figure, Publication, StagedFile
from tasks.card import CardLost
from tasks.errors import Cancelled, OutOfPatience, decide
from tasks.gpu_use import GpuUse
from tasks.recipe import Recipe, recipe_sha256
from tasks.tools import Tools

log = logging.getLogger("dailies.line")


@dataclass(frozen=True)
class Input:
    """What a stage reads. `identity` enters the hash: an artifact's SHA-256, or the producer's recipe_sha256.

    Exactly one of `artifact` (SHA-256) and `producer` (execution id) says where it comes from; neither where only the
    identity is asked about.
    """

    role: str
    identity: str
    artifact: str | None = None
    producer: str | None = None

    @classmethod
    def file(cls, role: str, sha256: str) -> Input:
        """A stored file."""
        return cls(role, sha256, artifact=sha256)

    @classmethod
    def stream(cls, role: str, sha256: str, producer: str | None = None) -> Input:
        """Frames that stream in from the execution with that recipe."""
        return cls(role, sha256, producer=producer)


@dataclass(frozen=True)
class Stage:
    """One stage to run: who does it, by which recipe, on what. `work` is in the units of tasks/planner/estimate.py."""

    name: str
    version: int
    recipe: Recipe
    engine: str
    versions: Mapping[str, str]
    inputs: Sequence[Input]
    work: float
    weights: Mapping[str, str] = field(default_factory=dict)
    origin: tuple[str, str] = ("", "")
    """Where the weights are from, and their licence."""
    device: str = "cpu"
    grant: str = ""
    """The acceptance of the weights' licence that they are used under; no part of the result's name."""

    @property
    def sha256(self) -> str:
        """The name of this stage's result."""
        return recipe_sha256(
            self.name,
            self.version,
            self.recipe,
            weights=self.weights,
            versions=self.versions,
            inputs=[(used.role, used.identity) for used in self.inputs],
        )


@dataclass(frozen=True)
class Result:
    """What a stage made: staged files, read back and found good, and what actually ran."""

    files: Sequence[StagedFile]
    ran: Mapping[str, Any] = field(default_factory=dict)
    figures: Sequence[Figure] = ()
    seconds: float | None = None
    """What it took, where that is not the time its maker ran: two stages may be made in one pass."""


class Execution:
    """An execution of `stage` for one shot's rendition; `begin` writes it down."""

    def __init__(self, tools: Tools, stage: Stage, claim: Claim, rendition: str) -> None:
        self._tools, self.stage, self.claim, self.rendition = tools, stage, claim, rendition
        self._told = 0.0
        self._use: GpuUse | None = None
        self.sha256 = stage.sha256
        self.id = new_id("x")

    def progress(self, done: int, total: int) -> None:
        """Tell the catalog how far it is, once a second at most; stops the work where a person cancelled it."""
        if self._tools.cancelled():
            raise Cancelled(f"{self.stage.name} was cancelled at {done} of {total}")
        if (now := time.monotonic()) - self._told > 1.0:
            self._told = now
            with suppress(StoreUnavailable):  # what people see is late then; the work goes on
                self._tools.catalog.progress(self.id, done / total)

    @contextmanager
    def watched(self) -> Generator[None]:
        """While it is made: its card is looked at, where it has one, and `ended` tells what was seen."""
        try:
            card = self._tools.card_of(self.stage.device)
        except CardLost as lost:  # the stage will say so itself, by a type that is decided about
            log.warning("%s: %s", self.stage.name, lost)
            card = None
        with GpuUse(card) as self._use:
            yield

    @property
    def seen(self) -> Mapping[str, Any]:
        """How it used its card, as far as it came; nothing where nobody looked."""
        return self._use.ran if self._use is not None else {}

    def ended(self, result: Result, seconds: float) -> Publication:
        """Its end, for the catalog's `publish_all`; or, where frames streamed on, for `finish_all_streamed`."""
        seconds = seconds if result.seconds is None else result.seconds
        return Publication(
            self.id,
            result.files,
            {**result.ran, **self.seen},
            seconds,
            gpu_seconds=seconds if self.stage.device.startswith("cuda") else None,
            peak_vram_bytes=result.ran.get("peak_vram_bytes") or None,
            measurements=result.figures,
            claim=self.claim,
        )

    def linked(self, stands: str) -> tuple[str, str, str, bool]:
        """The shot stands on what came of it, itself or one that was done first: for the catalog's `link_many`."""
        return self.claim.shot_id, self.rendition, stands, stands == self.id


def begin(tools: Tools, executions: Sequence[Execution]) -> None:
    """Write down that these start together; a later one may read the frames of an earlier one. Raises StaleClaim."""
    with tools.catalog.together():
        for execution in executions:
            for name, digest in execution.stage.weights.items():
                tools.catalog.record_weights(digest, name, *execution.stage.origin)
        tools.catalog.begin_all([(one.claim, _facts(tools, one.stage, one.sha256, one.id)) for one in executions])


def fail_all(tools: Tools, executions: Sequence[Execution], error: BaseException) -> None:
    """Keep what is known about why these did not end well; those that have ended stay as they ended.

    Never an error of its own, which would hide that one.
    """
    verdict = error.verdict if isinstance(error, OutOfPatience) else decide(error)
    evidence = str(getattr(error, "evidence", ""))
    try:
        with tools.catalog.together():
            for one in executions:
                tools.catalog.fail(one.id, verdict.code, verdict.message, evidence, one.seen)
    except StoreUnavailable as away:  # whoever ends their shots, or takes them over, ends them too
        log.warning("%d executions: %s cannot be written down: %s", len(executions), verdict.code, away)


def _facts(tools: Tools, stage: Stage, sha256: str, execution_id: str) -> NewExecution:
    return {
        "id": execution_id,
        "stage": stage.name,
        "version": stage.version,
        "recipe": stage.recipe.model_dump(mode="json"),
        "recipe_sha256": sha256,
        "engine": stage.engine,
        "engine_versions": stage.versions,
        "weights": stage.weights,
        "inputs": [Used(used.role, used.artifact, used.producer) for used in stage.inputs],
        "device": stage.device,
        "worker": tools.worker,
        "work": stage.work,
        "grant_id": stage.grant or None,
    }


def recorded(tools: Tools, stage: Stage, claim: Claim, *, seconds: float, ran: Mapping[str, Any]) -> Recorded:
    """A stage that has run and left no file, for the catalog's `record_all`."""
    return Recorded(claim, _facts(tools, stage, stage.sha256, new_id("x")), ran, seconds)


def standing(tools: Tools, sha256: str) -> Made | None:
    """The finished execution of that recipe whose files are all here and whole (they are re-hashed), else None."""
    return all_standing(tools, [sha256]).get(sha256)


def all_standing(tools: Tools, sha256s: Sequence[str]) -> dict[str, Made]:
    """The same of many recipes; those that do not stand are missing."""
    return {
        sha256: made
        for sha256, made in tools.catalog.find_done_many(sha256s).items()
        if made.whole and all(intact(tools, output.sha256, output.location) for output in made.outputs)
    }


def intact(tools: Tools, sha256: str, location: str = "") -> bool:
    """Whether the store still holds these bytes; damage is written down, so that the file is made again."""
    try:
        tools.catalog.verify(sha256, location)
    except (Damaged, NotFound):
        return False
    return True


class Metered(Iterator[Any]):
    """Frames, the `seconds` spent waiting for them (what the stages before this point cost), and what `ran`."""

    def __init__(self, frames: Iterator[Any], ran: Callable[[], Mapping[str, Any]] = dict) -> None:
        self._frames, self.ran = frames, ran
        self.seconds = 0.0

    def __next__(self) -> Any:
        started = time.monotonic()
        try:
            return next(self._frames)
        finally:
            self.seconds += time.monotonic() - started


def staged(tools: Tools, suffix: str) -> Path:
    """A temporary name in the store's own file system, for a file about to be published."""
    return tools.catalog.store.stage_file(suffix)
