"""That ours equals the stock pipeline on the device, and where the time goes there."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity
from torch.profiler import profile as profiled

from models.svd import decoding, memory
from models.svd.compiling import prepare
from models.svd.loading import DTYPES, Networks
from models.svd.settings import Settings
from tests.benchmarks import gpu_checkpoint
from tests.benchmarks.gpu_bench import Bench
from tests.benchmarks.gpu_clock import Timing
from tests.benchmarks.gpu_report import Report, Row
from tests.benchmarks.gpu_svd import Engine, latents_of, stock_clip

CLOSE = 1e-4
"""Relative difference in fp32, without TF32: more than that is another sampler."""
KINDS = {
    "attention": ("flash", "fmha", "attention", "sdpa"),
    "fused by the compiler": ("triton",),
    "convolution": ("conv", "xmma_fprop", "implicit", "cudnn", "nchwtonhwc", "nhwctonchw"),
    "matrix product": ("gemm", "cutlass", "nvjet", "xmma", "addmm", "aten::mm", "bmm"),
    "norms": ("norm", "rowwisemoments"),
    "copies": ("copy", "memcpy", "memset", "cat", "aten::to"),
}
"""Words in kernels' names; the first kind that has one in it. The rest is elementwise."""


def check(bench: Bench) -> Report:
    """Latents of both: fp32 at a small size, then at full size with few steps in fp32 and in half precision.

    Rounding in half precision differs between the two (the stock pipeline keeps its latents in it, we do not), so there
    both are held against fp32 over the same weights.
    """
    report = Report()
    half = gpu_checkpoint.networks(bench.device, DTYPES[bench.dtype], small=bench.small)
    full = _in_fp32(half)
    small = bench.settings(5, width=256, height=128, frames=min(8, bench.frames))
    large = bench.settings(3)
    with _no_tf32():
        for name, settings in (("fp32 at 256x128, 5 steps", small), ("fp32 at full size, 3 steps", large)):
            found = relative(latents_of(full, settings), _stock_latents(full, settings))
            report.rows.append(
                Row(name, Timing(), found=f"relative difference {found:.1e}", bar=f"<= {CLOSE:g}", met=found <= CLOSE)
            )
        truth = latents_of(full, large)
    del full
    memory.free(bench.device)
    ours = latents_of(half, large)
    errors = {"ours": relative(ours, truth), "stock": relative(_stock_latents(half, large), truth)}
    again = bool(torch.equal(ours, latents_of(half, large)))
    reason = "not tried"
    if "compiled" in bench.ways:
        reason = prepare(half, True, bench.cache) or "yes"
        errors["ours, compiled"] = relative(latents_of(half, large), truth)
    for who, error in errors.items():
        bar, met = ("", None)
        if who != "stock":
            bar, met = "<= 1.2x stock's", error <= 1.2 * errors["stock"] + CLOSE
        found_ = f"relative difference to fp32 {error:.1e}"
        report.rows.append(Row(f"{bench.dtype} at full size, 3 steps, {who}", Timing(), found=found_, bar=bar, met=met))
    report.rows.append(Row("the same clip again", Timing(), found="same bits" if again else "other bits", met=again))
    report.facts = {"compiled": reason, "finite": bool(ours.isfinite().all()), "spread": float(truth.std())}
    return report


def _stock_latents(networks: Networks, settings: Settings) -> Tensor:
    return stock_clip(gpu_checkpoint.stock(networks), settings, output="latent")


def relative(found: Tensor, wanted: Tensor) -> float:
    """Norm of the difference over the norm of what was wanted."""
    wanted = wanted.float()
    return float((found.float() - wanted).norm() / wanted.norm())


def _in_fp32(networks: Networks) -> Networks:
    """The same weights in fp32."""
    parts: dict[str, Any] = {
        name: copy.deepcopy(getattr(networks, name)).float() for name in ("unet", "vae", "image_encoder")
    }
    return replace(networks, dtype=torch.float32, **parts)


@contextmanager
def _no_tf32() -> Iterator[None]:
    """Convolutions in whole fp32: TF32 makes 1e-3 of a rounding in the last bit."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def profile(bench: Bench) -> Report:
    """Two guided steps and a decode under torch's profiler: which kernels took the time, eager and compiled."""
    report = Report()
    cuda = bench.device.type == "cuda"
    for which, compiled in bench.ways.items():
        engine = Engine(bench, bench.dtype, compiled=compiled)
        settings = bench.settings(2)

        def work(engine: Engine = engine, settings: Settings = settings) -> None:
            latents = latents_of(engine.networks, settings)
            list(decoding.decode(engine.networks, latents, bench.frames))

        work()
        with profiled(activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]) as seen:
            work()
        # Kernels alone where there are any: an operator's time is its kernels' told once more.
        kernels = [
            (event.key, _own_us(event, cuda), event.count) for event in seen.key_averages() if _is_kernel(event, cuda)
        ]
        total = sum(us for _, us, _ in kernels)
        kinds: defaultdict[str, float] = defaultdict(float)
        for name, us, _ in kernels:
            kinds[_kind(name)] += us
        for kind, us in sorted(kinds.items(), key=lambda kind: -kind[1]):
            timing = Timing(runs=[us / 1e6])
            report.rows.append(
                Row(f"{which}: {kind}", timing, found=f"{us / max(total, 1):.0%} of {total / 1e6:.2f} s")
            )
        top = sorted(kernels, key=lambda kernel: -kernel[1])[:25]
        report.facts[f"{which}: the 25 that took most"] = [
            f"{us / 1000:.1f} ms, {count} times: {name[:120]}" for name, us, count in top
        ]
        del engine
        memory.free(bench.device)
    return report


def _is_kernel(event: Any, cuda: bool) -> bool:
    return not cuda or event.device_type == DeviceType.CUDA


def _own_us(event: Any, cuda: bool) -> float:
    return float(event.self_device_time_total if cuda else event.self_cpu_time_total)


def _kind(name: str) -> str:
    lowered = name.lower()
    return next((kind for kind, words in KINDS.items() if any(word in lowered for word in words)), "elementwise")
