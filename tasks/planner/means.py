"""What a machine can do, looked up: engines, weights and their licences, the device and how fast it is."""

from __future__ import annotations

import platform
from pathlib import Path

from catalog.catalog import Catalog
from catalog.queries import benchmark, history
from models import rife
from tasks.planner.device import device_of, torch_installed
from tasks.planner.estimate import SHIPPED, SVD, SVD_ON_CUDA
from tasks.planner.plan import Means
from tasks.weights.offers import svd_offers


def means_of(catalog: Catalog, weights_dir: Path, device: str, max_pixels: int) -> Means:
    """The means of this machine: `device` is the setting's text, `max_pixels` bounds a source picture.

    Nothing is loaded: torch, the networks and the card are only asked for.
    """
    host, works_on = platform.node(), device_of(device)
    seconds = history(catalog, *SVD, host) or benchmark(catalog, *SVD, host)
    return Means(
        rife=rife.available(weights_dir) is not None,
        max_pixels=max_pixels,
        svd=svd_offers(catalog, weights_dir),
        adapters=frozenset(path.stem for path in (weights_dir / "adapters").glob("*.safetensors")),
        device=works_on,
        torch=torch_installed(),
        tflop_seconds=seconds or (SVD_ON_CUDA if works_on.kind == "cuda" else SHIPPED[SVD]),
    )
