"""The end of a shot's way: files that stand are handed over, missing ones are made, inspected, published, delivered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from catalog.deliveries import NewDelivery
from catalog.executions import Recorded
from catalog.made import Made
from tasks.encode_pass import EncodePass, File, Job
from tasks.errors import Cancelled
from tasks.execute import Stage, all_standing, begin, fail_all, recorded
from tasks.pace import Together
from tasks.planner.plan import DeliveryPlan
from tasks.planner.standing import frames_of
from tasks.refusal import Refused, refusal
from tasks.stored import each
from tasks.tools import Tools
from tasks.way import chain_of

Asked = tuple[Job, DeliveryPlan, Stage]


def deliver_renditions(tools: Tools, jobs: Sequence[Job]) -> list[Exception | None]:
    """Make what `jobs` want, all that is missing of each in one pass over its frames; of each why it is not there.

    Refused where a finished file fails its preset (the others are delivered all the same), EngineError, Cancelled,
    StaleClaim. What it raises may be the fault of one: ask again, for each alone.
    """
    asked = [(job, delivery, stage) for job in jobs for delivery, stage in _encodes(tools, job)]
    found = all_standing(tools, [stage.sha256 for _, _, stage in asked])
    there = [(one, found[one[2].sha256]) for one in asked if one[2].sha256 in found]
    errors: dict[int, Exception] = {}
    for ((job, _, _), _), outcome in zip(there, each(there, lambda some: _serve(tools, some)), strict=True):
        if isinstance(outcome, Exception):
            errors.setdefault(id(job), outcome)
    passes: list[EncodePass] = []
    late: list[Job] = []
    taken: set[str] = set()
    for job in jobs:
        missing = [(delivery, stage) for one, delivery, stage in asked if one is job and stage.sha256 not in found]
        names = {stage.sha256 for _, stage in missing}
        if names & taken:  # another one makes the same file: served by it, or tried where that one came to nothing
            late.append(job)
        elif missing:
            passes.append(EncodePass.of(tools, job, missing))
        taken |= names
    for one, error in zip(passes, _run(tools, passes), strict=True):
        if error is not None:
            errors.setdefault(id(one.job), error)
    for job in late:
        (error,) = deliver_renditions(tools, [job])
        if error is not None:
            errors.setdefault(id(job), error)
    return [errors.get(id(job)) for job in jobs]


def _encodes(tools: Tools, job: Job) -> list[tuple[DeliveryPlan, Stage]]:
    chain = chain_of(tools)
    source = frames_of(chain, job.rendition, chain.animate(job.rendition, job.still), job.stored)
    assert source is not None  # still and stored frames are there
    return [(delivery, chain.encode(delivery.encode, source)) for delivery in job.wanted]


def _serve(tools: Tools, there: Sequence[tuple[Asked, Made]]) -> Sequence[None]:
    """Hand over what stands."""
    with tools.catalog.together():
        tools.catalog.deliver_all([_delivery(tools, job, delivery, made) for (job, delivery, _), made in there])
        tools.catalog.link_many(
            [(job.claim.shot_id, job.rendition.name, made.id, False) for (job, _, _), made in there]
        )
    return [None] * len(there)


def _run(tools: Tools, passes: Sequence[EncodePass]) -> list[Exception | None]:
    """Run passes one after the other, and publish together what came of them; of each why it failed."""
    if not passes:
        return []
    begin(tools, [execution for one in passes for execution in one.executions])
    errors: dict[int, Exception] = {}
    ran: list[EncodePass] = []
    together = Together()
    try:
        for one in passes:
            try:
                if tools.cancelled():
                    raise Cancelled("cancelled before it was encoded")
                one.run(tools)
                ran.append(one)
            except Exception as error:  # noqa: BLE001 - what becomes of it is decided by who asked
                fail_all(tools, one.executions, error)
                errors[id(one)] = error
            if together.over or one is passes[-1]:
                errors |= {id(one): error for one, error in _ended(tools, ran)}
                ran, together = [], Together()
    except BaseException as error:
        fail_all(tools, [execution for one in passes for execution in one.executions], error)
        raise
    return [errors.get(id(one)) for one in passes]


def _ended(tools: Tools, ran: Sequence[EncodePass]) -> Iterator[tuple[EncodePass, Exception]]:
    """Publish what is good of passes, and refuse what is not; tells those whose shots lack something."""
    # Those with nothing to publish apart: a claim of theirs that is lost must not cost the others their files.
    for some in ([one for one in ran if one.good], [one for one in ran if not one.good]):
        for one, outcome in zip(some, each(some, lambda part: _publish(tools, part)), strict=True):
            if isinstance(outcome, Exception):
                fail_all(tools, one.executions, outcome)
                yield one, outcome
            elif faults := [_refuse(tools, file) for file in one.files if file.report.problems]:
                yield one, faults[0]


def _publish(tools: Tools, passes: Sequence[EncodePass]) -> Sequence[None]:
    """Publish files that are as they must be, and hand them over as they become visible."""
    catalog = tools.catalog
    files = [(one.job, file) for one in passes for file in one.good]

    def streamed() -> None:
        ended = [(one.source, one.streamed) for one in passes if one.source and one.streamed]
        if ended:
            stands = catalog.finish_all_streamed([end for _, end in ended])
            catalog.link_many([source.linked(stand) for (source, _), stand in zip(ended, stands, strict=True)])

    def handed_over(standing: Sequence[Made]) -> None:
        made = list(zip(files, standing, strict=True))
        looks = [_looked(tools, job, file, stands) for (job, file), stands in made]
        links = [file.execution.linked(stands.id) for (_, file), stands in made]
        for (job, _), (execution_id, new) in zip(files, catalog.record_all(looks), strict=True):
            links.append((job.claim.shot_id, job.rendition.name, execution_id, new))
        catalog.deliver_all([_delivery(tools, job, file.delivery, stands) for (job, file), stands in made])
        catalog.link_many(links)

    if files:
        ended = [file.ended for _, file in files]
        alone = len(passes) == 1
        tools.patiently(lambda: catalog.publish_all(ended, first=streamed, then=handed_over, withdraw=alone))
    else:
        with catalog.together():
            streamed()
    return [None] * len(passes)


def _looked(tools: Tools, job: Job, file: File, made: Made) -> Recorded:
    """The inspection of a published file."""
    stage = chain_of(tools).inspect(file.delivery.inspect, made.output("file").sha256)
    return recorded(tools, stage, job.claim, seconds=file.looked, ran=file.report.facts)


def _refuse(tools: Tools, one: File) -> Refused:
    """End what made a file that is not what it must be, and say why; the file is gone."""
    fault = refusal(one.delivery, one.report)
    fail_all(tools, [one.execution], fault)
    one.file.path.unlink(missing_ok=True)
    one.file.poster.unlink(missing_ok=True)
    return fault


def _delivery(tools: Tools, job: Job, delivery: DeliveryPlan, made: Made) -> NewDelivery:
    before = tools.catalog.current_delivery(delivery.ask_sha256) if job.refresh else None
    return NewDelivery(
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
