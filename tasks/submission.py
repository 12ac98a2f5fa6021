"""From a planned run to the rows of the catalog, and from there to batches of a sensible size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from catalog.catalog import Catalog
from catalog.deliveries import Delivered, Reuse
from catalog.ids import shot_id
from catalog.queries import ShotRow
from catalog.runs import NewRendition, NewShot
from manifests.manifest import Item
from tasks.execute import intact
from tasks.planner.plan import ShotPlan
from tasks.planner.planner import Planned, RunPlan
from tasks.tools import Tools

LONGEST_BATCH = 600.0
SHORTEST_BATCH = 60.0
"""Seconds of work in one batch: a flow run costs seconds of its own, and a death loses no more than a batch."""


def new_renditions(plan: ShotPlan) -> list[NewRendition]:
    """The rendition rows of a shot."""
    return [
        NewRendition(
            name=shared.name,
            width=shared.deliveries[0].encode.width,
            height=shared.deliveries[0].encode.height,
            rate=shared.deliveries[0].encode.rate,
            frames=shared.deliveries[0].encode.frames,
        )
        for shared in plan.renditions
    ]


def verified(
    tools: Tools, run: RunPlan, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[RunPlan, list[Delivered]]:
    """`run` without the deliveries whose stored bytes are not what their names promise, and those deliveries.

    Every delivery that would be served as it is is read and hashed first.
    """
    standing = [(ask, delivery) for ask, delivery in run.standing.current.items()]

    def whole(delivery: Delivered) -> bool:
        return all(intact(tools, part) for part in (delivery.artifact, delivery.poster) if part)

    current: dict[str, Delivered] = {}
    damaged: list[Delivered] = []
    with ThreadPoolExecutor(tools.workers, thread_name_prefix="verify") as pool:
        found = pool.map(whole, (delivery for _, delivery in standing))
        for done, ((ask, delivery), is_whole) in enumerate(zip(standing, found, strict=True), start=1):
            if is_whole:
                current[ask] = delivery
            else:
                damaged.append(delivery)
            progress(done, len(standing))
    return replace(run, standing=replace(run.standing, current=current)), damaged


def submit(catalog: Catalog, run: RunPlan, *, triggered_by: str, out_folder: str, flow_run_id: str | None) -> str:
    """Write the run down with all its shots, and return its id.

    Shots that cannot be made are quarantined at once; those whose every delivery stands are done at once.
    """
    items = {item.id: item for item in run.manifest.items}
    run_id = catalog.submit_run(
        name=run.manifest.name,
        kind=run.manifest.kind,
        manifest_sha256=run.manifest.sha256,
        manifest=run.manifest.resolved(),
        triggered_by=triggered_by,
        out_folder=out_folder,
        shots=[_new_shot(planned, items[planned.shot.item_id], run) for planned in run.shots],
        flow_run_id=flow_run_id,
    )
    catalog.reuse_deliveries(
        [
            Reuse(shot_id(run_id, position), shared.name, run.standing.current[delivery.ask_sha256].id)
            for position, planned in enumerate(run.shots, start=1)
            if planned.plan is not None and not run.to_make(planned.plan)
            for shared in planned.plan.renditions
            for delivery in shared.deliveries
        ]
    )
    return run_id


def cut_batches(shots: Sequence[ShotRow], seconds: Callable[[ShotRow], float], slots: int) -> list[list[str]]:
    """Ids of `shots` in batches of min(10 minutes, run / (2 x slots)) of work each, but at least 1 minute.

    `slots`: how many batches can be worked at once. The order of the manifest is kept.
    """
    estimated = [(shot.id, seconds(shot)) for shot in shots]
    total = sum(cost for _, cost in estimated)
    size = max(SHORTEST_BATCH, min(LONGEST_BATCH, total / (2 * slots)))
    batches: list[list[str]] = []
    filled = size
    for shot, cost in estimated:
        if filled + cost / 2 >= size:
            batches.append([])
            filled = 0.0
        batches[-1].append(shot)
        filled += cost
    return batches


def _new_shot(planned: Planned, item: Item, run: RunPlan) -> NewShot:
    shot, plan = planned.shot, planned.plan
    ask = shot.ask
    told = {
        "title": ask.title,
        **{name: getattr(ask, name) for name in ("shot", "panel", "dialogue", "action", "notes") if getattr(ask, name)},
        **{f"meta.{name}": value for name, value in ask.meta.items()},
    }
    return NewShot(
        key=shot.key,
        item=shot.item_id,
        variant=shot.variant,
        line=shot.line,
        ask=ask.model_dump(mode="json"),
        plan=plan.model_copy(update={"seconds": planned.seconds}).model_dump(mode="json") if plan else {},
        meta=told,
        state="quarantined" if plan is None else "waiting" if run.to_make(plan) else "done",
        error_code=planned.problems[0].code if planned.problems else None,
        error_message="\n".join(str(problem) for problem in planned.problems) or None,
        tags=[*item.tags, *ask.tags],
        renditions=new_renditions(plan) if plan else (),
    )
