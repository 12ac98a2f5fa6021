"""A board's layers laid over each other on white, as the application shows them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from manifests.errors import InputError
from tasks.boards.board import Board, Layer
from tasks.prepare.picture import Picture, open_picture

MOST_PIXELS = 36_000_000
"""Of one layer: 8192x4320 and a little."""
_STRIP_PX = 256
"""Rows blended at once: the sums are floats, and a board of 8K would need a gigabyte of them."""


@dataclass(frozen=True)
class Drawn:
    """A finished picture: the file's bytes, and a digest of the pixels that no other version of an encoder changes."""

    data: bytes
    pixels: str
    extension: str


def drawn(board: Board, aspect: float | None, *, notes: bool) -> tuple[Drawn | None, tuple[str, ...]]:
    """The board's picture, and what was left out of it; None where nothing of it can be read.

    The canvas has the largest layer's height and the shape `aspect` where the layers do not have it already; layers of
    another size are stretched to it. The layer `notes` holds annotations and is drawn only with `notes`.
    """
    warnings: list[str] = []
    if board.whole:
        return _whole(board, warnings), tuple(warnings)
    layers: list[tuple[Layer, Picture]] = []
    for layer in board.layers:
        if layer.name == "notes" and not notes:
            continue
        if not layer.path.exists():
            warnings.append(f"{board.label}: {_called(layer)} is not there: {layer.path.name}")
            continue
        try:
            layers.append((layer, open_picture(layer.path, max_pixels=MOST_PIXELS)))
        except InputError as error:
            warnings.append(f"{board.label}: {_called(layer)} cannot be read: {error}")
    if not layers:
        warnings.append(f"{board.label}: there is no readable picture of it; its row stays without one")
        return None, tuple(warnings)
    canvas = flattened([(picture, layer.opacity) for layer, picture in layers], aspect)
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, "PNG")
    shape = f"{canvas.shape[1]}x{canvas.shape[0]}:".encode()
    return Drawn(file.getvalue(), hashlib.sha256(shape + canvas.tobytes()).hexdigest(), ".png"), tuple(warnings)


def flattened(layers: Sequence[tuple[Picture, float]], aspect: float | None = None) -> NDArray[np.uint8]:
    """Pictures with their opacity (0 to 1), bottom first, over white: (H, W, 3) sRGB. Blended in sRGB, as canvases do.

    Sums are rounded once, at the end, so the order of many faint layers loses nothing.
    """
    largest = max((picture for picture, _ in layers), key=lambda picture: picture.height * picture.width)
    height, width = largest.height, largest.width
    if aspect is not None and abs(width / height / aspect - 1) > 0.01:
        width = max(1, round(height * aspect))
    canvas = np.full((height, width, 3), 255, np.float32)
    for picture, opacity in layers:
        rgb, alpha = _fitted(picture, width, height)
        for top in range(0, height, _STRIP_PX):
            strip = slice(top, top + _STRIP_PX)
            cover = np.float32(opacity) * (alpha[strip, :, None].astype(np.float32) / 255)
            canvas[strip] += (rgb[strip].astype(np.float32) - canvas[strip]) * cover
    return np.rint(canvas).astype(np.uint8)


def _fitted(picture: Picture, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    alpha = picture.alpha if picture.alpha is not None else np.full(picture.rgb.shape[:2], 255, np.uint8)
    if (picture.width, picture.height) == (width, height):
        return picture.rgb, alpha
    image = Image.fromarray(np.dstack([picture.rgb, alpha]), "RGBA")
    resized = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    return resized[..., :3], resized[..., 3]


def _whole(board: Board, warnings: list[str]) -> Drawn | None:
    path = board.layers[0].path
    try:
        picture = open_picture(path, max_pixels=MOST_PIXELS * 4)
        data = path.read_bytes()
    except (InputError, OSError) as error:
        warnings.append(f"{board.label} cannot be read: {error}; its row stays without a picture")
        return None
    if hashlib.sha256(data).hexdigest() != picture.sha256:
        warnings.append(f"{board.label} changed while it was read; import it again")
        return None
    return Drawn(data, picture.sha256, path.suffix.lower())


def _called(layer: Layer) -> str:
    return "the drawing" if layer.name == "main" else f"the layer {layer.name}"
