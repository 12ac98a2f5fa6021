"""Of whatever catalog: what a current delivery or a live run needs is there after a collection that spares no age.

What must stay is worked out here by walking every edge in plain Python, not by the queries under test.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from catalog import Catalog
from catalog.deliveries import NewDelivery
from catalog.executions import Used
from catalog.publication import StagedFile
from catalog.retention import Rules
from catalog.tables import Artifact, Delivery, ExecutionInput, ExecutionOutput, Run, Shot
from catalog.trace import trace
from tests.catalog.conftest import Workplace

End = Literal["done", "failed", "waiting", "claimed"]

SHOTS = st.lists(
    st.tuples(
        st.integers(0, 3),  # the picture
        st.integers(0, 2),  # the slot it is delivered to: a later one supersedes
        st.integers(0, 1),  # how it is staged
        st.sampled_from(["prepared", "stored", "delivered"]),  # how far it came
        st.sampled_from(["done", "failed", "waiting", "claimed"]),  # what became of its run
    ),
    min_size=1,
    max_size=7,
)
RULES = st.builds(
    Rules,
    intermediates=st.sampled_from([0.0, None]),
    superseded=st.sampled_from([0.0, None]),
    sources=st.sampled_from([0.0, None]),
    leftovers=st.just(0.0),
)


def pictures(plan: Mapping[str, Any]) -> Iterable[str]:
    return plan["pictures"]


def build(place: Workplace, folder: Path, shots: list[tuple[int, int, int, str, End]]) -> None:
    catalog = place.catalog
    for number, (picture, slot, look, reach, end) in enumerate(shots):
        path = folder / f"{picture}.png"
        path.write_bytes(f"picture {picture}".encode())
        source = catalog.ingest(path)
        run_id, (shot,) = place.submit(name=f"slot{slot}", plan={"pictures": [source]})
        claims = catalog.claim(catalog.new_batch(run_id, [shot]), [shot], f"w{number}", 600.0)
        (claim,) = claims

        def stage(name: str, kind: str, used: Used, shot: str = shot, claim: Any = claim) -> str:
            made = catalog.find_done(name)
            if made is None or not made.whole:
                execution = place.begin(name, used, claim=claim, stage=kind)
                staged = catalog.store.stage_file(".bin")
                staged.write_bytes(name.encode())
                made = catalog.publish(execution, [StagedFile(staged, kind, kind)], ran={}, seconds=1, claim=claim)
            catalog.link(shot, "16x9", made.id, True)
            return made.outputs[0].sha256

        still = stage(f"still {picture} {look}", "still", Used("source", artifact=source))
        if reach != "prepared":
            master = stage(f"master {picture} {look}", "master", Used("still", artifact=still))
        if reach == "delivered":
            clip = stage(f"clip {picture} {look}", "delivery", Used("frames", artifact=master))
            made = catalog.find_done(f"clip {picture} {look}")
            assert made is not None
            facts = {"ask_sha256": f"{picture} {look}", "artifact": clip, "poster": None, "execution_id": made.id}
            catalog.deliver(NewDelivery(claim, shot_id=shot, rendition="16x9", preset="web", **facts))
        if end == "waiting":
            catalog.release(claims)
        elif end != "claimed":
            catalog.finish_shot(claim, end)
            catalog.finish_run(run_id)


def needed(catalog: Catalog) -> set[str]:
    """Files of current deliveries, their sources, and everything made of a live run's pictures."""
    with catalog.database.read() as connection:
        inputs = connection.execute(select(ExecutionInput)).all()
        outputs = connection.execute(select(ExecutionOutput)).all()
        current = connection.execute(select(Delivery).where(Delivery.state == "current")).all()
        sources = set(connection.scalars(select(Artifact.sha256).where(Artifact.kind == "source")))
        live = select(Shot.plan).join(Run, Run.id == Shot.run_id).where(Run.state.in_(("planned", "running")))
        read_live = {source for plan in connection.scalars(live) for source in pictures(plan)}
    made = {output.artifact_sha256: output.execution_id for output in outputs}
    of: dict[str, set[str]] = {}
    for one in inputs:
        of.setdefault(one.execution_id, set()).add(one.artifact_sha256)

    def back(sha256: str) -> set[str]:
        return {sha256}.union(*(back(used) for used in of.get(made.get(sha256, ""), ())))

    stay = set(read_live)
    for delivery in current:
        stay |= {delivery.artifact_sha256} | (back(delivery.artifact_sha256) & sources)
    return stay | {sha256 for sha256 in made if back(sha256) & read_live}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the catalog's tables: copying it is quicker than migrating each."""
    folder = tmp_path_factory.mktemp("empty")
    Workplace(folder).catalog.close()
    return folder / "catalog.db"


@settings(max_examples=12)
@given(shots=SHOTS, rules=RULES)
def test_what_anybody_needs_is_still_there(
    empty: Path, shots: list[tuple[int, int, int, str, End]], rules: Rules
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(empty, folder)
        place = Workplace(Path(folder))
        with place.catalog as catalog:
            build(place, Path(folder), shots)
            must = needed(catalog)
            with catalog.database.read() as connection:
                before = set(connection.scalars(select(Artifact.sha256).where(Artifact.state == "present")))
            would = {one.artifact.sha256 for one in catalog.survey(rules, pictures) if one.verdict.go}
            gone = {one.artifact.sha256 for one in catalog.collect(rules, pictures) if one.verdict.go}
            assert gone == would, "a dry run tells what a collection does"
            assert not gone & must
            for sha256 in before - gone:
                catalog.verify(sha256)
            assert not any(catalog.has_file(sha256) for sha256 in gone)
            assert not list(catalog.strays(older_than_seconds=-60))
            with catalog.database.read() as connection:
                deliveries = list(connection.scalars(select(Delivery.id)))
                assert set(connection.scalars(select(Artifact.sha256))) == before, "no row is ever deleted"
            for delivery in deliveries:
                assert "'kind': 'source'" in str(trace(catalog, delivery).as_dict()), "its lineage reaches its picture"
            if rules.intermediates == 0 and all(end in ("done", "failed") for *_, end in shots):
                with catalog.database.read() as connection:
                    kinds = set(connection.scalars(select(Artifact.kind).where(Artifact.state == "present")))
                assert not kinds & {"still", "master"}, "what only saves work goes"
