"""What must be true of a run that has ended, whatever was killed on its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from catalog import Catalog
from catalog.errors import CatalogError
from catalog.queries import deliveries_of, run_status, shots_of
from catalog.tables import Artifact, Delivery, Execution
from flows.settings import Settings
from tests.faults.reader import decode

Digests = Mapping[tuple[str, str, str], str]


def digests_of(catalog: Catalog, run_id: str) -> Digests:
    """(shot key, rendition, preset) -> SHA-256 of the file that serves it."""
    keys = {shot.id: shot.key for shot in shots_of(catalog, run_id)}
    rows = deliveries_of(catalog, run_id=run_id)
    return {(keys[row.shot_id], row.delivery.rendition, row.delivery.preset): row.delivery.artifact for row in rows}


def broken_promises(settings: Settings, run_id: str, expected: Digests, out: Path) -> list[str]:
    """Everything that is not as it was promised, in words; empty where all is well."""
    wrong: list[str] = []
    with Catalog.open(settings.catalog_url, settings.store) as catalog:
        status = run_status(catalog, run_id)
        if status.run.state != "done":
            wrong.append(f"the run is {status.run.state}: {dict(status.run.shots)}, {status.failures}")
        found = digests_of(catalog, run_id)
        for key in expected.keys() | found.keys():
            if found.get(key) != expected.get(key):
                wrong.append(f"{key}: {found.get(key)} instead of {expected.get(key)}")
        with catalog.database.read() as lines:
            done = Counter(lines.scalars(select(Execution.recipe_sha256).where(Execution.state == "done")))
            live = lines.execute(
                select(Execution.id, Execution.stage, Execution.state).where(
                    Execution.state.in_(("running", "publishing"))
                )
            ).all()
            current = select(Delivery.manifest, Delivery.shot_key, Delivery.rendition, Delivery.preset)
            slots = Counter(tuple(row) for row in lines.execute(current.where(Delivery.state == "current")))
            present = set(lines.scalars(select(Artifact.sha256).where(Artifact.state == "present")))
        wrong += [f"recipe {recipe[:12]} is done {times} times" for recipe, times in done.items() if times > 1]
        wrong += [f"slot {slot} is current {times} times" for slot, times in slots.items() if times > 1]
        wrong += [f"execution {row.id} ({row.stage}) is still {row.state}" for row in live]
        for sha256 in sorted(present):
            try:
                catalog.store.verify(sha256)
            except CatalogError as error:
                wrong.append(str(error))
        for row in deliveries_of(catalog, run_id=run_id):
            file = Path(row.placed_path or "nowhere")
            if not file.is_file():
                wrong.append(f"{file} was not put into the out folder")
            else:
                decode(file)
    wrong += [f"{path} was left behind" for path in out.glob(".*")]
    return wrong


def as_text(wrong: list[Any]) -> str:
    """At most twenty lines of it."""
    return "\n".join(str(one) for one in wrong[:20]) + (f"\n... {len(wrong)} in all" if len(wrong) > 20 else "")
