"""Engines that make no pixels: every stage of a shot leaves tiny, valid files at once, or after a given time.

What is left is what the line, the catalog and the store cost. The files are real (a PNG, a JPEG, an MP4 of two frames)
and carry the name of what they were made for, so that no two shots share one. Put in place of the stage makers by
`install`, in this process only.
"""

from __future__ import annotations

import io
import json
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg
from PIL import Image

from tasks import encode_pass, prepare
from tasks.encode import Encoded, Output
from tasks.inspect import Measurement, Report
from tasks.recipe import sha256_of

_ONE = {"width": 16, "height": 16, "frames": 2, "rate": "30", "codec": "h264", "seconds": 2 / 30}


@dataclass
class Clock:
    """Seconds the makers themselves took, how many shots they finished, and when the first began and the last ended."""

    seconds: float = 0.0
    shots: int = 0
    first: float = 0.0
    last: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, seconds: float, shots: int = 0) -> None:
        """Take note."""
        with self._lock:
            self.last = time.perf_counter()
            self.first = self.first or self.last - seconds
            self.seconds += seconds
            self.shots += shots


def install(sleep: float = 0.0) -> Clock:
    """Replace the makers of prepare, animate, encode and inspect; each of them takes `sleep` seconds more."""
    clock = Clock()

    def still(source: Path, mask: Path | None, recipe: Any, into: Path, *, scale: int = 1) -> dict[str, Path]:
        started = time.perf_counter()
        time.sleep(sleep)
        name = sha256_of([str(source), recipe.model_dump(mode="json")])
        files = {"header": into / "still.json", "still": into / "still.png"}
        files["header"].write_text(json.dumps({"home": [0, 0, 16, 16], "for": name}) + "\n", encoding="utf-8")
        files["still"].write_bytes(_still() + name.encode())  # a decoder stops at IEND
        clock.add(time.perf_counter() - started)
        return files

    def frames(files: Mapping[str, Path], recipe: Any, **_: object) -> Iterator[object]:
        time.sleep(sleep)
        yield [files["still"].name, recipe.model_dump(mode="json")]

    def encoded(stream: Iterator[Any], clip: object, outputs: Sequence[Output], **_: object) -> list[Encoded]:
        shown = next(stream)
        started = time.perf_counter()
        made: list[Encoded] = []
        for output in outputs:
            mark = sha256_of([shown, output.recipe.model_dump(mode="json")]).encode()
            data = _clip() + struct.pack(">I4s", 8 + len(mark), b"free") + mark
            output.path.write_bytes(data)
            output.poster.write_bytes(_poster() + mark)  # a decoder stops at EOI
            made.append(Encoded(output.path, output.poster, len(data)))
        time.sleep(sleep)
        clock.add(time.perf_counter() - started, 1)
        return made

    def inspected(path: Path, recipe: object) -> Report:
        time.sleep(sleep)
        return Report({**_ONE, "bytes": path.stat().st_size}, (Measurement("motion", 1.0, 0.5, True),), ())

    prepare.prepare = still
    encode_pass.animate = frames  # type: ignore[assignment]
    encode_pass.encode = encoded  # type: ignore[assignment]
    encode_pass.inspect = inspected
    return clock


@cache
def _still() -> bytes:
    return _picture("PNG")


@cache
def _poster() -> bytes:
    return _picture("JPEG")


def _picture(kind: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (16, 16), (120, 130, 140)).save(data, kind)
    return data.getvalue()


@cache
def _clip() -> bytes:
    """An MP4 of two frames of 16x16, without the encoder's own comment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "clip.mp4")
        source = ["-f", "lavfi", "-i", "testsrc2=size=16x16:rate=30", "-frames:v", "2"]
        plain = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bsf:v", "filter_units=remove_types=6", "-bitexact"]
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *plain, str(path)]
        subprocess.run(command, check=True)
        return path.read_bytes()
