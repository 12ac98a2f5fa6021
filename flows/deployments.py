"""What a Prefect server has to know of Dailies: work pools, their queues, and the deployments of the flows.

`apply` writes it to the server at `PREFECT_API_URL`; `deploy/prefect.yaml` says the same for `prefect deploy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any, Final

PRIORITIES: Final = ("urgent", "normal", "low")
CONTROL: Final = "control"
"""Queue of pool `cpu` for parents and reconcile, served by a worker of its own: they never take a batch's slot."""
POOLS: Final[Mapping[str, tuple[str, ...]]] = {"cpu": (*PRIORITIES, CONTROL), "gpu": PRIORITIES}
"""Work pools, all of type `process`, and their queues, the most urgent first."""


@dataclass(frozen=True)
class Deployment:
    """One deployment: `name` as Prefect says it (`flow/deployment`), and the flow by its module's path.

    `cron` (in `timezone`) and `every` (seconds) are its schedule, which starts unless `active` is False. `ours`: what
    somebody changed of it on the server is put back. None has a concurrency limit: Prefect gives a killed flow run's
    slot to nobody.
    """

    flow: str
    name: str
    entrypoint: str
    pool: str
    queue: str
    about: str
    cron: str = ""
    timezone: str = "UTC"
    every: float = 0.0
    active: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    ours: bool = False


def deployments(reconcile_seconds: float = 60.0) -> tuple[Deployment, ...]:
    """All deployments there are."""
    return (
        Deployment(
            "product_broll",
            "product-broll",
            "flows.product_broll.product_broll",
            "cpu",
            CONTROL,
            "Product photos become clips.",
        ),
        Deployment(
            "storyboard_animation",
            "storyboard-animation",
            "flows.storyboard_animation.storyboard_animation",
            "cpu",
            CONTROL,
            "Storyboard panels become moving panels.",
        ),
        Deployment("render", "cpu", "flows.render.render", "cpu", "normal", "One batch of shots, on any machine."),
        Deployment("render", "gpu", "flows.render.render", "gpu", "normal", "One batch of shots that a card draws."),
        Deployment(
            "reconcile",
            "reconcile",
            "flows.reconcile.reconcile",
            "cpu",
            CONTROL,
            "Goes on with every run whose parent is gone.",
            every=reconcile_seconds,
        ),
        Deployment(
            "upkeep",
            "upkeep",
            "flows.upkeep.upkeep",
            "cpu",
            CONTROL,
            "Reads a share of the store again and removes what retention lets go; once a night for all machines.",
            cron="0 4 * * *",
        ),
    )


def apply(reconcile_seconds: float = 60.0) -> None:
    """Make the server's pools, queues and deployments these. Safe to repeat; what a person added stays.

    A schedule that a person switched on or off, or changed, and parameters that a person set stay as they are.
    """
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        for pool, queues in POOLS.items():
            _pool(client, pool)
            for priority, queue in enumerate(queues, start=1):
                _queue(client, pool, queue, priority)
        for one in deployments(reconcile_seconds):
            deploy(client, one)


def _pool(client: Any, name: str) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
    from prefect.workers.process import ProcessWorker

    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        try:
            client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
        except ObjectAlreadyExists:  # another machine was a moment earlier
            return


def _queue(client: Any, pool: str, name: str, priority: int) -> None:
    from prefect.exceptions import ObjectAlreadyExists

    try:
        client.create_work_queue(name, priority=priority, work_pool_name=pool)
    except ObjectAlreadyExists:
        return


def deploy(client: Any, wanted: Deployment) -> Any:
    """Make a deployment what is wanted, and return its id."""
    from prefect.exceptions import ObjectNotFound
    from prefect.utilities.callables import parameter_schema

    module, _, name = wanted.entrypoint.rpartition(".")
    flow = getattr(import_module(module), name)
    try:
        known = None if wanted.ours else client.read_deployment_by_name(f"{wanted.flow}/{wanted.name}")
    except ObjectNotFound:
        known = None
    return client.create_deployment(
        client.create_flow_from_name(wanted.flow),
        wanted.name,
        entrypoint=wanted.entrypoint,
        path="",
        work_pool_name=wanted.pool,
        work_queue_name=wanted.queue,
        description=wanted.about,
        parameters=dict(known.parameters if known else wanted.parameters),
        parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
        enforce_parameter_schema=True,
        schedules=_schedules(wanted, known.schedules if known else None),
        tags=["dailies"],
    )


def _schedules(wanted: Deployment, known: Sequence[Any] | None) -> list[Any]:
    """Ours, for a deployment that is new; else the server's own, but how often something comes round is a setting."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

    round_trip = IntervalSchedule(interval=timedelta(seconds=wanted.every)) if wanted.every else None
    if known is not None:
        return [
            DeploymentScheduleCreate(
                schedule=round_trip if round_trip and isinstance(one.schedule, IntervalSchedule) else one.schedule,
                active=one.active,
                parameters=one.parameters or {},
                slug=one.slug,
            )
            for one in known
        ]
    schedule = round_trip or (CronSchedule(cron=wanted.cron, timezone=wanted.timezone) if wanted.cron else None)
    return [DeploymentScheduleCreate(schedule=schedule, active=wanted.active)] if schedule else []
