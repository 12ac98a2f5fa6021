"""Between the first and the last step nothing waits for the device, so that it never waits for the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from models.svd import checkpoint, memory, tasks  # noqa: E402
from models.svd.loading import load  # noqa: E402
from tests.benchmarks import gpu_checkpoint  # noqa: E402
from tests.benchmarks.gpu_svd import stock_clip  # noqa: E402
from tests.models.svd.clips import pictures, settings  # noqa: E402
from tests.svd_checkpoints import tiny_checkpoint  # noqa: E402

WAITS = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal", "masked_select", "unique", "_unique2")
"""Operators whose result the host must know, by name: on CUDA each of them waits for all that was queued."""
CLIPS = {
    "euler": {},
    "unguided": {"guidance": (1.0, 1.0)},
    "align-your-steps": {"schedule": "align-your-steps"},
    "few steps": {"schedule": "lcm", "guidance": (1.0, 1.2)},
    "camera": {"sigma_start": 15.0},
    "in-between": {"task": "inbetween"},
    "loop": {"task": "loop", "frames": 3},
}


class Waits(TorchDispatchMode):
    """Notes the operators that make the host wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.overloadpacket.__name__
        if name in WAITS:
            self.seen.append(name)
        elif name.startswith("index") and any(_is_mask(index) for index in (args[1] if len(args) > 1 else ()) or ()):
            self.seen.append(f"{name} by a mask")
        return function(*args, **(kwargs or {}))


def _is_mask(index: Any) -> bool:
    return isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8)


def _between_steps(clip: Any, enter: Callable[[], Any]) -> Callable[[], None]:
    """Called after every step: what `enter` gives holds from the first to the last."""
    calls, done, held = tasks.calls_of_window(clip), 0, None

    def told() -> None:
        nonlocal done, held
        done += 1
        if done == 1:
            held = enter()
            held.__enter__()
        if done == calls and held is not None:
            held.__exit__(None, None, None)

    return told


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    tiny_checkpoint(folder)
    return checkpoint.require(folder.parent, folder.name)


@pytest.mark.parametrize("name", CLIPS)
def test_no_step_asks_for_a_number(tiny: Any, name: str) -> None:
    networks = load(tiny, torch.device("cpu"), torch.float32)
    clip = settings(**CLIPS[name])
    (window,) = tasks.windows(iter(pictures(clip.frames)), clip)
    waits = Waits()
    told = _between_steps(clip, lambda: waits)
    tasks.sample(networks, window, clip, told)
    assert not waits.seen


def test_the_stock_pipeline_does_so_the_check_can_fail(tiny: Any) -> None:
    """`do_classifier_free_guidance` looks at the largest weight of a tensor, every step."""
    networks = load(tiny, torch.device("cpu"), torch.float32)
    clip = settings()
    waits = Waits()
    stock_clip(gpu_checkpoint.stock(networks), clip, _between_steps(clip, lambda: waits))
    assert waits.seen


class _NoSync:
    def __enter__(self) -> None:
        torch.cuda.set_sync_debug_mode("error")

    def __exit__(self, *_: object) -> None:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CLIPS)
def test_no_step_waits_on_cuda(tiny: Any, cuda: Any, name: str, dtype: str) -> None:
    networks = load(tiny, cuda, getattr(torch, dtype))
    memory.unpark(networks)
    clip = settings(**CLIPS[name])
    (window,) = tasks.windows(iter(pictures(clip.frames)), clip)
    try:
        latents = tasks.sample(networks, window, clip, _between_steps(clip, _NoSync))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert latents.isfinite().all()
