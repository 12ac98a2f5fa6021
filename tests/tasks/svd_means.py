"""Machines that have SVD, or nearly: for tests of the planner, with no weights anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from manifests.errors import Problem
from models.svd.checkpoint import Checkpoint
from tasks.planner.device import CPU, Device
from tasks.planner.plan import Means
from tasks.weights.offers import Offer

RTX_4090 = Device("cuda", 0, "RTX 4090", 24 * 2**30)
UNACCEPTED = Problem("LICENCE_NOT_ACCEPTED", "weights 'svd-xt': nobody has accepted their licence", "accept it")


class Known(Checkpoint):
    """A checkpoint of svd-xt's size whose configuration is known without files."""

    def config(self, network: Any) -> dict[str, Any]:
        return {"block_out_channels": [320, 640, 1280, 1280] if network == "unet" else [128, 256, 512, 512]}


def offer(
    name: str = "svd-xt", frames: int = 25, problem: Problem | None = None, warnings: tuple[str, ...] = ()
) -> Offer:
    parameters = {"unet": 1_524_623_082, "vae": 97_742_847, "image_encoder": 632_076_800}
    return Offer(Known(name, Path("/weights") / name, frames, parameters), None, problem, warnings)


def means(*offers: Offer, **told: Any) -> Means:
    """A machine with an RTX 4090, and svd-xt where nothing else is offered."""
    here = {one.checkpoint.name: one for one in offers or (offer(),)}
    values: dict[str, Any] = {
        "rife": False,
        "max_pixels": 144_000_000,
        "svd": here,
        "torch": True,
        "device": RTX_4090,
        "tflop_seconds": 0.02,
    }
    return Means(**(values | told))


HERE = means()
BARE = means(svd={}, torch=False, device=CPU, tflop_seconds=12.0)
SLOW = means(device=CPU, tflop_seconds=12.0)
