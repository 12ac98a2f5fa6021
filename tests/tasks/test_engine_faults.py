"""A child that dies, hangs or loses its device during one shot of a batch costs that shot an attempt, nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image

from catalog.queries import shots_of
from models.host import Host
from tasks.engines import Engines
from tests.models.hosting import ROOT
from tests.tasks.faulty_upscaler import FAULTS
from tests.workroom import Ended, Workroom, product_photo, teach_small_presets

SHOTS = "abc"
"""Worked in this order; `b` is the green one, whose frames the engine fails at."""


@pytest.fixture(autouse=True, scope="module")
def impatient() -> Iterator[None]:
    """The upscaler of every batch is the faulty one, and nobody waits for it long."""
    use = Engines.use

    def swapped(engines: Engines, factory: str, kwargs: Mapping[str, Any], **how: Any) -> AbstractContextManager[Any]:
        return use(engines, "tests.tasks.faulty_upscaler:Upscaler", kwargs, **(how | {"deadline": 4.0}))

    with pytest.MonkeyPatch.context() as patch:
        teach_small_presets(patch.setattr)
        patch.setattr(Engines, "use", swapped)
        patch.setattr("tasks.engines.Host", partial(Host, heartbeat_seconds=3.0))
        patch.setattr("tasks.line.BACKOFF_SECONDS", 0.01)
        patch.syspath_prepend(str(ROOT))
        yield


@pytest.fixture(scope="module")
def undisturbed(impatient: None, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What the same batch gives where nothing fails: shot -> SHA-256 of its file."""
    made, _ = batch(Workroom(tmp_path_factory.mktemp("calm")), "crash", 0)
    assert made.status.run.state == "done", made.status.failures
    return files(made)


def batch(room: Workroom, fault: str, times: int) -> tuple[Ended, int]:
    """A worked batch whose green shot fails so many times, and how many engine children it took."""
    for seed, name in enumerate(SHOTS):
        picture = np.asarray(product_photo(seed)).copy()
        if name == "b":
            picture[(picture == 226).all(axis=2)] = (90, 200, 100)
        Image.fromarray(picture).save(room.folder / f"{name}.png")
    rows = [
        {"id": name, "source": f"{name}.png", "upscale": {"still": False}, "render": {"height": 120}, "frames": 6}
        for name in SHOTS
    ]
    log = room.folder / "faults.txt"
    log.unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"FAULT": fault, "FAULT_TIMES": str(times), "FAULT_LOG": str(log)}.items():
            patch.setenv(name, value)
        ended = room.run(room.manifest(rows))
    return ended, log.read_text().count("pid")


def files(ended: Ended) -> dict[str, str]:
    return {row.item: hashlib.sha256(row.delivery.path.read_bytes()).hexdigest() for row in ended.rows}


def states(room: Workroom, ended: Ended) -> dict[str, tuple[str, int, str | None]]:
    with room.tools() as tools:
        return {row.key: (row.state, row.attempts, row.error_code) for row in shots_of(tools.catalog, ended.run_id)}


@pytest.mark.parametrize(
    "fault", [fault if fault in ("hang", "assert") else pytest.param(fault, marks=pytest.mark.slow) for fault in FAULTS]
)
def test_a_fault_in_one_shot_costs_it_an_attempt_and_nothing_else(
    room: Workroom, undisturbed: Mapping[str, str], fault: str
) -> None:
    ended, children = batch(room, fault, 1)
    assert ended.status.run.state == "done", ended.status.failures
    # SIGKILL comes from outside: no shot is charged for it.
    tries, code = (1, "ENGINE_KILLED") if fault == "crash" else (2, "DEVICE_LOST")
    assert states(room, ended) == {"a": ("done", 1, None), "b": ("done", tries, None), "c": ("done", 1, None)}
    assert files(ended) == undisturbed, "the shots, the one tried twice too, are what they would have been"

    failed = room.executions(state="failed")
    assert [(one.stage, one.error_code) for one in failed] == [("upscale", code)]
    assert "the last words of the engine" in failed[0].evidence
    assert len(room.executions(stage="upscale", state="done")) == 3
    assert children == 2, "one for a and b, another from b's second try on"


def test_a_shot_that_always_kills_its_engine_fails_alone(room: Workroom, undisturbed: Mapping[str, str]) -> None:
    ended, children = batch(room, "segfault", 99)
    assert states(room, ended) == {"a": ("done", 1, None), "b": ("failed", 3, "DEVICE_LOST"), "c": ("done", 1, None)}
    assert files(ended) == {name: undisturbed[name] for name in "ac"}
    failed = room.executions(state="failed")
    assert [one.error_code for one in failed] == ["DEVICE_LOST"] * 3
    assert all("SIGSEGV" in one.error_message and "last words" in one.evidence for one in failed)
    assert children == 4

    again, children = batch(room, "segfault", 0)
    assert again.status.run.state == "done"
    assert again.made == {"upscale": 1, "encode": 1}, "only what is missing: its master stands"
    assert files(again) == undisturbed
    assert children == 1
