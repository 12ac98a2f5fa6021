"""RIFE 4: in-between frames from a network, its weights, and the two runtimes it has.

`Interpolator` here is the ncnn binding's, `models.rife.network.Interpolator` is torch's; both run the same two files.
Importing this loads no torch.
"""

from models.rife.binding import Interpolator
from models.rife.weights import (
    DISTRIBUTION,
    FILES,
    FOLDER,
    GENERATION,
    KNOWN_BLOBS,
    LICENCE,
    PACKAGE,
    PUBLISHED,
    WIDTH_MULTIPLE,
    Runtime,
    Weights,
    available,
    git_blob_id,
    require,
    versions,
)

__all__ = [
    "DISTRIBUTION",
    "FILES",
    "FOLDER",
    "GENERATION",
    "KNOWN_BLOBS",
    "LICENCE",
    "PACKAGE",
    "PUBLISHED",
    "WIDTH_MULTIPLE",
    "Interpolator",
    "Runtime",
    "Weights",
    "available",
    "git_blob_id",
    "require",
    "versions",
]
