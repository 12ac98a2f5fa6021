"""A manifest that is run every night: the schedule that waits in Prefect, switched on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.request import Request

DEPLOYMENTS = {"product": "product_broll/product-broll", "storyboard": "storyboard_animation/storyboard-animation"}
AT = "0 1 * * *"
"""One o'clock, UTC."""


def schedule(manifest: str) -> str:
    """Have `manifest` run every night by the deployment of its kind; returns that one's name.

    Its schedule is switched on, or made where it has none; a time that a person has set stays. Raises ManifestError.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentUpdate
    from prefect.client.schemas.schedules import CronSchedule

    name = DEPLOYMENTS["storyboard" if Request(Path(manifest)).load().kind == "storyboard" else "product"]
    with get_client(sync_client=True) as client:
        known = client.read_deployment_by_name(name)
        parameters: dict[str, Any] = {**known.parameters, "manifest": manifest, "triggered_by": "nightly"}
        client.update_deployment(known.id, DeploymentUpdate(parameters=parameters))
        if not known.schedules:
            client.create_deployment_schedules(known.id, [(CronSchedule(cron=AT), True)])
        for one in known.schedules:
            client.update_deployment_schedule(known.id, one.id, active=True)
    return name
