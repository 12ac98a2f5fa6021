"""Schedules on a Prefect server: a deployment of the flow `scheduled` for each, started by Prefect's own clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catalog.facts import ScheduleFacts
from flows.deployments import CONTROL, Deployment, deploy
from flows.prefect_hints import asking
from manifests.names import portable

FLOW = "scheduled"


def put(schedules: Sequence[ScheduleFacts]) -> None:
    """Make the server's deployments those of these schedules, whatever somebody changed there. Raises PrefectAway.

    One that is right already is left alone: to write it again would take its next starts away, until Prefect's
    scheduler comes round to them; one that is due in that moment would not come.
    """
    if schedules:
        with asking() as client:
            for one in schedules:
                _put(client, one)


def remove(name: str) -> None:
    """Take a schedule's deployment away, with the starts it had before it; one that is not there is gone already."""
    from prefect.exceptions import ObjectNotFound

    with asking() as client:
        try:
            client.delete_deployment(client.read_deployment_by_name(f"{FLOW}/{portable(name)}").id)
        except ObjectNotFound:
            return


def start_now(one: ScheduleFacts, who: str, *, accept_fewer: bool) -> str:
    """Ask for a start at once; returns the flow run's id. Raises PrefectAway."""
    with asking() as client:
        found = _put(client, one)
        parameters = {"schedule": one.name, "accept_fewer": accept_fewer, "asked_by": who}
        made = client.create_flow_run_from_deployment(found, parameters=parameters, tags=["dailies"])
        return str(made.id)


def _put(client: Any, one: ScheduleFacts) -> Any:
    """The id of the deployment, once it is as it should be."""
    from prefect.exceptions import ObjectNotFound

    wanted = _deployment(one)
    try:
        known = client.read_deployment_by_name(f"{FLOW}/{wanted.name}")
    except ObjectNotFound:
        return deploy(client, wanted)
    told = [(getattr(x.schedule, "cron", ""), getattr(x.schedule, "timezone", ""), x.active) for x in known.schedules]
    same = (
        told == [(wanted.cron, wanted.timezone, wanted.active)]
        and known.parameters == wanted.parameters
        and (known.entrypoint, known.work_queue_name) == (wanted.entrypoint, wanted.queue)
    )
    return known.id if same else deploy(client, wanted)


def _deployment(one: ScheduleFacts) -> Deployment:
    return Deployment(
        FLOW,
        portable(one.name),
        "flows.scheduled.scheduled",
        "cpu",
        CONTROL,
        f"Runs {one.manifest} by its schedule; `dailies schedule` changes it.",
        cron=one.cron,
        timezone=one.timezone,
        active=one.active,
        parameters={"schedule": one.name},
        ours=True,
    )
