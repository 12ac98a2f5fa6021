"""Real-ESRGAN in torch: the binding's weights or an official `.pth`, on CUDA or the CPU, in batches, on tensors too."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.clip import Frame
from models.errors import EngineError
from models.graph import device as devices
from models.graph.network import Graph
from models.graph.room import fit
from models.realesrgan.architectures import load
from models.realesrgan.tiles import Layout, enlarged, layouts
from models.realesrgan.weights import Weights, fitting

BATCH = 4
"""Frames at a time on CUDA; one fills a large GPU already, more spare it the gaps between small kernels."""


class Upscaler:
    """(H, W, 3) sRGB uint8 -> (H*scale, W*scale, 3), or tensors, with one network.

    `tile`: side of the squares worked on, in source pixels (>= 32); 0: on CUDA the whole picture, on the CPU the
    model's own. `device`: `auto`, `cpu`, `cuda:N`; `dtype`: `auto` (fp16 on CUDA, else fp32), `fp32`, `fp16`, `bf16`;
    torch's own objects do too. `batch`: pictures at a time, 0: 4 on CUDA, else 1. `compiled`: through torch.compile,
    which takes minutes once per picture size. `weights_dir`: where `realesrgan/*.pth` lie. When memory runs out,
    fewer pictures are taken at a time, then smaller tiles; `ran` tells. Raises EngineMissing, EngineError,
    OutOfMemory.
    """

    def __init__(
        self,
        model: str,
        scale: int,
        tile: int = 0,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        batch: int = 0,
        compiled: bool = False,
        weights_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        weights = fitting(model, scale, tile, Path(weights_dir) if weights_dir else None)
        self.model, self.scale, self.compiled = model, scale, compiled
        self.device = devices.choose(device)
        self.dtype = devices.choose_dtype(dtype, self.device)
        on_cuda = self.device.type == "cuda"
        self.wanted = Layout(batch or (BATCH if on_cuda else 1), tile or (0 if on_cuda else weights.tile))
        network = devices.place(_network(weights), self.device, self.dtype)
        self._network = torch.compile(network) if compiled else network
        self._fits: dict[tuple[int, int, int], Layout] = {}
        self._ran = self.wanted
        self._frames = 0

    def enlarge(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 1], of any device -> (N, 3, H*scale, W*scale) in [0, 1] on the engine's; same dtype."""
        if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
            raise EngineError(f"realesrgan: pictures are {x.dtype} {tuple(x.shape)}, wanted floats (N, 3, H, W)")
        count, _, height, width = x.shape
        made = torch.empty(count, 3, height * self.scale, width * self.scale, dtype=x.dtype, device=self.device)
        done = 0
        while done < count:
            group = x[done : done + self.wanted.batch]
            # Remembered by size alone: another size, or the same one in another order, is worked as if it came first.
            size = (len(group), height, width)
            first = self._fits.get(size, Layout(len(group), self.wanted.tile))
            steps = layouts(first, height, width, self.scale)
            larger, self._fits[size] = fit(
                steps, lambda layout, group=group: self._group(group, layout), self.device, f"realesrgan: {self.model}"
            )
            made[done : done + len(group)] = larger
            self._ran = self._fits[size]
            done += len(group)
        self._frames += count
        return made

    def still(self, rgb: Frame) -> Frame:
        """One picture, (H, W, 3) uint8 -> (H*scale, W*scale, 3)."""
        return self._many([rgb])[0]

    def frames(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Every frame, in order; neighbours of one size are worked on together."""
        for _, alike in groupby(frames, key=lambda frame: frame.shape):
            while group := list(islice(alike, self.wanted.batch)):
                yield from self._many(group)

    def ran(self) -> Mapping[str, str | int]:
        """What ran so far: the layout is the last one used, `stepped_down` 1 where memory forced a smaller one."""
        down = any(
            fits != next(layouts(Layout(count, self.wanted.tile), height, width, self.scale))
            for (count, height, width), fits in self._fits.items()
        )
        return {
            "model": self.model,
            "device": devices.name(self.device),
            "dtype": devices.dtype_name(self.dtype),
            "tile": self._ran.tile,
            "batch": self._ran.batch,
            "stepped_down": int(down),
            "compiled": int(self.compiled),
            "frames": self._frames,
        }

    def _many(self, frames: list[Frame]) -> list[Frame]:
        for rgb in frames:
            if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
                raise EngineError(f"realesrgan: picture is {rgb.dtype} {rgb.shape}, wanted uint8 (H, W, 3)")
        return devices.to_frames(self.enlarge(devices.to_tensor(frames, self.device, self.dtype)))

    @torch.inference_mode()
    def _group(self, group: Tensor, layout: Layout) -> Tensor:
        parts = [
            enlarged(self._network, part.to(self.device, self.dtype), self.scale, layout.tile)
            for part in group.split(layout.batch)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def _network(weights: Weights) -> torch.nn.Module:
    if weights.architecture is not None:
        return load(weights.files[0])
    param, bin = weights.files
    return Graph(param, bin)
