"""An ncnn network, its `.param` and `.bin` as published, run by torch: one weights file, two runtimes.

This module, `param` and `weights` load no torch.
"""

from __future__ import annotations

import importlib.util
from importlib.metadata import version

from models.errors import EngineMissing

VERSION = 1
"""Raised whenever a change here changes pixels: part of every recipe that runs a graph in torch."""


def versions() -> dict[str, str]:
    """What changes the pixels of a graph in torch besides its weights; torch's without the build's `+cpu` or `+cu130`.

    Raises EngineMissing where torch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise EngineMissing(
            "torch is not installed", remedy="pip install -c constraints.txt -e '.[gpu]' in the checkout"
        )
    return {"torch": version("torch").partition("+")[0], "graph": str(VERSION)}
