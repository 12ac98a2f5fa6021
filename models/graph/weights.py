"""The binary half of an ncnn network: a `.bin` file, read block after block in the order of the layers."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.graph.param import damaged

FP16 = 0x01306B47
FP32 = 0


class Blocks:
    """Reads `path` from its beginning. Every read raises EngineError GRAPH_DAMAGED where the file is too short."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._bytes = path.read_bytes()
        except OSError as error:
            raise damaged(path, str(error), "a readable .bin file") from error
        self._at = 0

    def flagged(self, count: int) -> NDArray[np.float32]:
        """A layer's weights, (count,): 4 bytes that say how they are stored, fp16 (padded to 4 bytes) or fp32."""
        (flag,) = struct.unpack("<I", self._take(4))
        if flag == FP32:
            return self.plain(count)
        if flag != FP16:
            raise damaged(self._path, f"weights stored as {flag:#010x} at byte {self._at - 4}", "fp32 or fp16")
        values = np.frombuffer(self._take((2 * count + 3) & ~3), "<f2", count)
        return values.astype(np.float32)

    def plain(self, count: int) -> NDArray[np.float32]:
        """Biases and slopes, (count,): fp32 without a flag."""
        return np.frombuffer(self._take(4 * count), "<f4").astype(np.float32)

    def close(self) -> None:
        """Nothing more is wanted: refuse a file that goes on, it belongs to another graph."""
        if self._at != len(self._bytes):
            raise damaged(self._path, f"{len(self._bytes)} bytes", f"{self._at}, all that its graph reads")

    def _take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._bytes):
            raise damaged(self._path, f"{len(self._bytes)} bytes", f"{self._at} at least")
        return self._bytes[start : self._at]
