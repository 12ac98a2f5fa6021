"""From a planned run to the rows of the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from heapq import merge

from catalog.catalog import Catalog
from catalog.deliveries import Delivered
from catalog.json_text import JsonText
from catalog.new_shots import NewRendition, NewShot
from catalog.runs import Priority
from catalog.schedules import Scheduled
from manifests.manifest import Item, Refused
from tasks.execute import intact
from tasks.planner.cut import KEY
from tasks.planner.facts import code_version
from tasks.planner.plan import ShotPlan
from tasks.planner.planner import Planned, RunPlan
from tasks.planner.scene import ScenePlan
from tasks.tools import Tools


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


def submit(
    catalog: Catalog,
    run: RunPlan,
    *,
    triggered_by: str,
    out_folder: str,
    flow_run_id: str | None,
    priority: Priority = "normal",
    scheduled: Scheduled | None = None,
) -> str:
    """Write the run down with all its shots, and return its id.

    Shots that cannot be made are quarantined at once, refused rows among them; those whose every delivery stands are
    done at once. Sounds that scenes are made without are incidents.
    """
    run_id = catalog.submit_run(
        name=run.manifest.name,
        kind=run.manifest.kind,
        manifest_sha256=run.manifest.sha256,
        manifest=run.manifest.head(),
        triggered_by=triggered_by,
        out_folder=out_folder,
        shots=_new_shots(run),
        flow_run_id=flow_run_id,
        priority=priority,
        code_version=code_version(),
        scheduled=scheduled,
    )
    for problem in run.unheard:
        catalog.note_incident(problem.code, str(problem), run_id=run_id)
    return run_id


def _new_shots(run: RunPlan) -> Iterator[NewShot]:
    """Every shot as the catalog takes it, and every refused row, in the order of the manifest."""
    items = {item.id: item for item in run.manifest.items}
    refused = ((row.line, _refused(row)) for row in run.manifest.refused)
    shots = ((planned.shot.line, _new_shot(planned, items[planned.shot.item_id], run)) for planned in run.shots)
    for _, shot in merge(refused, shots, key=lambda told: told[0]):
        yield shot
    yield from (_new_scene(scene, run) for scene in run.scenes)
    yield from (_refused_scene(name, run) for name in dict.fromkeys(fault.item for fault in run.faults))


def _refused_scene(name: str, run: RunPlan) -> NewShot:
    faults = [fault for fault in run.faults if fault.item == name]
    told = "\n".join(map(str, faults))
    key = f"{KEY}{name}"
    if any(key == one.key for one in (*(planned.shot for planned in run.shots), *run.manifest.refused)):
        key += ", refused"  # a row has its name
    return NewShot(key, name, state="quarantined", error_code=faults[0].code, error_message=told, awaits=True)


def _new_scene(plan: ScenePlan, run: RunPlan) -> NewShot:
    file, encode = plan.renditions[0], plan.delivery.encode
    done = run.stands(plan.delivery) and not plan.refresh
    return NewShot(
        key=f"{KEY}{plan.scene}",
        item=plan.scene,
        ask={"scene": plan.scene},
        plan=JsonText(plan.model_dump_json()),
        meta={"title": plan.title},
        state="done" if done else "waiting",
        renditions=[NewRendition(file.name, encode.width, encode.height, encode.rate, encode.frames)],
        reuses=[(file.name, run.standing.current[plan.delivery.ask_sha256].id)] if done else (),
        awaits=True,
    )


def _refused(row: Refused) -> NewShot:
    return NewShot(
        key=row.key,
        item=row.item_id,
        line=row.line,
        state="quarantined",
        error_code=row.problems[0].code,
        error_message="\n".join(map(str, row.problems)),
    )


def _new_shot(planned: Planned, item: Item, run: RunPlan) -> NewShot:
    shot, plan = planned.shot, planned.plan
    ask = shot.ask
    told = {
        "title": ask.title,
        **{name: getattr(ask, name) for name in ("shot", "panel", "dialogue", "action", "notes") if getattr(ask, name)},
        **{f"meta.{name}": value for name, value in ask.meta.items()},
    }
    done = plan is not None and not run.to_make(plan)
    return NewShot(
        key=shot.key,
        item=shot.item_id,
        variant=shot.variant,
        line=shot.line,
        ask=JsonText(ask.model_dump_json()),
        plan=JsonText(planned.plan_text or "{}"),
        meta=told,
        state="quarantined" if plan is None else "done" if done else "waiting",
        error_code=planned.problems[0].code if planned.problems else None,
        error_message="\n".join(str(problem) for problem in planned.problems) or None,
        tags=[*item.tags, *ask.tags],
        renditions=new_renditions(plan) if plan else (),
        reuses=[
            (shared.name, run.standing.current[delivery.ask_sha256].id)
            for shared in plan.renditions
            for delivery in shared.deliveries
        ]
        if plan and done
        else (),
    )
