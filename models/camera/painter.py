"""How one frame is made from the scene: plain planes, plain colour, or a product layer over its backdrop with light."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from models.camera.path import Box, Path, Views
from models.camera.planes import bt709, chroma_grid
from models.camera.pyramid import MARGIN_PX, Grid, Pyramid, Samples, pixel_grid, to_plate
from models.camera.scene import HALF, Edges, Scene, box_of, over, premultiplied
from models.camera.sweep import Sweep, SweepLight
from models.clip import Frame, Planes

Home = tuple[float, float, float, float]
Region = tuple[int, int, int, int]
"""left, top, columns, rows of a part of the frame."""


def planes_painter(scene: Scene, path: Path) -> Callable[[int], Planes]:
    """Frame number -> its planes; luma and each chroma plane are sampled where they lie."""
    width, height = path.clip.width, path.clip.height
    luma, chroma = pixel_grid(width, height), chroma_grid(width, height)
    y, u, v = (
        pyramid(plane, scene.home, path, path.plate, grid)
        for plane, grid in zip(bt709(scene.plate), (luma, chroma, chroma), strict=True)
    )

    def paint(frame: int) -> Planes:
        view = path.plate[frame]
        return Planes(y.sample(view, luma), u.sample(view, chroma), v.sample(view, chroma))

    return paint


def color_painter(scene: Scene, path: Path, sweep: Sweep | None) -> Callable[[int], Frame]:
    """Frame number -> its picture; the product's layer follows its own views, and the light follows the product."""
    grid = pixel_grid(path.clip.width, path.clip.height)
    plate = pyramid(scene.plate, scene.home, path, path.plate, grid)
    area = scene.occupied if scene.layer is not None or sweep is not None else None
    product = _Product(scene, path, grid, area, sweep) if area is not None else None

    def paint(frame: int) -> Frame:
        picture = plate.sample(path.plate[frame], grid)
        if product is not None:
            product.draw(picture, frame)
        return picture

    return paint


class _Product:
    """What happens only where the product is: its layer, and the light on it."""

    def __init__(self, scene: Scene, path: Path, grid: Grid, area: Edges, sweep: Sweep | None) -> None:
        self.grid = grid
        self.views = path.layer if path.layer is not None else path.plate
        around, self.home = surroundings(scene.home, self.views, area, grid)  # from here on, they are the plate
        left, top = around[1].start, around[0].start
        self.area = (area[0] - left, area[1] - top, area[2] - left, area[3] - top)
        self.layer = self.matte = self.light = None
        if scene.layer is not None:
            layer = premultiplied(scene.layer[around])
            self.layer = pyramid(layer, self.home, path, self.views, grid, transparent=True)
        if sweep is not None and scene.matte is not None:
            exact = scene.matte[around].astype(np.float32)
            self.matte = pyramid(exact, self.home, path, self.views, grid, transparent=True)
        if sweep is not None and scene.product is not None:
            solid = box_of(scene.product[around] & HALF) or self.area
            self.light = SweepLight(sweep, solid, path.clip.frames, loop=path.move.loop)

    def draw(self, picture: Frame, frame: int) -> None:
        """Lay the product over `picture` (H, W, 3) and light it, in place."""
        view = self.views[frame]
        region = _seen(to_plate(view, self.home, self.grid), self.area, self.grid)
        if region is None:
            return
        left, top, columns, rows = region
        part = self.grid.part(left, top, columns, rows)
        here = (slice(top, top + rows), slice(left, left + columns))
        matte = self.matte.sample(view, part) if self.matte is not None else None
        if self.layer is not None:
            layer = self.layer.sample(view, part)
            picture[here] = over(layer, picture[here])
            matte = layer[..., 3] if matte is None else matte
        if self.light is not None and matte is not None:
            whole = np.rint(matte).clip(0, 255).astype(np.uint8)
            affine = to_plate(view, self.home, part)
            picture[here] = self.light.shine(np.ascontiguousarray(picture[here]), whole, affine, frame)


def surroundings(home: Home, views: Views, area: Edges, grid: Grid) -> tuple[tuple[slice, slice], Home]:
    """The part of the plate that sampling `area` takes, as rows and columns, and where home is on it."""
    margin = math.ceil(MARGIN_PX * max(1.0, float(views.w.max()) * home[2] / grid.width))
    left, top = max(0, area[0] - margin), max(0, area[1] - margin)
    x, y, w, h = home
    return (slice(top, area[3] + margin), slice(left, area[2] + margin)), (x - left, y - top, w, h)


def _seen(affine: NDArray[np.float64], area: Edges, grid: Grid) -> Region | None:
    """The part of the frame that an area of the plate can reach, filters included; None where it is out of view."""
    left, top, right, bottom = area
    corners = np.array([[x, y, 1.0] for x in (left, right) for y in (top, bottom)]).T
    index = cv2.invertAffineTransform(affine) @ corners
    reach = 4.0 + 3.0 / float(np.hypot(affine[0, 0], affine[1, 0]))  # a Lanczos lobe of the frame and one of the plate
    first = np.maximum(np.floor(index.min(axis=1) - reach), 0).astype(int)
    last = np.minimum(np.ceil(index.max(axis=1) + reach), [grid.columns - 1, grid.rows - 1]).astype(int)
    columns, rows = (last - first + 1).tolist()
    return (int(first[0]), int(first[1]), columns, rows) if columns > 0 and rows > 0 else None


def pyramid(
    picture: Samples, home: Home, path: Path, views: Views, grid: Grid, *, transparent: bool = False
) -> Pyramid:
    """`picture` (plate pixels) ready to be sampled on `grid` at any of `views`."""
    pitch = grid.step * home[2] / grid.width
    pitches = (float(views.w.min()) * pitch, float(views.w.max()) * pitch)
    bounds: Box = views.bounds(path.aspect)
    return Pyramid(picture, home, bounds, pitches, transparent=transparent)
