"""Where the product is in every frame of a camera move, in exactly the geometry its picture is rendered in."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from models.camera.errors import CameraError
from models.camera.painter import pyramid, surroundings
from models.camera.path import Path
from models.camera.pyramid import pixel_grid
from models.camera.render import check, flown_over, nothing_moves, streamed
from models.camera.scene import Scene

Matte = NDArray[np.uint8]
"""(H, W), 255 on the product."""


def mattes(scene: Scene, path: Path, *, workers: int = 2) -> Generator[Matte, None, None]:
    """The product's opacity beside each frame that `render(scene, path)` makes: uint8 (H, W), 0..255.

    It is sampled as the colours are, so the two agree below a pixel. A layer that flies its own views takes its matte
    along; otherwise the matte flies with the plate. Memory and order are as in `render`; frames of a clip in which
    nothing moves are one read-only array.

    Raises CameraError at the call as `render` does, and `CAMERA_SCENE` where the scene has neither layer nor matte.
    """
    check(scene, path, sweep=None, planes=False, workers=workers)
    product = scene.product
    if product is None:
        raise CameraError(
            "camera: the scene has neither a product layer nor a matte, so nothing tells where the product is",
            remedy="prepare the still with layers, or give the whole plate as matte",
            code="CAMERA_SCENE",
        )
    scene, path = flown_over(scene, path)
    grid = pixel_grid(path.clip.width, path.clip.height)
    views, home, area = path.plate, scene.home, scene.occupied
    if scene.layer is not None and path.layer is not None:
        product, views = scene.layer[..., 3], path.layer
        if area is not None:  # the samples' lattice starts at the corner of what is sampled: the same as the layer's
            around, home = surroundings(home, views, area, grid)
            product = product[around]
    # Float, as the layer's colours are: a matte clipped before it is resampled would be narrower than its product.
    # Beyond the plate a layer ends, while the plate's edge, and with it its matte, goes on.
    exact = product.astype(np.float32)
    sampled = pyramid(exact, home, path, views, grid, transparent=path.layer is not None)

    def paint(frame: int) -> Matte:
        return np.rint(sampled.sample(views[frame], grid)).clip(0, 255).astype(np.uint8)

    return streamed(paint, path.clip.frames, workers, None, still=nothing_moves(path))
