"""The end of a shot's way: frames stream through the encoder into files that are read back, published and delivered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice

from catalog.claims import Claim
from catalog.made import Made
from catalog.publication import Figure, StagedFile
from models.clip import Clip
from models.errors import EngineError
from tasks.animate import animate, can_be_planes, clip_of
from tasks.encode import Encoded, Output, encode
from tasks.execute import Execution, Input, Metered, Result, Stage, begin, record, staged, standing
from tasks.inspect import Report, inspect
from tasks.interpolate import interpolated
from tasks.master import read_master
from tasks.planner.plan import DeliveryPlan, RenditionPlan
from tasks.planner.standing import frames_of
from tasks.recipe import CameraRecipe
from tasks.tools import Tools
from tasks.way import chain_of, files_of


class Refused(EngineError):
    """The finished file is not what its preset wants; it is not published. The code is the first fault's."""

    code = "INSPECTION_FAILED"
    blames = "shot"


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


def deliver_rendition(tools: Tools, job: Job) -> None:
    """Make what `job` wants, all that is missing in one pass over the frames.

    Raises Refused where a finished file fails its preset (the others are delivered all the same), EngineError,
    Cancelled, StaleClaim.
    """
    chain = chain_of(tools)
    source = frames_of(chain, job.rendition, chain.animate(job.rendition, job.still), job.stored)
    assert source is not None  # still and stored frames are there
    missing: list[tuple[DeliveryPlan, Stage]] = []
    for delivery in job.wanted:
        stage = chain.encode(delivery.encode, source)
        if (made := standing(tools, stage.sha256)) is not None:
            tools.catalog.link(job.claim.shot_id, job.rendition.name, made.id, False)
            _hand_over(tools, job, delivery, made)
        else:
            missing.append((delivery, stage))
    if missing:
        _one_pass(tools, job, missing)


def _one_pass(tools: Tools, job: Job, missing: Sequence[tuple[DeliveryPlan, Stage]]) -> None:
    source, encodes = _begun(tools, job, missing)
    running = [execution for execution in (source, *(execution for _, execution in encodes)) if execution is not None]
    try:
        with ExitStack() as until:
            clip, meter = _stream(tools, job, source, until)
            outputs = [Output(one.encode, staged(tools, f".{one.encode.container}")) for one, _ in encodes]

            def progress(done: int, total: int) -> None:
                for execution in running:
                    execution.progress(done, total)

            started = time.monotonic()
            encoded = encode(meter, clip, outputs, ffmpeg=tools.ffmpeg, progress=progress, cancelled=tools.cancelled)
            waited = meter.seconds if source is not None else 0.0
            share = (time.monotonic() - started - waited) / sum(execution.stage.work for _, execution in encodes)
            files = [
                _File(delivery, execution, *_inspected(delivery, file), share * execution.stage.work)
                for (delivery, execution), file in zip(encodes, encoded, strict=True)
            ]
            _publish(tools, job, [file for file in files if not file.report.problems], source, meter)
            faults = [_refuse(file) for file in files if file.report.problems]
    except BaseException as error:
        for execution in running:  # those that have ended stay as they ended
            execution.fail(error)
        raise
    if faults:
        raise faults[0]


def _begun(
    tools: Tools, job: Job, missing: Sequence[tuple[DeliveryPlan, Stage]]
) -> tuple[Execution | None, list[tuple[DeliveryPlan, Execution]]]:
    """The execution whose frames stream into the encoder, where one runs now, and those of the encoder."""
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
    begin(tools, job.claim, [*([source] if source else []), *(execution for _, execution in encodes)])
    return source, encodes


def _stream(tools: Tools, job: Job, source: Execution | None, until: ExitStack) -> tuple[Clip, Metered]:
    """The frames for the encoder, with the meter that times them."""
    rendition = job.rendition
    if job.stored is None:
        assert isinstance(rendition.animate, CameraRecipe)  # what SVD makes is stored
        planes = can_be_planes(rendition.animate) and all(one.encode.pix_fmt == "yuv420p" for one in job.wanted)
        frames = animate(files_of(job.still), rendition.animate, planes=planes, workers=tools.workers)
        return clip_of(rendition.animate), Metered(frames)
    clip, stored = read_master(job.stored.outputs[0].path)
    if source is None:
        return clip, Metered(stored)
    recipe = rendition.interpolate
    assert recipe is not None
    clip, between, ran = interpolated(
        stored, clip, recipe, tools.weights_dir, engines=tools.engines, device=source.stage.device, until=until
    )
    return replace(clip, frames=recipe.frames_out), Metered(islice(between, recipe.frames_out), ran)


@dataclass(frozen=True)
class _File:
    """One written delivery, read back."""

    delivery: DeliveryPlan
    execution: Execution
    file: Encoded
    report: Report
    looked: float
    seconds: float


def _inspected(delivery: DeliveryPlan, file: Encoded) -> tuple[Encoded, Report, float]:
    started = time.monotonic()
    report = inspect(file.path, delivery.inspect)
    return file, report, time.monotonic() - started


def _publish(tools: Tools, job: Job, files: Sequence[_File], source: Execution | None, meter: Metered) -> None:
    """Publish files that are as they must be, and hand them over as they become visible."""

    def streamed() -> None:
        if source is not None:
            source.stream_ended(meter.seconds, meter.ran())

    def handed_over(standing: Sequence[Made]) -> None:
        links = [one.execution.linked(made.id) for one, made in zip(files, standing, strict=True)]
        for one, made in zip(files, standing, strict=True):
            stage = chain_of(tools).inspect(one.delivery.inspect, made.output("file").sha256)
            links.append(record(tools, stage, job.claim, job.rendition.name, seconds=one.looked, ran=one.report.facts))
            _hand_over(tools, job, one.delivery, made)
        tools.catalog.link_many(links)

    if files:
        publications = [one.execution.publication(_result(one), one.seconds) for one in files]
        tools.patiently(
            lambda: tools.catalog.publish_all(publications, claim=job.claim, first=streamed, then=handed_over)
        )
    else:
        streamed()


def _result(one: _File) -> Result:
    figures = [Figure(x.name, x.value, threshold=x.threshold, passed=x.passed) for x in one.report.measurements]
    size = {"width": one.delivery.encode.width, "height": one.delivery.encode.height}
    file = StagedFile(one.file.path, "file", "delivery", one.report.facts)
    return Result([file, StagedFile(one.file.poster, "poster", "poster", size)], figures=figures)


def _refuse(one: _File) -> Refused:
    """End what made a file that is not what it must be, and say why; the file is gone."""
    fault = _refusal(one.delivery, one.report)
    one.execution.fail(fault)
    one.file.path.unlink(missing_ok=True)
    one.file.poster.unlink(missing_ok=True)
    return fault


def _hand_over(tools: Tools, job: Job, delivery: DeliveryPlan, made: Made) -> None:
    before = tools.catalog.current_delivery(delivery.ask_sha256) if job.refresh else None
    tools.catalog.deliver(
        job.claim,
        shot_id=job.claim.shot_id,
        rendition=job.rendition.name,
        preset=delivery.preset,
        ask_sha256=delivery.ask_sha256,
        artifact=made.output("file").sha256,
        poster=made.output("poster").sha256,
        execution_id=made.id,
        refreshed=before is not None and before.recipe_sha256 != made.recipe_sha256,
    )


def _refusal(delivery: DeliveryPlan, report: Report) -> Refused:
    said = "; ".join(str(problem) for problem in report.problems)
    first = report.problems[0]
    return Refused(
        f"{delivery.preset}: the finished file is not what it must be: {said}",
        remedy=first.remedy,
        code=first.code,
        evidence=said,
    )
