"""The camera engine: exact camera moves over a prepared still, on any CPU.

`path` says what a move will see before any picture exists, `extent` how much plate that needs, and `render` makes the
frames; `mattes` tells where the product is in them.
"""

from __future__ import annotations

import cv2
import numpy
import PIL

from models.camera.errors import CameraError
from models.camera.mattes import mattes
from models.camera.move import Move
from models.camera.path import Box, Path, View, Views, extent, path
from models.camera.render import render
from models.camera.scene import Scene
from models.camera.sweep import Sweep

__all__ = [
    "Box",
    "CameraError",
    "Move",
    "Path",
    "Scene",
    "Sweep",
    "View",
    "Views",
    "extent",
    "mattes",
    "path",
    "render",
    "versions",
]


def versions() -> dict[str, str]:
    """The libraries that change this engine's pixels, for the recipe's hash."""
    return {"numpy": numpy.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__}
