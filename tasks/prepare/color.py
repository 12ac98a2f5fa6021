"""Any decoded Pillow picture -> straight 8-bit sRGB and its alpha, scaled and colour-managed on purpose."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from manifests.errors import InputError, Problem

Pixels = NDArray[np.uint8]

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Pixels, Pixels | None, tuple[str, ...]]:
    """(rgb (H, W, 3), alpha (H, W) or None, warnings). Raises `InputError` UNSUPPORTED_IMAGE for float and 32-bit."""
    image, alpha = _split_alpha(_eight_bits(image))
    if image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")  # palette, bilevel, YCbCr
    warnings: tuple[str, ...] = ()
    if profile:
        image, warnings = _through_profile(image, profile)
    elif image.mode == "CMYK":
        warnings = ("CMYK without a profile: converted by the usual default, colours are approximate",)
    rgb = np.asarray(image.convert("RGB"))
    return np.ascontiguousarray(rgb), alpha, warnings


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey scaled by 255/65535. (Pillow hands 16-bit RGB over as its high byte: within one level of that.)"""
    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise InputError(
            Problem(
                code="UNSUPPORTED_IMAGE",
                message=f"the picture has 32-bit samples (mode {image.mode}), whose white is not known",
                remedy="save it with 8 or 16 bits per channel",
            )
        )
    return image


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Pixels | None]:
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode == "PA" or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode not in ("LA", "RGBA"):
        return image, None
    alpha = np.asarray(image.getchannel("A"))
    return image.convert("L" if image.mode == "LA" else "RGB"), alpha


def _through_profile(image: Image.Image, profile: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
            return image, ()
        converted = ImageCms.profileToProfile(
            image,
            source,
            _SRGB,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        return image, (
            f"its colour profile cannot be used ({error}): taken as {'CMYK' if image.mode == 'CMYK' else 'sRGB'}",
        )
    return converted if converted is not None else image, ()
