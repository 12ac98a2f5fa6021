"""The end of a shot's way: frames stream through the encoder into files that are read back, published and delivered."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice

from catalog.claims import Claim
from catalog.executions import Made
from catalog.publication import Figure, StagedFile
from models.clip import Clip, Frame, Planes
from models.errors import EngineError
from tasks.animate import animate, can_be_planes, clip_of
from tasks.encode import Encoded, Output, encode
from tasks.execute import Execution, Input, Metered, Result, Stage, staged, standing
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
    faults: list[Refused] = []
    with ExitStack() as until:
        running: list[Execution] = []
        try:
            clip, frames, sources = _stream(tools, job, running, until)
            encodes: list[tuple[DeliveryPlan, Execution]] = []
            for delivery, stage in missing:
                if sources:  # the frames come from an execution that is running now
                    producer = sources[-1][0]
                    stage = replace(stage, inputs=[Input.stream("frames", producer.sha256, producer.id)])
                encodes.append((delivery, Execution(tools, stage, job.claim, job.rendition.name)))
                running.append(encodes[-1][1])
            outputs = [Output(one.encode, staged(tools, f".{one.encode.container}")) for one, _ in encodes]

            def progress(done: int, total: int) -> None:
                for execution in running:
                    execution.progress(done, total)

            started = time.monotonic()
            encoded = encode(frames, clip, outputs, ffmpeg=tools.ffmpeg, progress=progress, cancelled=tools.cancelled)
            spent = time.monotonic() - started
            waited = 0.0
            for execution, meter in sources:  # each waits for those before it
                execution.stream_ended(meter.seconds - waited, meter.ran())
                waited = meter.seconds
            share = (spent - waited) / sum(execution.stage.work for _, execution in encodes)
            for (delivery, execution), file in zip(encodes, encoded, strict=True):
                if (fault := _finish(tools, job, delivery, execution, file, share * execution.stage.work)) is not None:
                    faults.append(fault)
        except BaseException as error:
            for execution in running:  # those that have ended stay as they ended
                execution.fail(error)
            raise
    if faults:
        raise faults[0]


def _stream(
    tools: Tools, job: Job, running: list[Execution], until: ExitStack
) -> tuple[Clip, Iterator[Frame] | Iterator[Planes], list[tuple[Execution, Metered]]]:
    """The frames for the encoder, and the executions that make them on the way, each with the meter that times it."""
    chain, rendition = chain_of(tools), job.rendition
    sources: list[tuple[Execution, Metered]] = []
    if job.stored is None:
        assert isinstance(rendition.animate, CameraRecipe)  # what SVD makes is stored
        execution = Execution(tools, chain.animate(rendition, job.still), job.claim, rendition.name)
        running.append(execution)
        planes = can_be_planes(rendition.animate) and all(one.encode.pix_fmt == "yuv420p" for one in job.wanted)
        meter = Metered(animate(files_of(job.still), rendition.animate, planes=planes, workers=tools.workers))
        return clip_of(rendition.animate), meter, [(execution, meter)]
    clip, frames = read_master(job.stored.outputs[0].path)
    if (recipe := rendition.interpolate) is not None:
        execution = Execution(tools, chain.interpolate(recipe, job.stored), job.claim, rendition.name)
        running.append(execution)
        clip, frames, ran = interpolated(
            frames, clip, recipe, tools.weights_dir, engines=tools.engines, device=execution.stage.device, until=until
        )
        clip, frames = replace(clip, frames=recipe.frames_out), islice(frames, recipe.frames_out)
        meter = Metered(frames, ran)
        return clip, meter, [(execution, meter)]
    return clip, frames, sources


def _finish(
    tools: Tools, job: Job, delivery: DeliveryPlan, execution: Execution, file: Encoded, seconds: float
) -> Refused | None:
    """Inspect a written file and publish it, or refuse it and say why."""
    started = time.monotonic()
    report = inspect(file.path, delivery.inspect)
    looked = time.monotonic() - started
    if report.problems:
        fault = _refusal(delivery, report)
        execution.fail(fault)
        file.path.unlink(missing_ok=True)
        file.poster.unlink(missing_ok=True)
        return fault
    figures = [Figure(one.name, one.value, threshold=one.threshold, passed=one.passed) for one in report.measurements]
    files = [
        StagedFile(file.path, "file", "delivery", report.facts),
        StagedFile(file.poster, "poster", "poster", {"width": delivery.encode.width, "height": delivery.encode.height}),
    ]
    made = execution.publish(Result(files, figures=figures), seconds)
    stage = chain_of(tools).inspect(delivery.inspect, made.output("file").sha256)
    inspection = Execution(tools, stage, job.claim, job.rendition.name)
    inspection.stream_ended(looked, report.facts)
    _hand_over(tools, job, delivery, made)
    return None


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
