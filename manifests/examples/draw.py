# pyright: standard
"""Draws the pictures of the example manifests, all of them from nothing: `python draw.py [folder]`.

The products are rendered (studio.py), the boards are sketched (pencil.py); the same pictures come every time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from board_keeper import keeper
from board_lantern import lantern
from board_lighthouse import lighthouse
from devices import speaker, watch
from PIL import Image
from studio import Array, Scene, decode, encode, product, reflection, shadow, step
from tableware import bottle, mug


def cut_out(scene: Scene, width: int, height: int) -> Image.Image:
    """The product with its own soft shadow in the alpha, nothing behind it."""
    rgba = product(scene, width, height)
    v, u = np.mgrid[0:height, 0:width].astype(np.float32)
    edge = np.minimum(np.minimum(u, width - 1 - u) / width, np.minimum(v, height - 1 - v) / height)
    dark = np.maximum(0.80 * shadow(scene, width, height) - 0.04, 0) * step(0.0, 0.11, edge)
    below = 1 - (1 - dark) ** (1 / 2.2)  # alpha is mixed in sRGB, light falls in linear
    alpha = rgba[..., 3] + (1 - rgba[..., 3]) * below
    colour = encode(rgba[..., :3] / np.maximum(rgba[..., 3:], 1e-4))
    colour = colour * (rgba[..., 3] / np.maximum(alpha, 1e-4))[..., None]
    colour = np.where(alpha[..., None] > 0, colour, 0)
    return Image.fromarray(np.round(np.dstack([colour, alpha]).clip(0, 1) * 255).astype(np.uint8), "RGBA")


def studio_shot(scene: Scene, width: int, height: int) -> Image.Image:
    """The product on a graded sweep of paper, with its shadow and a faint mirror image."""
    v, u = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j].astype(np.float32)
    wall = 0.60 + 0.30 * np.exp(-((u + 0.10) ** 2 / 0.16 + (v + 0.02) ** 2 / 0.14)) - 0.16 * step(0.1, 0.5, -v)
    ground = 0.80 - 0.16 * step(0.15, 0.5, v) - 0.10 * u
    level = wall + (ground - wall) * step(0.02, 0.26, v)
    light = decode((0.93, 0.915, 0.89)) * level[..., None]
    light *= 1 - 0.86 * shadow(scene, width, height)[..., None]
    for layer, strength in ((reflection(scene, width, height), 0.11), (product(scene, width, height), 1.0)):
        fade = strength * (1 - step(0.30, 0.50, v))[..., None] if strength < 1 else 1.0
        light = light * (1 - layer[..., 3:] * fade) + layer[..., :3] * fade
    grain = np.random.default_rng(21).normal(0, 0.0035, (height, width, 1))
    return Image.fromarray(np.round((encode(light) + grain).clip(0, 1) * 255).astype(np.uint8), "RGB")


def thumbnail(scene: Scene, width: int, height: int) -> Image.Image:
    """The product lying on white, as small as an old shop export keeps it."""
    wide, high = width * 4, height * 4
    layer = product(scene, wide, high)
    cast = cv2.GaussianBlur(layer[..., 3], (0, 0), wide / 45)
    cast = np.roll(cast, (wide // 45, wide // 60), (0, 1))
    light = np.float32(0.93) * (1 - 0.42 * cast[..., None]) * (1 - layer[..., 3:]) + layer[..., :3]
    small = cv2.resize(light.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return Image.fromarray(np.round(encode(small) * 255).astype(np.uint8), "RGB")


def board(sketch: Callable[[], Array]) -> Callable[[int, int], Image.Image]:
    """A board at any size."""
    return lambda width, height: Image.fromarray(sketch()).resize((width, height), Image.Resampling.LANCZOS)


PICTURES: dict[str, tuple[Callable[[int, int], Image.Image], int, int]] = {
    "mug.png": (lambda w, h: cut_out(mug(), w, h), 1600, 1600),
    "bottle.png": (lambda w, h: cut_out(bottle(), w, h), 900, 1800),
    "speaker.jpg": (lambda w, h: studio_shot(speaker(), w, h), 1280, 1280),
    "watch-thumb.jpg": (lambda w, h: thumbnail(watch(), w, h), 180, 180),
    "panel-1.png": (board(lighthouse), 1280, 720),
    "panel-2.png": (board(keeper), 1280, 720),
    "panel-3.png": (board(lantern), 1280, 720),
}
"""Every picture: who makes it, its width and height in pixels."""


def picture(name: str, scale: float = 1.0) -> Image.Image:
    """One of `PICTURES`, made at `scale` times its size."""
    make, width, height = PICTURES[name]
    return make(round(width * scale), round(height * scale))


def main(folder: Path) -> None:
    """Writes all pictures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        path = folder / name
        picture(name).save(path, quality=92, optimize=True)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "pictures")
