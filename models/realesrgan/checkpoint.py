"""An official `.pth` checkpoint, looked at without torch: the shapes of its weights, and the network they belong to.

A `.pth` is a zip file whose `data.pkl` is a pickle. It is read here by an unpickler that knows the five names a state
dict is made of and refuses every other: no code in it is ever run.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from pathlib import Path
from typing import Any, Literal

from models.errors import EngineError

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Architecture:
    """`rrdb`: RRDBNet (arXiv 1809.00219, 2107.10833); `compact`: Real-ESRGAN's small VGG-style network."""

    kind: Literal["rrdb", "compact"]
    scale: int
    blocks: int
    """Residual-in-residual dense blocks; of `compact`: convolutions between the first and the last."""
    channels: int
    growth: int
    """Channels each convolution of a dense block adds; 0 for `compact`."""


class _Unsafe(pickle.UnpicklingError):
    """The pickle asks for something a state dict is not made of."""


def _tensor(storage: Any, offset: int, size: tuple[int, ...], *rest: Any) -> tuple[int, ...]:
    return tuple(size)


def _parameter(shape: tuple[int, ...], *rest: Any) -> tuple[int, ...]:
    return shape


_KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("collections", "OrderedDict"): OrderedDict,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if module in ("torch", "torch.storage") and name.endswith("Storage"):
            return name
        if (module, name) not in _KNOWN:
            raise _Unsafe(f"{module}.{name}")
        return _KNOWN[module, name]

    def persistent_load(self, pid: Any, /) -> None:
        return None  # a tensor's numbers: only its shape is wanted


def refused(path: Path, found: str, wanted: str, code: str, evidence: str = "") -> EngineError:
    """The error of a checkpoint that cannot be used."""
    return EngineError(
        f"realesrgan: {path} {found}, wanted {wanted}",
        remedy="fetch an official Real-ESRGAN .pth again",
        evidence=evidence,
        code=code,
    )


def weights_in(content: Any, path: Path) -> Mapping[str, Any]:
    """The state dict of a loaded checkpoint: its averaged weights if it has them, else the trained, else itself."""
    if isinstance(content, Mapping):
        for key in ("params_ema", "params"):
            if isinstance(content.get(key), Mapping):
                return content[key]
        if content and all(isinstance(key, str) for key in content):
            return content
    raise refused(path, f"holds a {type(content).__name__}", "a state dict", "WEIGHTS_UNKNOWN")


def read_architecture(path: Path) -> Architecture:
    """The network a `.pth` holds. Raises EngineError WEIGHTS_UNSAFE, WEIGHTS_DAMAGED, WEIGHTS_UNKNOWN."""
    stat = path.stat()
    return _read(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, bytes_: int, modified_ns: int) -> Architecture:
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            with archive.open(member) as file:
                content = _Reader(file).load()
    except _Unsafe as error:
        raise refused(path, f"would run {error}", "weights alone", "WEIGHTS_UNSAFE") from error
    except Exception as error:  # whatever a broken pickle raises, it means one thing
        raise refused(path, "cannot be read", "what torch >= 1.6 saves", "WEIGHTS_DAMAGED", repr(error)) from error
    shapes = {key: shape for key, shape in weights_in(content, path).items() if isinstance(shape, tuple)}
    try:
        return _rrdb(shapes) if "conv_first.weight" in shapes else _compact(shapes)
    except (KeyError, ValueError) as error:
        wanted = "RRDBNet or Real-ESRGAN's compact network"
        raise refused(path, "is of another network", wanted, "WEIGHTS_UNKNOWN", repr(error)) from error


def _rrdb(shapes: Shapes) -> Architecture:
    channels, inputs = shapes["conv_first.weight"][:2]
    # Smaller scales fold pixels into channels first and then enlarge by four like the others.
    folded = _root(inputs, 3)
    if folded not in (1, 2, 4):
        raise ValueError(f"conv_first takes {inputs} channels")
    blocks = _count(shapes, r"body\.(\d+)\.rdb1\.conv1\.weight")
    return Architecture("rrdb", 4 // folded, blocks, channels, shapes["body.0.rdb1.conv1.weight"][0])


def _compact(shapes: Shapes) -> Architecture:
    last = _count(shapes, r"body\.(\d+)\.weight") - 1
    channels, inputs = shapes["body.0.weight"][:2]
    if inputs != 3 or last % 2 or shapes[f"body.{last}.weight"][1] != channels:
        raise ValueError(f"body of {last + 1} layers on {inputs} channels")
    return Architecture("compact", _root(shapes[f"body.{last}.weight"][0], 3), last // 2 - 1, channels, 0)


def _count(shapes: Shapes, pattern: str) -> int:
    numbers = [int(match[1]) for key in shapes if (match := re.fullmatch(pattern, key))]
    return max(numbers) + 1


def _root(outputs: int, channels: int) -> int:
    """The factor whose square, times `channels`, is `outputs`."""
    factor = isqrt(outputs // channels)
    if factor < 1 or factor * factor * channels != outputs:
        raise ValueError(f"{outputs} channels are no square number of {channels}")
    return factor
