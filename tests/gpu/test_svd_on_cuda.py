"""SVD on CUDA: equal to the stock pipeline, the same bytes twice, and down the ladder where the card is small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from models.errors import OutOfMemory  # noqa: E402
from models.svd import memory  # noqa: E402
from models.svd.engine import Animator  # noqa: E402
from models.svd.settings import LADDER  # noqa: E402
from tests.benchmarks import gpu_checkpoint  # noqa: E402
from tests.benchmarks.gpu_bench import Bench, picture  # noqa: E402
from tests.benchmarks.gpu_check import relative  # noqa: E402
from tests.benchmarks.gpu_svd import latents_of, stock_clip  # noqa: E402

pytestmark = pytest.mark.gpu
HALF_CLOSE = {"bfloat16": 0.05, "float16": 0.01}
"""Relative difference of latents after a few steps: 3 and 10 times the rounding of one number."""


@pytest.fixture(scope="module")
def full(cuda: Any) -> Any:
    """Full-size networks in fp16; made once."""
    return gpu_checkpoint.networks(cuda, torch.float16)


@pytest.fixture
def bench(cuda: Any, tmp_path: Path) -> Bench:
    return Bench(cuda, small=False, rounds=1, cache=tmp_path, ceiling=0.0)


def animator(networks: Any, dtype: Any = "fp16") -> Animator:
    return Animator(lambda device, wanted: networks, "cuda:0", dtype)


def frames(engine: Animator, clip: Any) -> Any:
    return torch.stack(list(engine.frames(iter([picture(clip)]), clip, lambda *_: None)))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_with_the_stock_pipeline(cuda: Any, bench: Bench, dtype: str) -> None:
    """A quarter of the canvas, all 25 frames, full networks."""
    networks = gpu_checkpoint.networks(cuda, getattr(torch, dtype))
    clip = bench.settings(5, width=512, height=256)
    ours = latents_of(networks, clip)
    stock = stock_clip(gpu_checkpoint.stock(networks), clip, output="latent")
    difference = relative(ours, stock)
    print(f"{dtype}: relative difference {difference:.1e}, spread {float(ours.std()):.2f}")
    assert ours.isfinite().all()
    assert float(ours.std(0).mean()) > 0.1, "the clip does not move: equal clips would prove nothing"
    assert difference < HALF_CLOSE[dtype]


def test_the_same_clip_twice_is_the_same_bytes(full: Any, bench: Bench) -> None:
    """By one engine and by another, another clip in between."""
    clip = bench.settings(3, width=512, height=256)
    engine = animator(full)
    first = frames(engine, clip)
    other = frames(engine, replace(clip, seed=2))
    assert not torch.equal(first, other)
    assert torch.equal(frames(engine, clip), first)
    assert torch.equal(frames(animator(full), clip), first)


def test_frames_are_alive(full: Any, bench: Bench) -> None:
    """Else the benchmarks would time grey pictures, and the chain would refuse them."""
    made = frames(animator(full), bench.settings(3, width=512, height=256))
    assert float(made.std()) > 0.05
    assert float((made[0] - made[-1]).abs().mean()) > 0.01


@pytest.mark.parametrize("gib", [22, 15, 11])
def test_a_small_card_steps_down_and_makes_the_clip(full: Any, bench: Bench, gib: int) -> None:
    """Whole size, one step: memory is the same at every step."""
    clip = bench.settings(1)
    memory.free(bench.device)
    total = torch.cuda.get_device_properties(bench.device).total_memory
    torch.cuda.set_per_process_memory_fraction(gib * 2**30 / total)
    torch.cuda.reset_peak_memory_stats()
    engine = animator(full)
    made = frames(engine, clip)
    ran = engine.ran()
    print(f"{gib} GiB: rung {ran['rung']}, peak {ran['peak_vram_bytes'] / 2**30:.1f} GiB")
    assert len(made) == clip.frames
    assert ran["peak_vram_bytes"] <= gib * 2**30
    assert LADDER.index(ran["rung"]) >= (1 if gib <= 22 else 0), "all 25 at once need 29 GiB beside the weights"
    assert not ran["retried"]


def test_no_rung_left_is_out_of_memory_and_the_engine_goes_on(full: Any, bench: Bench) -> None:
    clip = bench.settings(1, ladder=("decode_25",))
    engine = animator(full)
    memory.free(bench.device)
    total = torch.cuda.get_device_properties(bench.device).total_memory
    torch.cuda.set_per_process_memory_fraction(15 * 2**30 / total)
    with pytest.raises(OutOfMemory, match="no room at any rung"):
        frames(engine, clip)
    small = replace(clip, width=256, height=128, ladder=LADDER)
    assert len(frames(engine, small)) == clip.frames
