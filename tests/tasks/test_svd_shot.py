"""Shots by SVD from manifest to file and catalog, on the CPU with tiny random checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="SVD needs the gpu extra")

import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from catalog.queries import shots_of
from catalog.trace import trace
from flows.lineage_tree import lineage_tree
from tasks.master import read_master
from tasks.planner.svd import DRIFT, Drift
from tests.svd_checkpoints import tiny_checkpoint
from tests.tasks.faulty_generator import NO_FRAMES, NOT_NUMBERS, TWO_FRAMES
from tests.workroom import Ended, Workroom

SVD = {"canvas": [256, 128], "steps": 3, "sigma_start": 2.0}
FAULTY = "tests.tasks.faulty_generator:by_seed"
"""One child for all faults. A canvas that was too big once stays so: what runs out of memory has one of its own."""


@pytest.fixture
def any_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """No drift limits: random weights draw no product, and what is tested is the way, not the picture."""
    monkeypatch.setitem(DRIFT, "strict", Drift(0.0, 0.0, 0.0))


def weights(room: Workroom, *, accepted: bool = True) -> Path:
    """A checkpoint `svd-xt` that makes four frames at once, its licence accepted."""
    folder = tiny_checkpoint(room.settings.weights / "svd-xt", frames=4)
    if accepted:
        room.accept(folder)
    return folder


def adapter(room: Workroom, checkpoint: Path, name: str) -> Path:
    """A LoRA over every query of the network's attention."""
    unet = load_file(checkpoint / "unet" / "diffusion_pytorch_model.safetensors")
    random, tensors = torch.Generator().manual_seed(1), dict[str, torch.Tensor]()
    for key, weight in unet.items():
        if key.endswith(".to_q.weight"):
            layer = key.removesuffix(".weight")
            tensors[f"unet.{layer}.lora_A.weight"] = torch.randn(2, weight.shape[1], generator=random)
            tensors[f"unet.{layer}.lora_B.weight"] = torch.randn(weight.shape[0], 2, generator=random)
    file = room.settings.weights / "adapters" / f"{name}.safetensors"
    file.parent.mkdir()
    save_file(tensors, file)
    return file


def manifest(room: Workroom, rows: Sequence[dict[str, Any]] = ({},), engine: str = "svd") -> Path:
    """Rows `s0`, `s1` ... with those seeds."""
    room.picture("a.png")
    basis = {"source": "a.png", "engine": engine, "svd": SVD}
    return room.manifest([{"id": f"s{n}", "seed": n, **deepcopy(basis), **row} for n, row in enumerate(rows)])


def told(room: Workroom, ended: Ended) -> str:
    """What `dailies trace` prints for the run's first delivery."""
    console = Console(width=10_000, file=StringIO())
    with room.tools() as tools:
        console.print(lineage_tree(trace(tools.catalog, ended.rows[0].delivery.artifact)))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("any_picture", "one_thread")
def test_a_shot_is_made_traced_and_not_made_again(room: Workroom) -> None:
    folder = weights(room)
    lora = adapter(room, folder, "gloss")
    source = manifest(room, [{"svd": SVD | {"adapters": [{"name": "gloss", "scale": 0.5}]}}])
    ended = room.run(source)
    assert ended.status.run.shots == {"done": 1}
    assert ended.made == {"prepare": 1, "animate": 1, "upscale": 1, "interpolate": 1, "encode": 1}
    said = told(room, ended)
    for file in [lora, *sorted(folder.glob("*/*.safetensors"))]:
        assert hashlib.sha256(file.read_bytes()).hexdigest() in said, f"trace does not name {file.name}"
    for fact in ("seed=0", "schedule=align-your-steps", "sigma_start=2", "rung=decode_25", "grant of Studio"):
        assert fact in said, f"trace does not say {fact}:\n{said}"
    [animated] = room.executions(stage="animate")
    assert animated.engine == "svd" and animated.grant_id and animated.ran["dtype"] == "fp32"
    figures = room.measurements()
    assert figures["product_ssim"] > 0.5 and "temporal_flickering_levels" in figures, figures
    assert room.run(source).made == {}


def test_a_clip_that_drifts_is_made_by_the_camera_and_says_so(svd_room: Workroom) -> None:
    source = manifest(svd_room)
    ended = svd_room.run(source)
    assert ended.status.run.shots == {"done": 1}
    drifted, *others = svd_room.executions(stage="animate")
    assert (drifted.engine, drifted.state, drifted.error_code) == ("svd", "failed", "FIDELITY_DRIFT")
    assert "product_ssim" in drifted.evidence
    assert [(one.engine, one.state) for one in others] == [("camera", "done")]
    with svd_room.tools() as tools:
        [shot] = shots_of(tools.catalog, ended.run_id)
    assert any("made by the camera engine" in note for note in shot.plan["notes"])
    assert svd_room.run(source).made == {}, "the next run tries again what drifted"


def test_auto_takes_the_camera_without_weights_and_stops_without_a_licence(room: Workroom) -> None:
    source = manifest(room, engine="auto")
    [shot] = room.plan(source).shots
    assert shot.plan is not None
    assert "no SVD weights here" in shot.plan.renditions[0].why["animate"]
    assert room.run(source).made == {"prepare": 1, "animate": 1, "encode": 1}

    weights(room, accepted=False)
    other = manifest(room, [{"title": "again"}], engine="auto")
    planned = room.plan(other)
    assert [problem.code for problem in planned.problems] == ["LICENCE_NOT_ACCEPTED"]
    assert "dailies weights accept svd-xt" in planned.problems[0].remedy


@pytest.mark.slow
@pytest.mark.usefixtures("any_picture")
def test_frames_enlarged_on_their_way_are_those_enlarged_from_the_master(
    svd_room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.planner.plan.Means.torch_upscale", property(lambda _: True))
    ended = svd_room.run(manifest(svd_room))
    assert ended.status.run.shots == {"done": 1}
    [enlarged] = svd_room.executions(stage="upscale")
    assert enlarged.recipe["runtime"] == "torch" and enlarged.seconds > 0
    [fused] = svd_room.stored("mezzanine")
    before = list(read_master(fused)[1])
    fused.unlink()
    remade = svd_room.run(manifest(svd_room, [{"deliver": ["small_shop"]}]))
    assert remade.made == {"upscale": 1, "encode": 1}, "the master was not where it went on"
    [again] = svd_room.stored("mezzanine")
    for frame, (one, other) in enumerate(zip(before, read_master(again)[1], strict=True)):
        assert np.array_equal(one, other), f"frame {frame}: {np.abs(one.astype(int) - other).max()} levels apart"


@pytest.mark.slow
@pytest.mark.usefixtures("any_picture")
@pytest.mark.promise("out of memory degrades, visibly")
def test_a_shot_degraded_by_the_ladder_says_so_and_is_not_made_again(
    svd_room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = manifest(svd_room, [{"seed": TWO_FRAMES, "svd": SVD | {"canvas": [256, 192]}}])
    with monkeypatch.context() as fault:
        fault.setattr("tasks.svd.GENERATOR", FAULTY)
        assert svd_room.run(source).status.run.shots == {"done": 1}
    assert svd_room.executions(stage="animate")[0].ran["rung"] == "decode_2"
    assert svd_room.run(source).made == {}


@pytest.mark.slow
@pytest.mark.usefixtures("any_picture")
@pytest.mark.promise("NaN, black, frozen frames are never published")
def test_what_is_not_a_number_fails_its_shot_alone(svd_room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.svd.GENERATOR", FAULTY)
    ended = svd_room.run(manifest(svd_room, [{"seed": NOT_NUMBERS}, {}]))
    assert ended.status.run.shots == {"failed": 1, "done": 1}
    assert [row.item for row in ended.rows] == ["s1"]
    failed, done = svd_room.executions(stage="animate")
    assert (failed.error_code, done.state) == ("NOT_FINITE", "done")
    assert "latents" in failed.error_message


@pytest.mark.slow
@pytest.mark.usefixtures("any_picture")
def test_a_ladder_that_ends_fails_the_shot_with_what_was_tried(
    svd_room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.line.BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("tasks.svd.GENERATOR", FAULTY)
    ended = svd_room.run(manifest(svd_room, [{"seed": NO_FRAMES, "svd": SVD | {"canvas": [320, 192]}}]))
    assert ended.status.run.shots == {"failed": 1}
    [failure] = ended.status.failures
    assert failure.code == "OUT_OF_MEMORY"
    assert "decode_4 > decode_2 > decode_1 > offload" in svd_room.executions(stage="animate")[0].error_message
    assert not list((svd_room.settings.home / "store" / "incoming").glob("*")), "a staged file was left behind"
