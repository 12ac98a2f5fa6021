"""NVML on a real card: found as torch's own, and its memory seen to be taken."""

from __future__ import annotations

import time
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pynvml", reason="NVML's binding comes with the gpu extra")

from tasks.card import card_of  # noqa: E402
from tasks.gpu_use import GpuUse  # noqa: E402

pytestmark = pytest.mark.gpu
GIB = 2**30


def test_the_card_is_torchs_and_what_it_holds_is_seen(cuda: Any) -> None:
    card = card_of("cuda:0")
    assert card is not None
    whole = torch.cuda.get_device_properties(0).total_memory
    assert card.name == torch.cuda.get_device_name(0) and card.memory_bytes == pytest.approx(whole, rel=0.05)
    torch.cuda.empty_cache()  # or what torch keeps for later would be given again
    before = card.sample().memory_bytes
    held = torch.empty(GIB, dtype=torch.uint8, device="cuda:0")
    torch.cuda.synchronize()
    assert card.sample().memory_bytes - before >= GIB
    del held
    torch.cuda.empty_cache()


def test_work_on_it_is_seen_as_busy(cuda: Any) -> None:
    square = torch.randn(4096, 4096, device="cuda:0")
    with GpuUse(card_of("cuda:0"), 0.1) as use:
        end = time.monotonic() + 3.0  # NVML tells of up to a second that has passed
        while time.monotonic() < end:
            square = torch.nn.functional.normalize(square @ square)
            torch.cuda.synchronize()
    found = use.ran["gpu"]
    assert found["busy_peak"] > 0.2 and found["memory_peak_bytes"] >= square.nbytes
