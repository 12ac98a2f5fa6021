"""The prepared still: what the stage makes, and the files it is kept in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.prepare.placement import Box
from tasks.prepare.shadow import visible_box

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Still:
    """A staged picture, sRGB.

    `plate` (H, W, 3): backdrop and shadow, and the product too unless `layer` (H, W, 4; straight alpha, the plate's
    geometry) carries it. `matte` (H, W): the product's opacity, None where the whole picture is the product. `home`:
    x, y, width, height of the home frame in plate pixels (floats). `product_box`: left, top, right, bottom in shares
    of the home frame, as measured. `density`: plate pixels per delivery pixel.
    """

    plate: Pixels
    layer: Pixels | None
    matte: Pixels | None
    home: tuple[float, float, float, float]
    product_box: Box
    density: float

    @property
    def flat(self) -> Pixels:
        """(H, W, 3): the plate with its layer on it."""
        if self.layer is None:
            return self.plate
        box = visible_box(self.layer[..., 3], 1)
        if box is None:
            return self.plate
        left, top, right, bottom = box
        over = self.layer[top:bottom, left:right]
        share = over[..., 3:].astype(np.float32) / 255
        flat = self.plate.copy()
        below = flat[top:bottom, left:right]
        below[:] = np.rint(below * (1 - share) + over[..., :3] * share)
        return flat


def save(still: Still, folder: Path) -> dict[str, Path]:
    """Write `still` into `folder` (made if missing): role -> file.

    Without layers: `header`, `still` and, if there is one, `matte`. With: `header`, `plate`, `layer` (whose alpha is
    the matte). Plain PNG pixels, no metadata.
    """
    folder.mkdir(parents=True, exist_ok=True)
    header = {
        "home": list(still.home),
        "product_box": list(still.product_box),
        "density": still.density,
        "width": still.plate.shape[1],
        "height": still.plate.shape[0],
    }
    files = {"header": folder / "still.json"}
    files["header"].write_text(json.dumps(header, indent=1) + "\n", encoding="utf-8")
    pixels = {"still": still.plate, "matte": still.matte}
    if still.layer is not None:
        pixels = {"plate": still.plate, "layer": still.layer}
    for role, image in pixels.items():
        if image is not None:
            files[role] = folder / f"{role}.png"
            files[role].write_bytes(_png(image))
    return files


def load(files: dict[str, Path]) -> Still:
    """The still that `save` wrote, from its files by role. Raises OSError or ValueError where they are not whole."""
    header = json.loads(files["header"].read_text(encoding="utf-8"))
    layer = _read(files["layer"]) if "layer" in files else None
    plate = _read(files["still" if layer is None else "plate"])
    matte = _read(files["matte"]) if "matte" in files else None
    if layer is not None:
        matte = np.ascontiguousarray(layer[..., 3])
    if plate.shape[:2] != (header["height"], header["width"]):
        raise ValueError(
            f"still is {plate.shape[1]}x{plate.shape[0]}, its header says {header['width']}x{header['height']}"
        )
    home, box = header["home"], header["product_box"]
    return Still(
        plate=plate,
        layer=layer,
        matte=matte,
        home=(home[0], home[1], home[2], home[3]),
        product_box=(box[0], box[1], box[2], box[3]),
        density=header["density"],
    )


def _png(image: Pixels) -> bytes:
    swapped = image
    if image.ndim == 3:
        swapped = cv2.cvtColor(image, cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    written, data = cv2.imencode(".png", swapped, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not written:
        raise OSError("the PNG encoder refused the picture")
    return data.tobytes()


def _read(path: Path) -> Pixels:
    with Image.open(path, formats=("PNG",)) as image:  # unlike OpenCV it raises where the file is cut off
        return np.array(image, np.uint8)
