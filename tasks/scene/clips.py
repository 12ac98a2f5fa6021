"""The clips that a scene was cut from, for those who only read them."""

from __future__ import annotations

from collections.abc import Mapping

from catalog.catalog import Catalog
from catalog.deliveries import Delivered
from catalog.queries import each_delivery
from tasks.planner.scene import ScenePlan


def clips_of(catalog: Catalog, scene: ScenePlan, run_id: str) -> Mapping[str, Delivered]:
    """By what was asked (`ask_sha256`): the clips that the scene's run was served, current or superseded since.

    Those whose file is not in the store are left out.
    """
    asked = {event.ask_sha256 for event in scene.events if event.ask_sha256}
    found = {ask: several[-1] for ask, several in catalog.current_deliveries(list(asked)).items()}
    if asked - found.keys():
        served = (row.delivery for row in each_delivery(catalog, run_id))
        found |= {one.ask_sha256: one for one in served if one.ask_sha256 in asked - found.keys()}
    return found
