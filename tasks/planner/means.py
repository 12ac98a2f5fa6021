"""What there is to make shots with, looked up: engines, weights and their licences, the device and how fast it is.

Of this machine, or of all the workers that are alive: a parent without a card plans SVD for those that have one.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from catalog.catalog import Catalog
from catalog.queries import benchmark, history
from models import rife
from models.svd.checkpoint import Checkpoint, Network
from tasks.planner.device import CPU, device_of, torch_installed
from tasks.planner.estimate import SHIPPED, SVD, SVD_ON_CUDA
from tasks.planner.facts import Facts
from tasks.planner.plan import PLAN_VERSION, Means
from tasks.weights.offers import Offer, svd_offers, text_standing


def means_of(catalog: Catalog, weights_dir: Path, device: str, max_pixels: int) -> Means:
    """The means of this machine: `device` is the setting's text, `max_pixels` bounds a source picture.

    Nothing is loaded: torch, the networks and the card are only asked for.
    """
    works_on = device_of(device)
    seconds = _seconds_here(catalog, platform.node())
    return Means(
        rife=rife.available(weights_dir) is not None,
        max_pixels=max_pixels,
        svd=svd_offers(catalog, weights_dir),
        adapters=frozenset(path.stem for path in (weights_dir / "adapters").glob("*.safetensors")),
        device=works_on,
        torch=torch_installed(),
        tflop_seconds=seconds or (SVD_ON_CUDA if works_on.kind == "cuda" else SHIPPED[SVD]),
    )


def means_of_workers(catalog: Catalog, pools: Mapping[str, Sequence[Facts]], max_pixels: int) -> Means:
    """The means of all the workers that live, by pool: what any worker of a pool has, its pool has.

    SVD draws in the pool `gpu`, the camera flies in the pool `cpu`; where one of them has no worker that reads today's
    plans, the other does its work too. Licences are the catalog's to tell, by the digest of the text that lies with a
    worker's weights. Raises ValueError where there is no such worker at all.
    """
    able = {name: [one for one in told if _reads(one)] for name, told in pools.items()}
    gpu, cpu = able.get("gpu", ()), able.get("cpu", ())
    if not gpu and not cpu:
        raise ValueError(f"no worker reads plans of version {PLAN_VERSION}, wanted one at least")
    camera = replace(_means(catalog, cpu or gpu, max_pixels), svd={}, adapters=frozenset())
    return replace(_means(catalog, gpu or cpu, max_pixels), camera=camera)


@dataclass(frozen=True)
class _Told(Checkpoint):
    """A checkpoint on another machine, as its worker tells of it; `folder` is that machine's."""

    channels: Mapping[str, Sequence[int]]

    def config(self, network: Network) -> dict[str, Any]:
        return {"num_frames": self.frames, "block_out_channels": list(self.channels[network])}


def _means(catalog: Catalog, workers: Sequence[Facts], max_pixels: int) -> Means:
    can = {engine for one in workers for engine in one.engines.get("can", ())}
    largest = max((one.device for one in workers), key=lambda device: device.vram_bytes, default=CPU)
    hosts = {str(one.engines["host"]) for one in workers if "host" in one.engines}
    known = [seconds for host in sorted(hosts) if (seconds := _seconds_here(catalog, host)) is not None]
    shipped = SVD_ON_CUDA if largest.kind == "cuda" else SHIPPED[SVD]
    return Means(
        rife=any(engine.startswith("rife/") for engine in can),
        max_pixels=max_pixels,
        svd=_offers(catalog, workers),
        adapters=frozenset(name for one in workers for name in one.engines.get("adapters", ())),
        device=largest,
        torch="svd" in can,
        tflop_seconds=min(known, default=shipped),
    )


def _offers(catalog: Catalog, workers: Iterable[Facts]) -> dict[str, Offer]:
    """Every checkpoint any of them has; one whose files are not everywhere the same says so."""
    offers: dict[str, Offer] = {}
    digests: dict[str, dict[str, str]] = {}
    for one in workers:
        told: Mapping[str, Mapping[str, Any]] = one.engines.get("svd", {})
        for name, facts in told.items():
            files = {file: digest for file, digest in one.weights.items() if file.startswith(f"{name}/")}
            if name not in offers:
                digests[name] = files
                offers[name] = _offer(catalog, name, facts)
            elif digests[name] != files:
                warning = f"{name}: its files are not the same on every worker; clips of one recipe will differ"
                offers[name] = replace(offers[name], warnings=(*offers[name].warnings, warning))
    return offers


def _offer(catalog: Catalog, name: str, facts: Mapping[str, Any]) -> Offer:
    found = _Told(name, Path(facts["folder"]), int(facts["frames"]), facts["parameters"], facts["channels"])
    standing = text_standing(catalog, name, Path(facts["licence_path"]), facts["licence_sha256"])
    return Offer(found, standing.grant, standing.problem, standing.warnings)


def _reads(facts: Facts) -> bool:
    return int(facts.engines.get("plan_version", 0)) >= PLAN_VERSION


def _seconds_here(catalog: Catalog, host: str) -> float | None:
    """Seconds per TFLOP of SVD on `host`, where it is known."""
    return history(catalog, *SVD, host) or benchmark(catalog, *SVD, host)
