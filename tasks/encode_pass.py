"""One pass over the frames of a rendition: they stream through the encoder into files, and the files are read back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice

from catalog.claims import Claim
from catalog.made import Made
from catalog.publication import Figure, Publication, StagedFile
from models.clip import Clip
from tasks.animate import animate, can_be_planes, clip_of
from tasks.encode import Encoded, Output, encode
from tasks.execute import Execution, Input, Metered, Result, Stage, staged
from tasks.inspect import Report, inspect
from tasks.interpolate import interpolated
from tasks.master import read_master
from tasks.planner.plan import DeliveryPlan, RenditionPlan
from tasks.recipe import CameraRecipe
from tasks.tools import Tools
from tasks.way import chain_of, files_of


@dataclass(frozen=True)
class Job:
    """One rendition to deliver for a claimed shot.

    `wanted`: its deliveries that are not there. `still`: the prepared still. `stored`: the master or mezzanine, where
    the plan keeps one. `refresh`: what another recipe made before is superseded even by the same bytes.
    """

    claim: Claim
    rendition: RenditionPlan
    wanted: Sequence[DeliveryPlan]
    still: Made
    stored: Made | None
    refresh: bool


@dataclass(frozen=True)
class File:
    """One written delivery, read back; `looked` and `seconds` are what that and its share of the encode took."""

    delivery: DeliveryPlan
    execution: Execution
    file: Encoded
    report: Report
    looked: float
    seconds: float

    @property
    def ended(self) -> Publication:
        """The end of its execution."""
        figures = [Figure(x.name, x.value, threshold=x.threshold, passed=x.passed) for x in self.report.measurements]
        size = {"width": self.delivery.encode.width, "height": self.delivery.encode.height}
        file = StagedFile(self.file.path, "file", "delivery", self.report.facts)
        result = Result([file, StagedFile(self.file.poster, "poster", "poster", size)], figures=figures)
        return self.execution.ended(result, self.seconds)


@dataclass
class EncodePass:
    """The pass of one job: `source` is the execution whose frames stream into the encoder, where one runs now."""

    job: Job
    source: Execution | None
    encodes: list[tuple[DeliveryPlan, Execution]]
    files: list[File] = field(default_factory=list)
    streamed: Publication | None = None
    """The end of `source`."""

    @classmethod
    def of(cls, tools: Tools, job: Job, missing: Sequence[tuple[DeliveryPlan, Stage]]) -> EncodePass:
        """What is to run for the deliveries that are `missing`, not yet begun."""
        chain, rendition = chain_of(tools), job.rendition
        making: Stage | None = None
        if job.stored is None:
            making = chain.animate(rendition, job.still)
        elif rendition.interpolate is not None:
            making = chain.interpolate(rendition.interpolate, job.stored)
        source = Execution(tools, making, job.claim, rendition.name) if making is not None else None
        encodes: list[tuple[DeliveryPlan, Execution]] = []
        for delivery, stage in missing:
            if source is not None:
                stage = replace(stage, inputs=[Input.stream("frames", source.sha256, source.id)])
            encodes.append((delivery, Execution(tools, stage, job.claim, rendition.name)))
        return cls(job, source, encodes)

    @property
    def executions(self) -> list[Execution]:
        """Those that run in it, the source first."""
        return [*([self.source] if self.source else []), *(execution for _, execution in self.encodes)]

    @property
    def good(self) -> list[File]:
        """Files that are as they must be."""
        return [file for file in self.files if not file.report.problems]

    def run(self, tools: Tools) -> None:
        """Write the files, and read them back. Raises EngineError, Cancelled."""
        with ExitStack() as until:
            if self.source is not None:
                until.enter_context(self.source.watched())
            clip, meter = self._stream(tools, until)
            outputs = [Output(one.encode, staged(tools, f".{one.encode.container}")) for one, _ in self.encodes]

            def progress(done: int, total: int) -> None:
                for execution in self.executions:
                    execution.progress(done, total)

            started = time.monotonic()
            encoded = encode(meter, clip, outputs, ffmpeg=tools.ffmpeg, progress=progress, cancelled=tools.cancelled)
            waited = meter.seconds if self.source is not None else 0.0
            share = (time.monotonic() - started - waited) / sum(x.stage.work for _, x in self.encodes)
            for (delivery, execution), file in zip(self.encodes, encoded, strict=True):
                looking = time.monotonic()
                report = inspect(file.path, delivery.inspect)
                looked = time.monotonic() - looking
                self.files.append(File(delivery, execution, file, report, looked, share * execution.stage.work))
            if self.source is not None:
                self.streamed = self.source.ended(Result((), meter.ran()), meter.seconds)

    def _stream(self, tools: Tools, until: ExitStack) -> tuple[Clip, Metered]:
        """The frames for the encoder, with the meter that times them."""
        job, rendition = self.job, self.job.rendition
        if job.stored is None:
            assert isinstance(rendition.animate, CameraRecipe)  # what SVD makes is stored
            planes = can_be_planes(rendition.animate) and all(one.encode.pix_fmt == "yuv420p" for one in job.wanted)
            frames = animate(files_of(job.still), rendition.animate, planes=planes, workers=tools.workers)
            return clip_of(rendition.animate), Metered(frames)
        clip, stored = read_master(job.stored.outputs[0].path)
        if self.source is None:
            return clip, Metered(stored)
        recipe = rendition.interpolate
        assert recipe is not None
        device = self.source.stage.device
        clip, between, ran = interpolated(
            stored, clip, recipe, tools.weights_dir, engines=tools.engines, device=device, until=until
        )
        return replace(clip, frames=recipe.frames_out), Metered(islice(between, recipe.frames_out), ran)
