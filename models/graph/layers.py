"""What each kind of ncnn layer is in torch.

Meanings and defaults of the numbered parameters: https://github.com/Tencent/ncnn/wiki/operation-param-weight-table
A parameter nobody here reads is refused: a layer must not be run as something it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.errors import EngineError
from models.graph.param import Layer, Value
from models.graph.warp import warp
from models.graph.weights import Blocks


def unknown(layer: Layer, what: str) -> EngineError:
    """The error of a layer that torch is not taught to run."""
    return EngineError(
        f"graph: layer {layer.name} is {layer.kind} {what}, which is not known to the torch runtime",
        remedy="use runtime: ncnn for this network",
        code="GRAPH_UNKNOWN_LAYER",
    )


class Keys:
    """The parameters of one layer, crossed off as they are read."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self._left = dict(layer.params)

    def __call__(self, key: int, default: Any) -> Any:
        """Parameter `key`, or the default ncnn gives it."""
        return self._left.pop(key, default)

    def only(self, key: int, value: Value) -> None:
        """Read parameter `key` and refuse any other value than this."""
        found = self(key, value)
        if found != value:
            raise unknown(self.layer, f"with {key}={found}")

    def one_of(self, key: int, known: Mapping[int, Any]) -> Any:
        """What parameter `key` (default 0) stands for."""
        found = self(key, 0)
        if found not in known:
            raise unknown(self.layer, f"with {key}={found}")
        return known[found]

    def close(self) -> None:
        """Refuse the layer if it has parameters nobody read."""
        if self._left:
            raise unknown(self.layer, "with " + " ".join(f"{key}={value}" for key, value in self._left.items()))


class Convolution(nn.Module):
    """Convolution or its transpose, then its activation. `weight` (out, in, kh, kw), transposed (in, out, kh, kw)."""

    def __init__(self, keys: Keys, blocks: Blocks) -> None:
        super().__init__()
        self.transposed = keys.layer.kind == "Deconvolution"
        outputs, count, biased = keys(0, 0), keys(6, 0), keys(5, 0)
        width, stride_x, dilation_x = keys(1, 0), keys(3, 1), keys(2, 1)
        kernel = (keys(11, width), width)
        self.stride, self.dilation = (keys(13, stride_x), stride_x), (keys(12, dilation_x), dilation_x)
        left = keys(4, 0)
        top = keys(14, left)
        keys.only(15, left)
        keys.only(16, top)
        self.padding = (top, left)
        keys.only(18, 0)  # pad value; of a deconvolution: output padding
        self.activation = _activation(keys)
        if min(outputs, *kernel) < 1 or left < 0 or count % (outputs * kernel[0] * kernel[1]):
            raise unknown(keys.layer, f"of {outputs} outputs, kernel {kernel}, padding {self.padding}, {count} weights")
        weight = torch.from_numpy(blocks.flagged(count)).reshape(outputs, -1, *kernel)
        if self.transposed:
            weight = weight.transpose(0, 1).contiguous()
        self.weight = nn.Parameter(weight, requires_grad=False)
        bias = torch.from_numpy(blocks.plain(outputs)) if biased else None
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, H', W')."""
        if self.transposed:
            made = F.conv_transpose2d(x, self.weight, self.bias, self.stride, self.padding, dilation=self.dilation)
        else:
            made = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation)
        return self.activation(made)


class PReLU(nn.Module):
    """A slope below zero for each channel."""

    def __init__(self, keys: Keys, blocks: Blocks) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.from_numpy(blocks.plain(keys(0, 0))), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return F.prelu(x, self.slope)


class Operation(nn.Module):
    """A layer without weights: a function of its inputs."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        """The function of the inputs."""
        return self.function(*inputs)


def _leaky(slope: float) -> Callable[[Tensor], Tensor]:
    return lambda x: F.leaky_relu(x, slope, inplace=True) if slope else F.relu(x, inplace=True)


def _activation(keys: Keys) -> Callable[[Tensor], Tensor]:
    values = keys(10, ())
    slope = float(values[0]) if values else 0.0
    # In place: a convolution's result is its own.
    return keys.one_of(9, {0: lambda x: x, 1: _leaky(0.0), 2: _leaky(slope), 4: torch.sigmoid})


def _relu(keys: Keys) -> Callable[[Tensor], Tensor]:
    slope = float(keys(0, 0.0))
    return lambda x: F.leaky_relu(x, slope)


_BINARY: Mapping[int, Callable[[Any, Any], Tensor]] = {
    0: lambda a, b: a + b,
    1: lambda a, b: a - b,
    2: lambda a, b: a * b,
    3: lambda a, b: a / b,
    7: lambda a, b: b - a,
    8: lambda a, b: b / a,
}


def _binary(keys: Keys) -> Callable[..., Tensor]:
    operator, scalar, value = keys.one_of(0, _BINARY), keys(1, 0), float(keys(2, 0.0))
    return (lambda a: operator(a, value)) if scalar else operator


def _eltwise(keys: Keys) -> Callable[..., Tensor]:
    keys.only(0, 1)  # the sum; ncnn's default is the product
    factors = keys(1, ()) or (1.0,) * len(keys.layer.takes)
    if len(factors) != len(keys.layer.takes):
        raise unknown(keys.layer, f"with {len(factors)} factors for {len(keys.layer.takes)} inputs")
    # One with factor 1 goes first: `a + f * b` is then a single pass over memory.
    order = sorted(range(len(factors)), key=lambda index: factors[index] != 1)

    def weighted_sum(*inputs: Tensor) -> Tensor:
        first = inputs[order[0]] if factors[order[0]] == 1 else inputs[order[0]] * factors[order[0]]
        return reduce(lambda total, index: torch.add(total, inputs[index], alpha=factors[index]), order[1:], first)

    return weighted_sum


def _interp(keys: Keys) -> Callable[[Tensor], Tensor]:
    mode = keys.one_of(0, {1: "nearest", 2: "bilinear", 3: "bicubic"})
    factors = (float(keys(1, 1.0)), float(keys(2, 1.0)))
    for key in (3, 4, 5, 6):  # a fixed size, a size from elsewhere, aligned corners
        keys.only(key, 0)
    corners = None if mode == "nearest" else False
    return lambda x: F.interpolate(
        x, scale_factor=factors, mode=mode, align_corners=corners, recompute_scale_factor=True
    )


def _crop(keys: Keys) -> Callable[[Tensor], Tensor]:
    starts, ends, axes = keys(9, ()), keys(10, ()), keys(11, ())
    if len(starts) != 1 or len(ends) != 1 or axes != (0,) or starts[0] < 0 or ends[0] <= starts[0]:
        raise unknown(keys.layer, f"from {starts} to {ends} of axes {axes}")
    return lambda x: x[:, starts[0] : ends[0]]


def _concat(keys: Keys) -> Callable[..., Tensor]:
    keys.only(0, 0)
    return lambda *inputs: torch.cat(inputs, dim=1)


def _shuffle(keys: Keys) -> Callable[[Tensor], Tensor]:
    factor = int(keys(0, 1))
    keys.only(1, 0)
    return lambda x: F.pixel_shuffle(x, factor)


OPERATIONS: Mapping[str, Callable[[Keys], Callable[..., Tensor]]] = {
    "BinaryOp": _binary,
    "Concat": _concat,
    "Crop": _crop,
    "Eltwise": _eltwise,
    "Interp": _interp,
    "PixelShuffle": _shuffle,
    "ReLU": _relu,
    "Sigmoid": lambda keys: torch.sigmoid,
    "rife.Warp": lambda keys: warp,
}
WEIGHTED: Mapping[str, Callable[[Keys, Blocks], nn.Module]] = {
    "Convolution": Convolution,
    "Deconvolution": Convolution,
    "PReLU": PReLU,
}


def build(layer: Layer, blocks: Blocks) -> nn.Module:
    """The module that runs `layer`, its weights read from `blocks`. Raises EngineError GRAPH_UNKNOWN_LAYER."""
    keys = Keys(layer)
    if layer.kind in WEIGHTED:
        module = WEIGHTED[layer.kind](keys, blocks)
    elif layer.kind in OPERATIONS:
        module = Operation(OPERATIONS[layer.kind](keys))
    else:
        raise unknown(layer, "")
    if len(layer.gives) != 1:
        raise unknown(layer, f"giving {len(layer.gives)} blobs")
    keys.close()
    return module
