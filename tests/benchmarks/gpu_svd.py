"""SVD on the GPU: ours against diffusers' stock pipeline over the same networks, eager and compiled, in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from models.svd import decoding, memory, tasks
from models.svd.conditioning import noise
from models.svd.engine import Animator
from models.svd.loading import Networks
from models.svd.settings import Dtype, Settings
from models.svd.work import tflop
from tests.benchmarks import gpu_checkpoint
from tests.benchmarks.gpu_bench import Bench, picture
from tests.benchmarks.gpu_clock import Marks, Timing, in_turn
from tests.benchmarks.gpu_report import Report, Row

CUDA_CONTEXT = 600 << 20
"""What a card's owner loses to CUDA itself before the first tensor: not the allocator's, so not under its cap."""


class Engine:
    """An Animator over random networks, and the networks themselves."""

    def __init__(self, bench: Bench, dtype: Dtype, *, compiled: bool) -> None:
        self.networks: Networks

        def loading(device: torch.device, wanted: torch.dtype) -> Networks:
            self.networks = gpu_checkpoint.networks(device, wanted, small=bench.small)
            return self.networks

        self.animator = Animator(
            loading, str(bench.device), dtype, compiled=compiled, cache=str(bench.cache) if compiled else None
        )

    def clip(self, settings: Settings, mark: Callable[[], None] = lambda: None) -> list[Tensor]:
        """One clip's frames, on the device."""
        return list(self.animator.frames(iter([picture(settings)]), settings, lambda done, total: mark()))


class Run:
    """Something that takes steps, timed as a whole and step by step."""

    def __init__(self, device: torch.device, make: Callable[[Callable[[], None]], Any]) -> None:
        self._device, self._make = device, make
        self._marks = Marks(device)

    def __call__(self) -> Any:
        self._marks = Marks(self._device)
        self._marks.set()
        made = self._make(self._marks.set)
        self._marks.set()
        return made

    def told(self) -> str:
        """Milliseconds of a step and of what follows the last one: decoding. The first step has the encoders in it."""
        spans = self._marks.seconds()
        steps = sorted(spans[1:-1]) or [0.0]
        return f"step {1000 * steps[len(steps) // 2]:.0f} ms, decode {1000 * spans[-1]:.0f} ms"


def stock_clip(
    pipeline: Any, settings: Settings, mark: Callable[[], None] = lambda: None, output: str = "pt"
) -> Tensor:
    """The same clip by the stock pipeline from the same noise: frames, or latents with `output` "latent"."""
    shape = (1, settings.frames, 4, settings.height // 8, settings.width // 8)
    start = noise(shape, settings.seed, "start", 0, pipeline.device).to(pipeline.unet.dtype)

    def told(_pipeline: Any, _index: int, _time: Any, kept: Any) -> Any:
        mark()
        return kept

    return pipeline(
        image=Image.fromarray(picture(settings).rgb),
        width=settings.width,
        height=settings.height,
        num_frames=settings.frames,
        num_inference_steps=settings.steps,
        min_guidance_scale=settings.guidance[0],
        max_guidance_scale=settings.guidance[1],
        fps=settings.conditioning_fps,
        motion_bucket_id=settings.motion_bucket,
        noise_aug_strength=settings.noise_aug,
        decode_chunk_size=settings.frames,
        latents=start,
        output_type=output,
        callback_on_step_end=told,
    ).frames[0]


def svd25(bench: Bench) -> Report:
    """25 steps with guidance, decoded: the stock pipeline, ours eager, ours compiled."""
    return _clips(bench, {"25 steps": bench.settings(25)}, {"25 steps": "<= 10.5 s; >= 1.5x stock"})


def few(bench: Bench) -> Report:
    """10 steps (align-your-steps) and 4 (few-step weights): the stock pipeline takes as many of its own."""
    settings = {
        "10 steps": bench.settings(10, schedule="align-your-steps"),
        "4 steps": bench.settings(4, schedule="lcm", guidance=(1.0, 1.2)),
    }
    return _clips(bench, settings, {"10 steps": "<= 4.5 s"})


def _clips(bench: Bench, clips: dict[str, Settings], bars: dict[str, str]) -> Report:
    engines = {way: Engine(bench, bench.dtype, compiled=compiled) for way, compiled in bench.ways.items()}
    pipeline = gpu_checkpoint.stock(engines["eager"].networks)
    report = Report()
    counted = gpu_checkpoint.counted(engines["eager"].networks)
    for name, settings in clips.items():
        runs = {"stock, eager": Run(bench.device, partial(stock_clip, pipeline, settings))}
        for way, engine in engines.items():
            runs[f"ours, {way}"] = Run(bench.device, partial(engine.clip, settings))
        timings = in_turn(runs, bench.device, bench.rounds)
        work = tflop(counted, settings.width, settings.height, settings.frames, settings.steps, True)
        base = timings["stock, eager"].seconds
        for which, timing in timings.items():
            ratio = base / timing.seconds
            bar = bars.get(name, "") if which == "ours, compiled" else ""
            met = None
            if bar:
                limit = float(bar.split()[1])
                met = timing.seconds <= limit and (ratio >= 1.5 or "stock" not in bar)
            found = f"{ratio:.2f}x stock; {runs[which].told()}"
            report.rows.append(Row(f"{name}, {which}", timing, work, found, bar, met))
    report.facts = {"dtype": bench.dtype}
    for way, engine in engines.items():
        if engine.animator.ran()["eager_because"]:
            report.facts[f"{way} ran eagerly"] = engine.animator.ran()["eager_because"]
    if len(engines) > 1:
        report.facts["networks on the device"] = "two sets, so peaks are 5 GiB higher than of one alone"
    return report


def decode(bench: Bench) -> Report:
    """The decoder alone, 25 latents to pictures on the device, all at once and 8 at a time."""
    engines = {way: Engine(bench, bench.dtype, compiled=compiled) for way, compiled in bench.ways.items()}
    networks = engines["eager"].networks
    pipeline = gpu_checkpoint.stock(networks)
    width, height = bench.size
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(bench.frames, 4, height // 8, width // 8, generator=generator).to(bench.device)
    for engine in engines.values():
        memory.unpark(engine.networks)
    work = tflop(gpu_checkpoint.counted(networks), width, height, bench.frames, 0, False, pictures=0)
    report = Report()
    for chunk in (bench.frames, min(8, bench.frames - 1)):
        runs: dict[str, Callable[[], Any]] = {
            "stock, eager": partial(pipeline.decode_latents, latents[None].to(networks.dtype), bench.frames, chunk)
        }
        for way, engine in engines.items():
            runs[f"ours, {way}"] = partial(_decoded, engine.networks, latents, chunk)
        with torch.no_grad():
            timings = in_turn(runs, bench.device, bench.rounds)
        base = timings["stock, eager"].seconds
        for which, timing in timings.items():
            ratio = base / timing.seconds
            bar = ">= 1.8x stock" if which == "ours, compiled" and chunk == bench.frames else ""
            met = ratio >= 1.8 if bar else None
            report.rows.append(Row(f"{chunk} at once, {which}", timing, work, f"{ratio:.2f}x stock", bar, met))
    return report


def _decoded(networks: Networks, latents: Tensor, chunk: int) -> list[Tensor]:
    return list(decoding.decode(networks, latents, chunk))


def capped(bench: Bench) -> Report:
    """The whole clip in fp16 where the card has 22 and 15 GiB: the rung that ran, the peak, the seconds."""
    report = Report()
    settings = bench.settings(25)
    for gib in (22, 15):
        for way, compiled in bench.ways.items():
            with _cap(bench.device, gib):
                engine = Engine(bench, "fp32" if bench.small else "fp16", compiled=compiled)
                run = Run(bench.device, partial(engine.clip, settings))
                timing: Timing = in_turn({f"{gib} GiB": run}, bench.device, 1)[f"{gib} GiB"]
                ran = engine.animator.ran()
                counted = gpu_checkpoint.counted(engine.networks)
                work = tflop(counted, settings.width, settings.height, settings.frames, settings.steps, True)
                found = f"rung {ran['rung']}, {run.told()}, dtype {ran['dtype']}"
                report.rows.append(Row(f"{gib} GiB, 25 steps, {way}", timing, work, found))
                del engine, run
                memory.free(bench.device)
    return report


@contextmanager
def _cap(device: torch.device, gib: float) -> Iterator[None]:
    """Let the allocator have what a card of `gib` GiB leaves it."""
    if device.type != "cuda":
        yield
        return
    memory.free(device)
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, ((gib * 2**30) - CUDA_CONTEXT) / total), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def latents_of(networks: Networks, settings: Settings) -> Tensor:
    """Ours, before decoding: (F, 4, h, w)."""
    memory.unpark(networks)
    (window,) = tasks.windows(iter([picture(settings)]), settings)
    return tasks.sample(networks, window, settings, lambda: None)
