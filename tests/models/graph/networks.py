"""Graphs for the tests: one whose answer is known, the official one of RIFE, and random weights for any."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

OFFICIAL = Path(__file__).parents[4] / "shared" / "data" / "rife-v4.6" / "flownet.param"
PHOTO = Path(__file__).parents[4] / "shared" / "data" / "products" / "automatic-espresso-machine-silver.webp"
# out0 = in0 * (1 - t) + in1 * t in RIFE's v4 layout: pictures in0 and in1, time in2.
CROSSFADE = """7767517
8 9
Input in0 0 1 in0
Input in1 0 1 in1
Input in2 0 1 in2
Split time 1 2 in2 t0 t1
BinaryOp rest 1 1 t0 r 0=7 1=1 2=1.0
BinaryOp first 2 1 in0 r a 0=2
BinaryOp second 2 1 in1 t1 b 0=2
BinaryOp sum 2 1 a b out0 0=0
"""


def write_graph(folder: Path, text: str, gain: float = 0.7, fp16: bool = False, stem: str = "flownet") -> int:
    """Write `text` and random weights for its (de)convolutions; returns how many weights.

    `gain` 1 keeps the variance from layer to layer; 0.7 makes RIFE's graph move pixels by up to 5 px.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.param").write_text(text)
    random = np.random.default_rng(1)
    total = 0
    with (folder / f"{stem}.bin").open("wb") as file:
        for line in text.splitlines():
            kind, *fields = line.split()
            if kind not in ("Convolution", "Deconvolution"):
                continue
            keys = dict(field.split("=") for field in fields if "=" in field)
            outputs, count = int(keys["0"]), int(keys["6"])
            spread = gain * np.sqrt(2 * outputs / count) * (0.3 if kind == "Deconvolution" else 1)
            weights = random.normal(0, spread, count)
            if fp16:
                file.write(struct.pack("<I", 0x01306B47) + weights.astype("<f2").tobytes() + b"\0\0" * (count % 2))
            else:
                file.write(struct.pack("<I", 0) + weights.astype("<f4").tobytes())
            if keys.get("5") == "1":
                file.write(random.normal(0, 0.02, outputs).astype("<f4").tobytes())
            total += count
    return total
