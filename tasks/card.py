"""One NVIDIA card as NVML tells of it: how busy it is, and how much of its memory is taken.

NVML comes with the driver, its binding with the `gpu` extra (nvidia-ml-py); where one of them is missing nothing is
told, and nothing else is different.
"""

from __future__ import annotations

import ctypes
import importlib
import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

log = logging.getLogger("dailies.card")


@dataclass(frozen=True)
class Sample:
    """One look at a card. `busy`: share of the last moment in which anything ran on it, 0 to 1; None where the card
    does not tell, as a slice of one does not. `memory_bytes`: taken by all processes together."""

    busy: float | None
    memory_bytes: int


class CardLost(RuntimeError):
    """The driver reaches the card no more: it fell off its bus, or has to be reset."""


class Card:
    """A card that NVML knows. Safe to ask from several threads."""

    def __init__(self, nvml: Any, handle: Any, uuid: str) -> None:
        self._nvml, self._handle, self.uuid = nvml, handle, uuid
        self.name = str(self._asked(nvml.nvmlDeviceGetName) or "")
        memory = self._asked(nvml.nvmlDeviceGetMemoryInfo)
        self.memory_bytes = int(memory.total) if memory is not None else 0

    def sample(self) -> Sample:
        """How it is now. Raises CardLost."""
        rates = self._asked(self._nvml.nvmlDeviceGetUtilizationRates)
        memory = self._asked(self._nvml.nvmlDeviceGetMemoryInfo)
        return Sample(rates.gpu / 100 if rates is not None else None, int(memory.used) if memory is not None else 0)

    def _asked(self, question: Any) -> Any:
        """The answer; None where this card has none."""
        try:
            return question(self._handle)
        except self._nvml.NVMLError as error:
            if error.value in (self._nvml.NVML_ERROR_GPU_IS_LOST, self._nvml.NVML_ERROR_RESET_REQUIRED):
                raise CardLost(f"{self.uuid}: {error}") from error
            if error.value != self._nvml.NVML_ERROR_NOT_SUPPORTED:
                log.warning("card %s: %s", self.uuid, error)
            return None


def card_of(device: str) -> Card | None:
    """The card that torch calls `device` in this process (`cuda`, `cuda:1`); None for all else, and without NVML.

    Raises CardLost.
    """
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return None
    try:
        return _found(int(number) if number.isdecimal() else 0)
    except CardLost:
        raise
    except Exception:  # an odd driver shall not fail a stage that works
        log.exception("the card of %s cannot be asked", device)
        return None


def _found(index: int) -> Card | None:
    nvml, digits = _nvml(), _uuid(index)
    if nvml is None or not digits:
        return None
    for name in (f"GPU-{digits}", f"MIG-{digits}"):  # a card, or a slice of one
        try:
            return Card(nvml, nvml.nvmlDeviceGetHandleByUUID(name), name)
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_GPU_IS_LOST:
                raise CardLost(f"{name}: {error}") from error
    return None


@lru_cache(maxsize=1)
def _nvml() -> Any:
    """The binding, ready to be asked; None where it or the driver is missing."""
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        log.info("NVML says nothing here: %s", error)
        return None
    return nvml


def _uuid(index: int) -> str:
    """The digits that tell a card from any other, "" where the driver tells none.

    NVML counts cards in its own order; CUDA by CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER. Of this both know.
    """
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
        ask = cuda.cuDeviceGetUuid_v2  # since CUDA 11.4
    except (OSError, AttributeError):
        return ""
    handle, digits = ctypes.c_int(), (ctypes.c_ubyte * 16)()
    if cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(handle), index) or ask(ctypes.byref(digits), handle):
        return ""
    return str(UUID(bytes=bytes(digits)))
