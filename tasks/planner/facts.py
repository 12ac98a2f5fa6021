"""What a worker can do, as plain JSON that other machines plan by: engines, weights, encoders, device, memory."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from catalog.store import hash_file
from models import realesrgan, rife
from models.errors import EngineMissing
from models.ncnn import sha256
from models.svd import checkpoint
from tasks.encode import versions as encoder_versions
from tasks.planner.device import Device, device_of, torch_installed
from tasks.planner.plan import UNTIL_VERSION

CODECS: Final = ("h264", "hevc", "av1", "prores", "ffv1")
"""What `EncodeRecipe.codec` may be; a worker says which of them its ffmpeg really writes."""
_CGROUP = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Facts:
    """What one worker has. Everything in `engines` and `weights` is JSON, as the catalog keeps it.

    `engines`: `can` (engines with their runtimes), `networks` (Real-ESRGAN's by runtime), `adapters`, `codecs`, `svd`
    (checkpoint -> what planning asks of one), `device`, `cores`, `host`, `versions`, `plan_version`. `weights`: name ->
    SHA-256.
    """

    engines: Mapping[str, Any]
    weights: Mapping[str, str]
    memory_bytes: int | None = None

    @property
    def device(self) -> Device:
        """What its torch works on."""
        told: dict[str, Any] = self.engines.get("device") or {"kind": "cpu"}
        return Device(**told)

    @property
    def device_told(self) -> str:
        """The device in words: a card's name and memory, or `cpu`."""
        device = self.device
        return f"{device.name}, {device.vram_bytes / 2**30:.0f} GiB" if device.kind == "cuda" else "cpu"


def facts_of(ffmpeg: Path, weights_dir: Path, device: str, *, hashed: bool = True) -> Facts:
    """What this machine has; `device` is the setting's text. Loads no network.

    `hashed`: digest all weights too, which reads gigabytes once. Raises EngineMissing where ffmpeg does not run.
    """
    torch, works_on, found = torch_installed(), device_of(device), rife.available(weights_dir)
    runtimes = ["ncnn", *(["torch"] if torch else [])]
    can = ["camera", "flow", *(f"realesrgan/{name}" for name in runtimes)]
    can += [f"rife/{name}" for name in runtimes] if found else []
    can += ["svd"] if torch else []
    checkpoints = checkpoint.available(weights_dir)
    networks = realesrgan.models(weights_dir)
    adapters = {path.stem: path for path in sorted((weights_dir / "adapters").glob("*.safetensors"))}
    weights: dict[str, str] = {}
    if hashed:
        weights |= {name: digest for one in checkpoints.values() for name, digest in one.digests().items()}
        weights |= {f"adapters/{name}": sha256(path) for name, path in adapters.items()}
        weights |= {path.name: sha256(path) for one in networks.values() for path in one.files if path.is_file()}
        weights |= {f"{rife.FOLDER}/{name}": digest for name, digest in (found.digests() if found else {}).items()}
    engines: dict[str, Any] = {
        "plan_version": UNTIL_VERSION,
        "host": platform.node(),
        "can": can,
        "networks": {name: list(one.runtimes) for name, one in networks.items()},
        "adapters": list(adapters),
        "codecs": [codec for codec in CODECS if _writes(ffmpeg, codec)],
        "svd": {name: _told(one) for name, one in checkpoints.items()},
        "device": {
            "kind": works_on.kind,
            "index": works_on.index,
            "name": works_on.name,
            "vram_bytes": works_on.vram_bytes,
        },
        "cores": len(os.sched_getaffinity(0)),
        "versions": {"dailies": code_version(), **_versions("torch", "diffusers", "prefect", "opencv-python")},
    }
    return Facts(engines, weights, memory_bytes())


def code_version() -> str:
    """The version of Dailies that runs here."""
    return version("dailies")


def memory_bytes() -> int:
    """Main memory this process may use: the machine's, or its container's where that is less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _CGROUP.read_text(encoding="ascii").strip()
    except OSError:
        return whole
    return min(whole, int(limit)) if limit.isdecimal() else whole


def _told(one: checkpoint.Checkpoint) -> dict[str, Any]:
    """What planning, far away, asks of a checkpoint."""
    text = one.licence
    return {
        "folder": str(one.folder),
        "frames": one.frames,
        "parameters": dict(one.parameters),
        "channels": {name: list(one.config(name)["block_out_channels"]) for name in ("unet", "vae")},
        "licence_sha256": hash_file(text) if text else "",
        "licence_path": str(text or one.folder / "LICENSE.md"),
    }


def _writes(ffmpeg: Path, codec: str) -> bool:
    try:
        encoder_versions(ffmpeg, codec)
    except EngineMissing as missing:
        if missing.code != "ENCODER_MISSING":
            raise
        return False
    return True


def _versions(*packages: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # an extra that this machine does without
    return found
