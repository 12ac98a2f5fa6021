"""A checkpoint folder in diffusers' layout, read without torch: what it is, how large, and its files' digests."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any, Literal

from models.errors import EngineError, EngineMissing
from models.ncnn import sha256

Network = Literal["unet", "vae", "image_encoder"]
NETWORKS: tuple[Network, ...] = ("unet", "vae", "image_encoder")
_FILES: Mapping[Network, tuple[str, ...]] = {
    "unet": ("diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors"),
    "vae": ("diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.safetensors"),
    "image_encoder": ("model.fp16.safetensors", "model.safetensors"),
}
_LICENCES = ("LICENSE.md", "LICENSE", "LICENSE.txt")
_CONFIGS = (
    "model_index.json",
    "unet/config.json",
    "vae/config.json",
    "image_encoder/config.json",
    "scheduler/scheduler_config.json",
    "feature_extractor/preprocessor_config.json",
)
_PIPELINE = "StableVideoDiffusionPipeline"
_KEYS: Mapping[Network, tuple[str, ...]] = {
    "unet": ("num_frames", "block_out_channels"),
    "vae": ("block_out_channels",),
}
"""What is asked of a configuration here; diffusers asks for the rest."""
LOCKED = ("svd-xt-1.1",)
"""Fine-tuned at one setting only: fps 6 and motion bucket 127."""


@dataclass(frozen=True)
class Checkpoint:
    """One Stable Video Diffusion checkpoint. `name` is its folder's (`svd-xt`); nothing of it is loaded."""

    name: str
    folder: Path
    frames: int
    """Frames the network makes at once."""
    parameters: Mapping[str, int]
    """Numbers in each network: `unet`, `vae`, `image_encoder`."""

    @property
    def locked(self) -> bool:
        """True where conditioning fps and motion bucket must stay at 6 and 127."""
        return self.name in LOCKED

    @property
    def files(self) -> dict[str, Path]:
        """Name as it is catalogued (`svd-xt/unet`) -> weights file."""
        return {f"{self.name}/{network}": _weights(self.folder, network) for network in NETWORKS}

    @property
    def licence(self) -> Path | None:
        """The licence text that lies with the weights."""
        return licence_text(self.folder)

    def config(self, network: Network) -> dict[str, Any]:
        """The network's own configuration."""
        return json.loads((self.folder / network / "config.json").read_text(encoding="utf-8"))

    def digests(self) -> dict[str, str]:
        """Name -> SHA-256 of every weights file; read once while the files stay as they are."""
        return {name: sha256(path) for name, path in self.files.items()}


def licence_text(folder: Path) -> Path | None:
    """The licence text that lies with the weights in `folder`, whole or not."""
    return next((folder / name for name in _LICENCES if (folder / name).is_file()), None)


def available(weights_dir: Path) -> dict[str, Checkpoint]:
    """The whole checkpoints in `weights_dir`, by name. A folder that lacks a file, or whose files are broken, is left
    out; `require` says what is wrong with it."""
    found: dict[str, Checkpoint] = {}
    for index in sorted(weights_dir.glob("*/model_index.json")):
        folder = index.parent
        with suppress(EngineError):
            found[folder.name] = require(weights_dir, folder.name)
    return found


def require(weights_dir: Path, name: str) -> Checkpoint:
    """The checkpoint `name`, or EngineMissing that says what is not there. Only safetensors are read."""
    folder = weights_dir / name
    absent = _absent(folder)
    if absent:
        pickled = [path.name for path in folder.rglob("*.bin")]
        raise EngineMissing(
            f"svd: {name} is not whole in {folder}: no {', '.join(absent)}"
            + (f" (pickled files such as {pickled[0]} are never loaded)" if pickled else ""),
            remedy=f"dailies weights pull {name}, or engine: camera",
            code="WEIGHTS_MISSING",
        )
    return _read(folder)


def _absent(folder: Path) -> list[str]:
    absent = [name for name in _CONFIGS if not (folder / name).is_file()]
    for network, names in _FILES.items():
        if not any((folder / network / name).is_file() for name in names):
            absent.append(f"{network}/{names[-1]}")
    return absent


def _weights(folder: Path, network: Network) -> Path:
    return next(path for name in _FILES[network] if (path := folder / network / name).is_file())


def _read(folder: Path) -> Checkpoint:
    if (found := _config(folder / "model_index.json").get("_class_name")) != _PIPELINE:
        raise _broken(folder / "model_index.json", f"says {found}, wanted {_PIPELINE}")
    parameters: dict[str, int] = {network: _parameters(_weights(folder, network)) for network in NETWORKS}
    for network, keys in _KEYS.items():
        config = _config(path := folder / network / "config.json")
        if missing := [key for key in keys if key not in config]:
            raise _broken(path, f"says nothing of {', '.join(missing)}")
    return Checkpoint(folder.name, folder, int(_config(folder / "unet" / "config.json")["num_frames"]), parameters)


def _config(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise _broken(path, f"is no configuration ({error})") from error


def _broken(path: Path, what: str) -> EngineError:
    return EngineError(
        f"svd: {path} {what}", remedy="dailies weights verify, then pull it again", code="WEIGHTS_BROKEN"
    )


def _parameters(path: Path) -> int:
    stat = path.stat()
    return _counted(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _counted(path: Path, bytes_: int, modified_ns: int) -> int:
    """Numbers in a safetensors file, from its header: 8 bytes of length (little-endian), then JSON."""
    with path.open("rb") as file:
        length = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))[0]
        if length > bytes_:
            raise _broken(path, "is no whole safetensors file")
        header = json.loads(file.read(length))
    return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
