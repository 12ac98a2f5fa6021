"""An engine whose kernels fail the way real ones do, in a child of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import torch


class FaultyKernel:
    """Everything on `device`."""

    def __init__(self, device: str = "cuda:0") -> None:
        self._device = torch.device(device)

    def pid(self) -> int:
        """The child's."""
        return os.getpid()

    def doubled(self, value: float) -> float:
        """Through the device and back."""
        return float(torch.full((1,), value, device=self._device) * 2)

    def asserts(self) -> float:
        """An index out of bounds inside a kernel: the context is lost."""
        index = torch.full((4,), 10_000, device=self._device)
        return float(torch.zeros(8, device=self._device)[index].sum())

    def overflows(self) -> None:
        """More than any card has."""
        torch.empty(2**50, dtype=torch.uint8, device=self._device)

    def frames(self, frames: Iterator[np.ndarray], fatal: int) -> Iterator[np.ndarray]:
        """Each frame back, until number `fatal` asserts."""
        for number, frame in enumerate(frames):
            if number == fatal:
                self.asserts()
            yield torch.from_numpy(frame).to(self._device).cpu().numpy()
