"""RIFE 4 through its ncnn binding: in-between frames from a network, on the CPU or on a Vulkan GPU.

It holds the interpreter while it works: host it (`models.host.hosted`) wherever anything else has to go on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models import ncnn
from models.clip import Frame
from models.rife.weights import DISTRIBUTION, PACKAGE, WIDTH_MULTIPLE, require, same_size


class Interpolator:
    """In-between frames of any pair, at any time. `threads`: of the CPU, 0 for all.

    Raises EngineMissing, EngineError.
    """

    def __init__(self, weights_dir: str | os.PathLike[str], device: str = "auto", threads: int = 0) -> None:
        self.weights = require(Path(weights_dir))
        self._number, self.device = ncnn.choose(device)
        package: Any = ncnn.load(PACKAGE, DISTRIBUTION)
        self._native = package.wrapped
        # The folder is given absolute: the binding looks a relative one up in its own package too.
        self._rife = package.Rife(
            gpuid=self._number,
            model=str(self.weights.folder.absolute()),
            num_threads=threads or os.cpu_count() or 1,
        )
        self._pairs = 0

    def between(self, a: Frame, b: Frame, t: float) -> Frame:
        """The frame at `t` (0..1) between `a` and `b`, all (H, W, 3) uint8 sRGB of one size."""
        same_size(a, b)
        if t <= 0 or t >= 1:
            return a if t <= 0 else b
        width = a.shape[1]
        padding = ((0, 0), (0, -width % WIDTH_MULTIPLE), (0, 0))
        made: Frame = self._rife.process_cv2(np.pad(a, padding, mode="edge"), np.pad(b, padding, mode="edge"), t)
        self._pairs += 1
        return made[:, :width]

    def between_many(self, a: Frame, b: Frame, ts: Sequence[float]) -> list[Frame]:
        """The frames at each of `ts`."""
        return [self.between(a, b, t) for t in ts]

    def ran(self) -> Mapping[str, str | int]:
        """What ran so far."""
        return {"weights": self.weights.name, "device": self.device, "frames": self._pairs}
