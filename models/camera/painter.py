"""How one frame is made from the scene: plain planes, plain colour, or a product layer over its backdrop with light."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from models.camera.errors import CameraError
from models.camera.path import Box, Path, Views
from models.camera.planes import bt709, chroma_grid
from models.camera.pyramid import Grid, Pyramid, pixel_grid, to_plate
from models.camera.scene import Bytes, Scene, over, premultiplied
from models.camera.sweep import Sweep, SweepLight, box_of
from models.clip import Frame, Planes

Home = tuple[float, float, float, float]
Region = tuple[int, int, int, int]
"""left, top, columns, rows of a part of the frame."""


def planes_painter(scene: Scene, path: Path) -> Callable[[int], Planes]:
    """Frame number -> its planes; luma and each chroma plane are sampled where they lie."""
    width, height = path.clip.width, path.clip.height
    luma, chroma = pixel_grid(width, height), chroma_grid(width, height)
    y, u, v = (
        _pyramid(plane, scene.home, path, path.plate, grid)
        for plane, grid in zip(bt709(scene.plate), (luma, chroma, chroma), strict=True)
    )

    def paint(frame: int) -> Planes:
        view = path.plate[frame]
        return Planes(y.sample(view, luma), u.sample(view, chroma), v.sample(view, chroma))

    return paint


def color_painter(scene: Scene, path: Path, sweep: Sweep | None) -> Callable[[int], Frame]:
    """Frame number -> its picture; the product's layer follows its own views, and the light follows the product."""
    grid = pixel_grid(path.clip.width, path.clip.height)
    plate = _pyramid(scene.plate, scene.home, path, path.plate, grid)
    product = _Product(scene, path, grid, sweep) if scene.layer is not None or sweep is not None else None

    def paint(frame: int) -> Frame:
        picture = plate.sample(path.plate[frame], grid)
        if product is not None:
            product.draw(picture, frame)
        return picture

    return paint


class _Product:
    """What happens only where the product is."""

    def __init__(self, scene: Scene, path: Path, grid: Grid, sweep: Sweep | None) -> None:
        matte = scene.product
        box = box_of(matte) if matte is not None else None
        if matte is None or box is None:
            raise CameraError(
                "camera: a light sweep needs to know where the product is, and neither layer nor matte shows any",
                remedy="give the scene a layer or a matte, or sweep nothing",
                code="CAMERA_SCENE",
            )
        self.home, self.grid, self.box = scene.home, grid, box
        self.views = path.layer if path.layer is not None else path.plate
        self.layer = self.matte = None
        if scene.layer is not None:
            self.layer = _pyramid(premultiplied(scene.layer), scene.home, path, self.views, grid, transparent=True)
        if sweep is not None and (scene.layer is None or scene.matte is not None):
            self.matte = _pyramid(matte, scene.home, path, self.views, grid, transparent=True)
        self.light = SweepLight(sweep, box, path.clip.frames, loop=path.move.loop) if sweep is not None else None

    def draw(self, picture: Frame, frame: int) -> None:
        """Lay the product over `picture` (H, W, 3) and light it, in place."""
        view = self.views[frame]
        region = _seen(to_plate(view, self.home, self.grid), self.box, self.grid)
        if region is None:
            return
        left, top, columns, rows = region
        part = self.grid.part(left, top, columns, rows)
        here = (slice(top, top + rows), slice(left, left + columns))
        matte = None
        if self.layer is not None:
            layer = self.layer.sample(view, part)
            picture[here] = over(layer, np.ascontiguousarray(picture[here]))
            matte = np.ascontiguousarray(layer[..., 3])
        if self.matte is not None:
            matte = self.matte.sample(view, part)
        if self.light is not None and matte is not None:
            affine = to_plate(view, self.home, part)
            picture[here] = self.light.shine(np.ascontiguousarray(picture[here]), matte, affine, frame)


def _seen(affine: NDArray[np.float64], box: tuple[int, int, int, int], grid: Grid) -> Region | None:
    """The part of the frame that a box on the plate can reach, filters included; None where it is out of view."""
    left, top, right, bottom = box
    corners = np.array([[x, y, 1.0] for x in (left, right) for y in (top, bottom)]).T
    index = cv2.invertAffineTransform(affine) @ corners
    reach = 4.0 + 3.0 / float(np.hypot(affine[0, 0], affine[1, 0]))  # a Lanczos lobe of the frame and one of the plate
    first = np.maximum(np.floor(index.min(axis=1) - reach), 0).astype(int)
    last = np.minimum(np.ceil(index.max(axis=1) + reach), [grid.columns - 1, grid.rows - 1]).astype(int)
    columns, rows = (last - first + 1).tolist()
    return (int(first[0]), int(first[1]), columns, rows) if columns > 0 and rows > 0 else None


def _pyramid(picture: Bytes, home: Home, path: Path, views: Views, grid: Grid, *, transparent: bool = False) -> Pyramid:
    pitch = grid.step * home[2] / grid.width
    pitches = (float(views.w.min()) * pitch, float(views.w.max()) * pitch)
    bounds: Box = views.bounds(path.aspect)
    return Pyramid(picture, home, bounds, pitches, transparent=transparent)
