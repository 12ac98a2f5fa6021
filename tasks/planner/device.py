"""What torch would work on here, known without loading torch: a CUDA card by its driver, else the CPU."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal


@dataclass(frozen=True)
class Device:
    """`index`: of the card; `vram_bytes`: all of its memory, 0 for the CPU."""

    kind: Literal["cpu", "cuda"]
    index: int = 0
    name: str = "cpu"
    vram_bytes: int = 0

    @property
    def torch(self) -> str:
        """As torch names it."""
        return f"cuda:{self.index}" if self.kind == "cuda" else "cpu"


CPU = Device("cpu")


def device_of(asked: str) -> Device:
    """The device torch works on where the setting says `asked`: `auto`, `cuda`, `cuda:N`, or the CPU for all else.

    A card that torch's build cannot use, and one that is not there, is the CPU.
    """
    kind, _, number = asked.partition(":")
    if kind not in ("auto", "cuda") or not _built_for_cuda():
        return CPU
    index = int(number) if number.isdecimal() else 0
    return next((card for card in cards() if card.index == index), CPU)


def torch_installed() -> bool:
    """Whether the `gpu` extra is there; torch need not be loaded to know."""
    return all(find_spec(name) is not None for name in ("torch", "diffusers", "transformers"))


@lru_cache(maxsize=1)
def cards() -> tuple[Device, ...]:
    """The CUDA cards this process may use, by the driver's own word; none without a driver.

    Asking makes no CUDA context and takes no memory of any card. CUDA_VISIBLE_DEVICES holds here as it does for torch.
    """
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return ()
    count, handle, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(256)
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return ()
    found: list[Device] = []
    for index in range(count.value):
        asked = (
            cuda.cuDeviceGet(ctypes.byref(handle), index),
            cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), handle),
            cuda.cuDeviceGetName(name, len(name), handle),
        )
        if not any(asked):
            found.append(Device("cuda", index, name.value.decode(errors="replace"), memory.value))
    return tuple(found)


CROWDED_BYTES = 40 * 2**30
"""Memory below which one engine at a time works on a card: SVD with a large decoder chunk takes most of 36 GiB."""


def crowded_cards() -> list[str]:
    """The cards, as torch names them, that are too small for two engines at a time."""
    return [card.torch for card in cards() if card.vram_bytes < CROWDED_BYTES]


def _built_for_cuda() -> bool:
    try:
        return "+cpu" not in version("torch")
    except PackageNotFoundError:
        return False
