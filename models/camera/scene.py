"""What the camera looks at: a prepared plate, where home is on it, and the product layer if there is one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.camera.errors import CameraError

Bytes = NDArray[np.uint8]


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

    def flat(self) -> Scene:
        """The same picture with the layer laid on the plate; the matte still knows where the product is."""
        if self.layer is None:
            return self
        return replace(self, plate=over(premultiplied(self.layer), self.plate), layer=None, matte=self.product)


def premultiplied(layer: Bytes) -> Bytes:
    """Straight to premultiplied alpha, uint8 (H, W, 4): the only form that may be resampled without a halo."""
    alpha = layer[..., 3]
    color = cv2.multiply(layer[..., :3], cv2.merge([alpha, alpha, alpha]), scale=1 / 255)
    return np.dstack([np.asarray(color, dtype=np.uint8), alpha])


def over(layer: Bytes, plate: Bytes) -> Bytes:
    """Premultiplied layer (H, W, 4) over plate (H, W, 3), in sRGB as pictures with alpha are made."""
    behind = cv2.bitwise_not(layer[..., 3])
    dimmed = cv2.multiply(plate, cv2.merge([behind, behind, behind]), scale=1 / 255)
    return np.asarray(cv2.add(layer[..., :3], dimmed), dtype=np.uint8)
