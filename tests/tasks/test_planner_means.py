"""What a machine can do is looked up without loading anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.planner import device
from tasks.planner.device import CPU, Device, device_of
from tasks.planner.estimate import SHIPPED, SVD, SVD_ON_CUDA, UPSCALE, Speeds
from tasks.planner.means import means_of
from tests.tasks.svd_means import HERE, SLOW
from tests.workroom import Workroom

ROOT = Path(__file__).parents[2]


def test_planning_loads_neither_torch_nor_a_card() -> None:
    code = (
        "import sys, tasks.planner.planner, tasks.planner.means, tasks.tools\n"
        "from tasks.planner.device import device_of, torch_installed\n"
        "device_of('auto'), torch_installed()\n"
        "print(*sorted({'torch', 'diffusers', 'transformers', 'peft'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_a_machine_without_weights_has_none(room: Workroom) -> None:
    with room.tools() as tools:
        means = tools.means
        assert means == means_of(tools.catalog, tools.weights_dir, tools.device, tools.max_pixels)
    assert (dict(means.svd), means.adapters, means.device) == ({}, frozenset(), CPU)
    assert means.tflop_seconds == SHIPPED[SVD]
    assert not means.torch_upscale
    hash(means)


def test_history_and_benchmark_say_how_fast_it_is(room: Workroom) -> None:
    import platform

    with room.tools() as tools:
        tools.catalog.record_benchmark(*SVD, platform.node(), 3.5)
        assert tools.means.tflop_seconds == 3.5


@pytest.mark.parametrize(
    ("asked", "built_for_cuda", "found"),
    [
        ("auto", True, "cuda:0"),
        ("cuda", True, "cuda:0"),
        ("cuda:1", True, "cuda:1"),
        ("cuda:2", True, "cpu"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("vulkan:0", True, "cpu"),
    ],
)
def test_the_device_torch_works_on(
    monkeypatch: pytest.MonkeyPatch, asked: str, built_for_cuda: bool, found: str
) -> None:
    two = (Device("cuda", 0, "one", 24 * 2**30), Device("cuda", 1, "other", 16 * 2**30))
    monkeypatch.setattr(device, "cards", lambda: two)
    monkeypatch.setattr(device, "_built_for_cuda", lambda: built_for_cuda)
    assert device_of(asked).torch == found


def test_an_unknown_card_is_not_taken_for_a_cpu() -> None:
    shipped = Speeds.known({}, {UPSCALE: 400.0}).on(HERE)
    assert shipped.seconds[SVD] == HERE.tflop_seconds == SVD_ON_CUDA
    assert shipped.seconds[UPSCALE] < 1 and shipped.basis[UPSCALE] == "shipped"
    past = Speeds.known({SVD: 7.0, UPSCALE: 0.1}, {}).on(HERE)
    assert (past.seconds[SVD], past.seconds[UPSCALE], past.basis[SVD]) == (7.0, 0.1, "history")
    assert Speeds.known({}, {UPSCALE: 400.0}).on(SLOW).seconds[UPSCALE] == 400.0
