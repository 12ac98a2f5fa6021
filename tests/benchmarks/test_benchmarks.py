"""What the benchmarks promise that no clock decides."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from flows.request import Request
from models import flow
from models.camera import Move, Scene, path, render
from models.clip import Clip, Frame
from models.interpolate import resample
from tasks.planner import survey
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import planning
from tests.benchmarks.camera_motion import studio_still
from tests.workroom import Workroom

WIDTH, HEIGHT = 320, 180


@pytest.mark.parametrize("name", benchmarks.QUICK)
def test_each_is_a_program_and_is_told_about(name: str) -> None:
    module = importlib.import_module(f"tests.benchmarks.{name}")
    assert callable(module.main)
    assert f"python -m tests.benchmarks.{name}" in (module.__doc__ or "")
    assert f"`{name}`" in Path(benchmarks.__file__).with_name("README.md").read_text(encoding="utf-8")


def test_planning_keeps_what_needs_no_clock() -> None:
    bars = {bar.what.strip(): bar for bar in planning.bars(20, 10)}
    assert bars["pictures decoded"].found == 0
    assert bars["peak memory"].met, bars["peak memory"]


def test_without_a_cuda_device_nothing_is_measured_and_it_is_said(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--out", str(tmp_path / "gpu")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not run" in done.stdout and "CUDA" in done.stdout
    assert not (tmp_path / "gpu").exists()


@pytest.mark.slow
@pytest.mark.parametrize("part", ["check", "rife", "chain"])
def test_a_small_part_of_the_gpu_benchmark_runs(part: str, tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    command = [sys.executable, "-m", "tests.benchmarks.gpu", "--small", "--device", "cpu"]
    command += ["--part", part, "--out", str(tmp_path), "--cache", str(tmp_path / "kernels")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / f"gpu-{part}.json").read_text(encoding="utf-8"))
    assert found["rows"], found
    assert not [row["what"] for row in found["rows"] if row["met"] is False], done.stdout
    assert all(row["seconds"] > 0 for row in found["rows"] if row["runs"])
    from tests.benchmarks import gpu_report

    results = tmp_path / "RESULTS.md"
    assert gpu_report.append_results(tmp_path, results) == 0, "a small run is no result"
    assert not results.exists()
    (tmp_path / f"gpu-{part}.json").write_text(json.dumps(found | {"small": False}), encoding="utf-8")
    assert gpu_report.append_results(tmp_path, results) == 1
    assert found["machine"]["date"][:10] in results.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flow", "overhead", "pages"])
def test_a_quick_one_runs(name: str) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_an_unchanged_picture_is_not_opened_and_a_changed_one_is(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    look = survey.look

    def noted(path: Path, **named: object) -> object:
        opened.append(path.name)
        return look(path, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(survey, "look", noted)
    for name, seed in (("a.png", 1), ("b.png", 2)):
        room.picture(name, seed)
    request = Request(room.manifest([{"id": f"s{n}", "source": "ab"[n % 2] + ".png"} for n in range(6)]))
    with room.tools() as tools:
        request.plan(tools, request.load())
        assert sorted(opened) == ["a.png", "b.png"], "six shots, two pictures, two looks"
        request.plan(tools, request.load())
        assert sorted(opened) == ["a.png", "b.png"]
        room.picture("b.png", 3)
        request.plan(tools, request.load())
    assert sorted(opened) == ["a.png", "b.png", "b.png"]


def _rendered(frames: int) -> Iterator[Frame]:
    scene = Scene(studio_still(480, 270), (80.0, 45.0, 320.0, 180.0))
    yield from render(scene, path(Move("pan", 0.1), Clip(WIDTH, HEIGHT, Fraction(30), frames)), workers=2)


def _interpolated(frames: int) -> Iterator[Frame]:
    still = studio_still(WIDTH + 24, HEIGHT)
    source = (np.ascontiguousarray(still[:, n : n + WIDTH]) for n in range(frames // 4 + 1))
    clip = Clip(WIDTH, HEIGHT, Fraction(10), frames // 4 + 1)
    with flow.Interpolator() as engine:
        yield from resample(source, clip, Fraction(40), engine, loop=False)[1]


@pytest.mark.parametrize("made", [_rendered, _interpolated])
def test_frames_in_flight_do_not_grow_with_the_clip(made: type[Iterator[Frame]]) -> None:
    """A consumer slower than the engine, as an encoder is, must hold the engine back."""

    def peak(frames: int) -> float:
        tracemalloc.start()
        for _ in made(frames):  # type: ignore[arg-type]
            time.sleep(0.002)
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held / (WIDTH * HEIGHT * 3)

    short, long = peak(16), peak(96)
    assert long < short + 8, f"{short:.1f} frames' worth of memory for 16 frames, {long:.1f} for 96"
