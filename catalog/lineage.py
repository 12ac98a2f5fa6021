"""Trees of what things were made from: executions and files, back to the sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, func, select, tuple_

from catalog.licences import grant_of, grants_query
from catalog.tables import (
    Artifact,
    Delivery,
    Execution,
    ExecutionInput,
    ExecutionOutput,
    LicenceGrant,
    Measurement,
    Run,
    Shot,
    ShotDelivery,
    ShotExecution,
    Weights,
)


def _no_facts() -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Node:
    """One thing in a lineage; `made_from` are the things before it. `role` says what it is to the thing after it.

    `facts` are JSON: an execution's are stage, engine, versions, recipe, what ran, weights, the licence
    grant they were used under, seconds, machine, outputs.
    """

    kind: Literal["run", "shot", "delivery", "execution", "artifact"]
    id: str
    role: str = ""
    facts: Mapping[str, Any] = field(default_factory=_no_facts)
    made_from: tuple[Node, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "kind": self.kind,
            "id": self.id,
            "role": self.role,
            "facts": dict(self.facts),
            "made_from": [node.as_dict() for node in self.made_from],
        }


class Tree:
    """Builds nodes, each thing once however many stand on it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._made_from: dict[tuple[str, str], tuple[dict[str, Any], tuple[Node, ...]]] = {}
        self._under_way: set[str] = set()

    def run(self, run_id: str) -> list[Node]:
        """The run, its shots and their deliveries; the trees of thousands of shots are asked for one by one."""
        row = self.connection.execute(select(Run).where(Run.id == run_id)).one()
        served: dict[str, list[Node]] = {}
        deliveries = (
            select(ShotDelivery.shot_id, Delivery.id, Delivery.preset, Delivery.rendition, Delivery.artifact_sha256)
            .join(Delivery, Delivery.id == ShotDelivery.delivery_id)
            .join(Shot, Shot.id == ShotDelivery.shot_id)
            .where(Shot.run_id == run_id)
            .order_by(Delivery.id)
        )
        for shot, delivery, preset, rendition, sha256 in self.connection.execute(deliveries):
            facts = {"preset": preset, "rendition": rendition, "sha256": sha256}
            served.setdefault(shot, []).append(Node("delivery", delivery, preset, facts))
        shots = self.connection.execute(select(Shot).where(Shot.run_id == run_id).order_by(Shot.position)).all()
        nodes = tuple(Node("shot", s.id, s.key, _shot_facts(s), tuple(served.get(s.id, ()))) for s in shots)
        facts = {"name": row.name, "kind": row.kind, "state": row.state, "triggered_by": row.triggered_by}
        facts |= {"created_at": row.created_at.isoformat(), "manifest_sha256": row.manifest_sha256}
        return [Node("run", run_id, "", facts, nodes)]

    def shot(self, shot_id: str) -> Node:
        """A shot: its deliveries, or as far as its work has come."""
        row = self.connection.execute(select(Shot).where(Shot.id == shot_id)).one()
        linked = select(ShotDelivery.delivery_id).where(ShotDelivery.shot_id == shot_id)
        before = [
            self.delivery(delivery) for delivery in self.connection.scalars(linked.order_by(ShotDelivery.delivery_id))
        ]
        if not before:
            edges = select(ShotExecution.execution_id).where(ShotExecution.shot_id == shot_id)
            mine = dict.fromkeys(self.connection.scalars(edges.order_by(ShotExecution.execution_id)))
            before = [self.execution(execution, "") for execution in mine]
        return Node("shot", shot_id, row.key, _shot_facts(row), tuple(before))

    def delivery(self, delivery_id: str) -> Node:
        """A delivery and the encode it came from."""
        row = self.connection.execute(select(Delivery).where(Delivery.id == delivery_id)).one()
        measured = (
            select(Measurement).where(Measurement.artifact_sha256 == row.artifact_sha256).order_by(Measurement.id)
        )
        placed = select(ShotDelivery.placed_path).where(ShotDelivery.delivery_id == delivery_id)
        facts = {
            "manifest": row.manifest,
            "shot": row.shot_id,
            "rendition": row.rendition,
            "preset": row.preset,
            "state": row.state,
            "sha256": row.artifact_sha256,
            "poster": row.poster_sha256,
            "created_at": row.created_at.isoformat(),
            "placed": sorted({path for path in self.connection.scalars(placed) if path}),
            "measurements": [
                {"name": m.name, "value": m.value, "unit": m.unit, "threshold": m.threshold, "passed": m.passed}
                for m in self.connection.execute(measured)
            ],
        }
        return Node("delivery", delivery_id, row.preset, facts, (self.execution(row.execution_id, "made by"),))

    def artifact(self, sha256: str, role: str, maker: str = "") -> Node:
        """A file and the execution that made it: `maker` if that is known, else the first; a source has none."""
        if (sha256, maker) not in self._made_from:
            row = self.connection.execute(select(Artifact).where(Artifact.sha256 == sha256)).one()
            facts = {"kind": row.kind, "state": row.state, "bytes": row.bytes, "media": row.media}
            if sha256 in self._under_way:  # a stage may give the very bytes it was given: no ancestor of themselves
                return Node("artifact", sha256, role, facts)
            makers = (
                select(Execution.id)
                .join(ExecutionOutput, ExecutionOutput.execution_id == Execution.id)
                .where(ExecutionOutput.artifact_sha256 == sha256)
                .order_by((Execution.state == "done").desc(), Execution.id)
                .limit(1)
            )
            self._under_way.add(sha256)
            found = [maker] if maker else list(self.connection.scalars(makers))
            self._made_from[sha256, maker] = (facts, tuple(self.execution(one, "made by") for one in found))
            self._under_way.remove(sha256)
        facts, before = self._made_from[sha256, maker]
        return Node("artifact", sha256, role, facts, before)

    def execution(self, execution_id: str, role: str) -> Node:
        """A stage run and what it used."""
        if (execution_id, "") not in self._made_from:
            row = self.connection.execute(select(Execution).where(Execution.id == execution_id)).one()
            used = select(ExecutionInput).where(ExecutionInput.execution_id == execution_id)
            before: list[Node] = []
            edges = self.connection.execute(used.order_by(ExecutionInput.position)).all()
            makers = self._makers(execution_id, [(edge.role, edge.artifact_sha256) for edge in edges])
            for edge in edges:
                if edge.artifact_sha256 is not None:
                    maker = makers.get((edge.role, edge.artifact_sha256), "")
                    before.append(self.artifact(edge.artifact_sha256, edge.role, maker))
                else:
                    before.append(self.execution(edge.producer_id, edge.role))
            self._made_from[execution_id, ""] = (self._execution_facts(row), tuple(before))
        facts, before_it = self._made_from[execution_id, ""]
        return Node("execution", execution_id, role, facts, before_it)

    def _makers(self, user: str, used: Sequence[tuple[str, str | None]]) -> dict[tuple[str, str], str]:
        """Who made the files an execution used, by role and file, where it used several of one maker's.

        Equal bytes are one file, whoever made them: two stills of one shape share their header, and the picture one
        clip ends on is where another begins. What was used together tells whose they were: his who gave most of it,
        under the same roles.
        """
        files = [(role, sha256) for role, sha256 in used if sha256 is not None]
        if len(files) < 2:
            return {}
        here = ExecutionOutput.artifact_sha256.in_([sha256 for _, sha256 in files])  # which has an index
        output = tuple_(ExecutionOutput.role, ExecutionOutput.artifact_sha256)
        candidates = (
            select(Execution.id)
            .join(ExecutionOutput, ExecutionOutput.execution_id == Execution.id)
            .where(here, output.in_(files), Execution.id != user)
            .group_by(Execution.id, Execution.state)
            .order_by(func.count().desc(), (Execution.state == "done").desc(), Execution.id)
            .limit(len(files))
        )
        found: dict[tuple[str, str], str] = {}
        for maker in self.connection.scalars(candidates).all():
            gave = select(ExecutionOutput.role, ExecutionOutput.artifact_sha256)
            for role, sha256 in self.connection.execute(gave.where(ExecutionOutput.execution_id == maker)):
                if (role, sha256) in files:
                    found.setdefault((role, sha256), maker)
        return found

    def _execution_facts(self, row: Any) -> dict[str, Any]:
        licences: dict[str, str] = {}
        if row.weights:
            known = select(Weights.sha256, Weights.licence).where(Weights.sha256.in_(list(row.weights.values())))
            licences = dict(self.connection.execute(known).all())
        grant = None
        if row.grant_id:
            query = grants_query().where(LicenceGrant.id == row.grant_id)
            grant = grant_of(self.connection.execute(query).one()).facts()
        outputs = (
            select(ExecutionOutput.role, Artifact.sha256, Artifact.kind, Artifact.state, Artifact.bytes)
            .join(Artifact, Artifact.sha256 == ExecutionOutput.artifact_sha256)
            .where(ExecutionOutput.execution_id == row.id)
            .order_by(ExecutionOutput.role)
        )
        return {
            "stage": row.stage,
            "version": row.version,
            "state": row.state,
            "engine": row.engine,
            "engine_versions": row.engine_versions,
            "recipe": row.recipe,
            "recipe_sha256": row.recipe_sha256,
            "ran": row.ran,
            "weights": [
                {"name": name, "sha256": sha256, "licence": licences.get(sha256)}
                for name, sha256 in sorted(row.weights.items())
            ],
            "grant": grant,
            "seconds": row.seconds,
            "gpu_seconds": row.gpu_seconds,
            "peak_vram_bytes": row.peak_vram_bytes,
            "host": row.host,
            "device": row.device,
            "started_at": row.started_at.isoformat(),
            "ended_at": row.ended_at.isoformat() if row.ended_at else None,
            "adopted": row.adopted_id,
            "error": {"code": row.error_code, "message": row.error_message} if row.error_code else None,
            "outputs": [
                {"role": o.role, "sha256": o.sha256, "kind": o.kind, "state": o.state, "bytes": o.bytes}
                for o in self.connection.execute(outputs)
            ],
        }


def _shot_facts(row: Any) -> dict[str, Any]:
    return {
        "key": row.key,
        "item": row.item,
        "variant": row.variant,
        "line": row.line,
        "state": row.state,
        "attempts": row.attempts,
        "error": {"code": row.error_code, "message": row.error_message} if row.error_code else None,
    }
