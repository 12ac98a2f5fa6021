"""RIFE 4 in torch: the binding's weights on CUDA or the CPU, several moments of a pair at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from models.clip import Frame
from models.errors import EngineError
from models.graph import device as devices
from models.graph.network import Graph
from models.graph.room import fit
from models.rife.weights import FILES, WIDTH_MULTIPLE, require, same_size

HEIGHT_MULTIPLE = 32
AT_ONCE = 3840 * 2176
"""Pixels of all moments worked on together: one at 4K, whose tensors take 0.6 GiB in fp16 (counted), four at 1080p."""


class Interpolator:
    """In-between frames of any pair, at any time. `device`, `dtype` and `compiled` as in `models.realesrgan.network`.

    bf16 is refused: a motion of 100 px would be known to half a pixel. Raises EngineMissing, EngineError, OutOfMemory.
    """

    def __init__(
        self,
        weights_dir: str | os.PathLike[str],
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        compiled: bool = False,
    ) -> None:
        self.weights = require(Path(weights_dir))
        self.device = devices.choose(device)
        self.dtype = devices.choose_dtype(dtype, self.device)
        if self.dtype == torch.bfloat16:
            raise EngineError("rife: bf16 is too coarse for motion, wanted fp16 or fp32", code="DTYPE_UNKNOWN")
        self.compiled = compiled
        network = devices.place(Graph(*(self.weights.folder / name for name in FILES)), self.device, self.dtype)
        self._network = torch.compile(network) if compiled else network
        self._held: list[tuple[Frame, Tensor]] = []
        self._at_once = 0
        self._made = 0

    def between(self, a: Frame, b: Frame, t: float) -> Frame:
        """The frame at `t` (0..1) between `a` and `b`, all (H, W, 3) uint8 sRGB of one size."""
        return self.between_many(a, b, (t,))[0]

    def between_many(self, a: Frame, b: Frame, ts: Sequence[float]) -> list[Frame]:
        """The frames at each of `ts`, worked on together as far as memory allows; 0 and 1 give `a` and `b` themselves.

        The pair stays on the device for the next call. A frame is known again by being the same object: do not write
        into it in between.
        """
        same_size(a, b)
        inside = [t for t in ts if 0 < t < 1]
        made: list[Frame] = []
        if inside:
            first, second = self._on_device(a), self._on_device(b)
            made = devices.to_frames(self._moments(first, second, inside)[..., : a.shape[0], : a.shape[1]])
        rest = iter(made)
        return [a if t <= 0 else b if t >= 1 else next(rest) for t in ts]

    def moments(self, a: Tensor, b: Tensor, ts: Sequence[float]) -> Tensor:
        """`a` and `b` (3, H, W) in [0, 1], of any device -> (len(ts), 3, H, W) in [0, 1] on the engine's; same dtype.

        Every t is strictly between 0 and 1.
        """
        if a.shape != b.shape or a.ndim != 3 or a.shape[0] != 3 or not all(0 < t < 1 for t in ts):
            raise EngineError(
                f"rife: {tuple(a.shape)} and {tuple(b.shape)} at {list(ts)}, wanted two (3, H, W) and times in 0..1",
                code="FRAME_SHAPE",
            )
        first, second = (_padded(x[None].to(self.device, self.dtype)) for x in (a, b))
        return self._moments(first, second, ts)[..., : a.shape[1], : a.shape[2]].clamp(0, 1).to(a.dtype)

    def ran(self) -> Mapping[str, str | int]:
        """What ran so far; `at_once`: the most moments worked on together."""
        return {
            "weights": self.weights.name,
            "device": devices.name(self.device),
            "dtype": devices.dtype_name(self.dtype),
            "at_once": self._at_once,
            "compiled": int(self.compiled),
            "frames": self._made,
        }

    def _on_device(self, frame: Frame) -> Tensor:
        for known, tensor in self._held:
            if known is frame:
                return tensor
        tensor = _padded(devices.to_tensor([frame], self.device, self.dtype))
        self._held = [*self._held[-1:], (frame, tensor)]
        return tensor

    def _moments(self, first: Tensor, second: Tensor, ts: Sequence[float]) -> Tensor:
        most = min(len(ts), max(1, AT_ONCE // (first.shape[-1] * first.shape[-2])))
        sizes = [most]
        while sizes[-1] > 1:
            sizes.append(sizes[-1] // 2)
        made, size = fit(sizes, lambda size: self._split(first, second, ts, size), self.device, "rife: moments at once")
        self._at_once, self._made = max(self._at_once, size), self._made + len(ts)
        return made

    @torch.inference_mode()
    def _split(self, first: Tensor, second: Tensor, ts: Sequence[float], size: int) -> Tensor:
        parts: list[Tensor] = []
        for start in range(0, len(ts), size):
            times = torch.tensor(ts[start : start + size], dtype=self.dtype, device=self.device)
            shape = (len(times), -1, *first.shape[-2:])
            pair = (first.expand(shape), second.expand(shape))
            parts.append(self._network(*pair, times[:, None, None, None].expand(len(times), 1, *first.shape[-2:])))
        return torch.cat(parts)


def _padded(x: Tensor) -> Tensor:
    """Filled up to whole multiples as the binding and we in front of it do: to the right the last column again, below
    black (measured through the binding)."""
    height, width = x.shape[-2:]
    columns = torch.arange(width + -width % WIDTH_MULTIPLE, device=x.device).clamp(max=width - 1)
    return F.pad(x[..., columns], (0, 0, 0, -height % HEIGHT_MULTIPLE))
