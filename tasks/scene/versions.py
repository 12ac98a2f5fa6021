"""What changes the pixels of a scene's frames beside the encoder: libraries, and the fonts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache

import av
import cv2
import numpy as np
import PIL

from tasks.lettering.fonts import FOLDERS


@cache
def picture_versions() -> Mapping[str, str]:
    """By name, as recipes are hashed with."""
    return {
        "av": av.__version__,
        "fonts": _fonts(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": PIL.__version__,
    }


def _fonts() -> str:
    """Names and sizes of the regular faces: those of another release are other files."""
    found = sorted(path for folder in FOLDERS for path in folder.glob("*-Regular.*"))
    told = "\n".join(f"{path.name} {path.stat().st_size}" for path in found)
    return hashlib.sha256(told.encode()).hexdigest()[:12]
