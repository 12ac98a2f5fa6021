"""What the camera looks at: a prepared plate, where home is on it, and the product layer if there is one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.camera.errors import CameraError

Bytes = NDArray[np.uint8]
Edges = tuple[int, int, int, int]
"""left, top, right, bottom in whole pixels."""
HALF = np.uint8(0x80)  # the bit that every matte value of at least one half has


@dataclass(frozen=True)
class Scene:
    """`plate`: uint8 (H, W, 3) sRGB, filled behind the product where there is a layer.

    `home`: left, top, width and height of the home frame on the plate, in plate pixels measured from the plate's outer
    corner; fractions are exact. `layer`: the product, uint8 (H, W, 4), sRGB with straight alpha, same geometry.
    `matte`: uint8 (H, W), 255 on the product, for a light sweep where there is no layer.
    Raises CameraError (`CAMERA_SCENE`) where these do not fit together.
    """

    plate: Bytes
    home: tuple[float, float, float, float]
    layer: Bytes | None = None
    matte: Bytes | None = None

    def __post_init__(self) -> None:
        height, width = self.plate.shape[:2]
        for name, picture, shape in (
            ("plate", self.plate, (height, width, 3)),
            ("layer", self.layer, (height, width, 4)),
            ("matte", self.matte, (height, width)),
        ):
            if picture is not None and (picture.shape != shape or picture.dtype != np.uint8):
                raise CameraError(
                    f"camera scene: {name} is {picture.dtype} {picture.shape}, wanted uint8 {shape}",
                    code="CAMERA_SCENE",
                )
        x, y, w, h = self.home
        if w <= 0 or h <= 0 or x < -1 or y < -1 or x + w > width + 1 or y + h > height + 1:
            raise CameraError(
                f"camera scene: home frame {self.home} is not on the plate of {width}x{height}", code="CAMERA_SCENE"
            )

    @property
    def product(self) -> Bytes | None:
        """Where the product is, uint8 (H, W): the given matte, else the layer's alpha."""
        if self.matte is not None or self.layer is None:
            return self.matte
        return self.layer[..., 3]

    @property
    def occupied(self) -> Edges | None:
        """Edges of everything the layer and the matte hold; None where they hold nothing."""
        masks = [self.matte] if self.layer is None else [self.matte, self.layer[..., 3]]
        boxes = [box for mask in masks if mask is not None and (box := box_of(mask)) is not None]
        if not boxes:
            return None
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    def flat(self) -> Scene:
        """The same picture with the layer laid on the plate; the matte still knows where the product is."""
        if self.layer is None:
            return self
        plate = self.plate.copy()
        box = box_of(self.layer[..., 3])
        if box is not None:
            left, top, right, bottom = box
            here = (slice(top, bottom), slice(left, right))
            plate[here] = over(premultiplied(self.layer[here]), plate[here])
        return replace(self, plate=plate, layer=None, matte=self.product)


def box_of(matte: Bytes) -> Edges | None:
    """Edges of what is not zero in (H, W); None where all is."""
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(matte))
    return (left, top, left + width, top + height) if width and height else None


def premultiplied(layer: Bytes) -> NDArray[np.float32]:
    """Straight uint8 (H, W, 4) -> premultiplied float32 (H, W, 4), 0..255: the form that is resampled without a halo.

    Float, because a sharp filter overshoots at an edge: colour and alpha must do so together, neither of them clipped.
    """
    made = layer.astype(np.float32)
    made[..., :3] *= made[..., 3:] / np.float32(255)
    return made


def over(layer: NDArray[np.float32], plate: Bytes) -> Bytes:
    """Premultiplied layer (H, W, 4) over plate (H, W, 3), in sRGB as pictures with alpha are made."""
    behind = np.float32(1) - layer[..., 3:] / np.float32(255)
    return np.rint(layer[..., :3] + behind * plate).clip(0, 255).astype(np.uint8)
