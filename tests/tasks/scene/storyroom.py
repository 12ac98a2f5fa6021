"""Runs with scenes on the line, without Prefect: the shots first, then the scenes, as workers claim them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog.queries import DeliveryRow, RunStatus, deliveries_of, run_status, shots_of
from flows.request import Request
from tasks.line import Line
from tasks.out_folder import write_out_folder
from tasks.submission import verified
from tasks.tools import Tools
from tests.workroom import Workroom, decoded

BOARD = {"kind": "storyboard"}
ROW = {"seconds": 0.5}


@dataclass(frozen=True)
class Told:
    """A run that has been worked, or as far as it went."""

    run_id: str
    status: RunStatus
    rows: list[DeliveryRow]
    out: Path

    @property
    def made(self) -> dict[str, int]:
        """Stage -> executions by this run, inspections left out."""
        return {one.stage: one.made for one in self.status.stages if one.made and one.stage != "inspect"}

    def file(self, scene: str = "s") -> Path:
        """The stored file of a scene."""
        (found,) = [row.delivery.path for row in self.rows if row.item == scene]
        return found


def board(room: Workroom, *shots: dict[str, Any], scenes: dict[str, Any] | None = None, **header: Any) -> Path:
    """A storyboard of half-second panels with a picture each; one scene at the small size unless said otherwise."""
    for number, _ in enumerate(shots):
        picture = room.folder / f"p{number}.png"
        if not picture.exists():
            room.picture(picture.name, seed=number + 1)
    told = [{"id": f"r{number}", "source": f"p{number}.png"} | ROW | shot for number, shot in enumerate(shots)]
    one = {"s": {"preset": "small_wide", "speed": "draft", "leader": 0.25}}
    defaults = {"defaults": {"seconds": 0.5, "motion": {"move": "hold"}} | header.pop("defaults", {})}
    return room.manifest(told, scenes=scenes or one, **(BOARD | defaults | header))


def submitted(room: Workroom, tools: Tools, manifest: Path, **asked: Any) -> str:
    request = Request(manifest, **asked)
    planned, _ = verified(tools, request.plan(tools, request.load()))
    return room.submit(tools, planned)


def worked(tools: Tools, run_id: str) -> Told:
    """Claim what may be claimed and work it, until nothing more is given out."""
    catalog = tools.catalog
    while waiting := [shot.id for shot in shots_of(catalog, run_id, ["waiting"])]:
        claims = catalog.claim(catalog.new_batch(run_id, waiting), waiting, "tests:1", 600)
        if not claims:
            break
        held = {claim.shot_id for claim in claims}
        line = Line(tools, claims, [shot for shot in shots_of(catalog, run_id, ["claimed"]) if shot.id in held])
        for step in line.steps:
            step()
    return told(tools, run_id)


def told(tools: Tools, run_id: str) -> Told:
    catalog = tools.catalog
    catalog.finish_run(run_id)
    status, rows = run_status(catalog, run_id), deliveries_of(catalog, run_id=run_id)
    write_out_folder(catalog, Path(status.run.out_folder), shots_of(catalog, run_id), rows)
    return Told(run_id, status, rows, Path(status.run.out_folder))


def run(room: Workroom, manifest: Path, *, between: Callable[[], object] = lambda: None, **asked: Any) -> Told:
    with room.tools() as tools:
        run_id = submitted(room, tools, manifest, **asked)
        between()
        return worked(tools, run_id)


def made_by_all(room: Workroom) -> Counter[str]:
    """Every execution that ended well, by stage."""
    return Counter(row.stage for row in room.executions(state="done") if row.stage != "inspect")


def states(tools: Any, run_id: str) -> dict[str, str]:
    return {shot.key: shot.state for shot in shots_of(tools.catalog, run_id)}


def differing(one: Path, other: Path) -> set[int]:
    """Frames of two files that are not alike."""
    before, after = decoded(one), decoded(other)
    assert before.shape == after.shape
    return {index for index in range(len(before)) if np.abs(before[index].astype(int) - after[index]).mean() > 2}
