"""The two networks official Real-ESRGAN checkpoints are of, with the checkpoints' own names for their weights.

RRDBNet: ESRGAN, arXiv 1809.00219 (dense blocks, residual scale 0.2), with Real-ESRGAN's pixel-unshuffle for scales 1
and 2, arXiv 2107.10833. The compact network is a plain chain of convolutions whose result, shuffled to full size, is
added to the picture enlarged by repetition.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.realesrgan.checkpoint import Architecture, read_architecture, refused, weights_in

RESIDUAL = 0.2
SLOPE = 0.2


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class DenseBlock(nn.Module):
    """Five convolutions, each seeing what all before it made."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.conv1 = _conv(channels, growth)
        self.conv2 = _conv(channels + growth, growth)
        self.conv3 = _conv(channels + 2 * growth, growth)
        self.conv4 = _conv(channels + 3 * growth, growth)
        self.conv5 = _conv(channels + 4 * growth, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        made = [x]
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            made.append(F.leaky_relu(conv(torch.cat(made, 1)), SLOPE, inplace=True))
        return torch.add(x, self.conv5(torch.cat(made, 1)), alpha=RESIDUAL)


class ResidualDenseBlocks(nn.Module):
    """Three dense blocks with a residual around them."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(channels, growth)
        self.rdb2 = DenseBlock(channels, growth)
        self.rdb3 = DenseBlock(channels, growth)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return torch.add(x, self.rdb3(self.rdb2(self.rdb1(x))), alpha=RESIDUAL)


class RRDBNet(nn.Module):
    """(N, 3, H, W) -> (N, 3, H*scale, W*scale)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        channels, growth = architecture.channels, architecture.growth
        self.folded = 4 // architecture.scale
        self.conv_first = _conv(3 * self.folded**2, channels)
        self.body = nn.Sequential(*(ResidualDenseBlocks(channels, growth) for _ in range(architecture.blocks)))
        self.conv_body = _conv(channels, channels)
        self.conv_up1 = _conv(channels, channels)
        self.conv_up2 = _conv(channels, channels)
        self.conv_hr = _conv(channels, channels)
        self.conv_last = _conv(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """A height or width that does not fold evenly is filled up by its last row or column, and cut off again."""
        height, width = (4 // self.folded * side for side in x.shape[-2:])
        if self.folded > 1:
            fill = (0, -x.shape[-1] % self.folded, 0, -x.shape[-2] % self.folded)
            x = F.pixel_unshuffle(F.pad(x, fill, mode="replicate"), self.folded)
        first = self.conv_first(x)
        made = first + self.conv_body(self.body(first))
        for conv in (self.conv_up1, self.conv_up2):
            made = F.leaky_relu(conv(F.interpolate(made, scale_factor=2, mode="nearest")), SLOPE, inplace=True)
        return self.conv_last(F.leaky_relu(self.conv_hr(made), SLOPE, inplace=True))[..., :height, :width]


class Compact(nn.Module):
    """(N, 3, H, W) -> (N, 3, H*scale, W*scale)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.scale, channels = architecture.scale, architecture.channels
        layers: list[nn.Module] = [_conv(3, channels), nn.PReLU(channels)]
        for _ in range(architecture.blocks):
            layers += [_conv(channels, channels), nn.PReLU(channels)]
        self.body = nn.Sequential(*layers, _conv(channels, 3 * self.scale**2))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.pixel_shuffle(self.body(x), self.scale) + F.interpolate(x, scale_factor=self.scale, mode="nearest")


def load(path: Path) -> nn.Module:
    """The network of the `.pth` at `path`, float32, on the CPU. No code in the file is run.

    Raises EngineError WEIGHTS_UNSAFE, WEIGHTS_DAMAGED, WEIGHTS_UNKNOWN.
    """
    architecture = read_architecture(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise refused(path, "holds more than weights", "weights alone", "WEIGHTS_UNSAFE", str(error)) from error
    except (RuntimeError, EOFError, ValueError) as error:
        raise refused(path, "cannot be read", "what torch >= 1.6 saves", "WEIGHTS_DAMAGED", str(error)) from error
    with torch.device("meta"):  # no time and no random numbers spent on weights that are replaced
        network = (RRDBNet if architecture.kind == "rrdb" else Compact)(architecture)
    try:
        network.load_state_dict(weights_in(content, path), strict=True, assign=True)
    except RuntimeError as error:
        wanted = f"those of {architecture}"
        raise refused(path, "holds other weights", wanted, "WEIGHTS_UNKNOWN", str(error)) from error
    return network.float().requires_grad_(False)
