"""The graph as one torch module."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from models.graph.layers import build
from models.graph.param import Layer, damaged, read_param
from models.graph.weights import Blocks


class Step(NamedTuple):
    """When a layer runs: the blobs it takes, the one it gives, and those nobody wants after it."""

    takes: tuple[str, ...]
    gives: str
    frees: tuple[str, ...]


class Graph(nn.Module):
    """An ncnn network of one output. Weights are float32 until `.to(...)`; inference only.

    `inputs` names what `forward` wants, in order: each (N, C, H, W), all of the weights' dtype and device. A blob is
    let go as soon as no later layer wants it. Raises EngineError GRAPH_DAMAGED, GRAPH_UNKNOWN_LAYER.
    """

    def __init__(self, param: Path, bin: Path) -> None:
        super().__init__()
        layers = read_param(param)
        self.inputs = tuple(name for layer in layers if layer.kind == "Input" for name in layer.gives)
        blocks = Blocks(bin)
        run = [layer for layer in layers if layer.kind not in ("Input", "Split")]
        self.layers = nn.ModuleList(build(layer, blocks) for layer in run)
        blocks.close()
        self.steps = _steps(run, _origins(layers))
        wanted = {name for step in self.steps for name in step.takes}
        outputs = [step.gives for step in self.steps if step.gives not in wanted]
        if len(outputs) != 1:
            raise damaged(param, f"outputs {outputs}", "one")
        self.output = outputs[0]

    def forward(self, *given: Tensor) -> Tensor:
        """The network's one output, for `inputs` in order."""
        blobs = dict(zip(self.inputs, given, strict=True))
        for layer, step in zip(self.layers, self.steps, strict=True):
            blobs[step.gives] = layer(*[blobs[name] for name in step.takes])
            for name in step.frees:
                del blobs[name]
        return blobs[self.output]


def _origins(layers: tuple[Layer, ...]) -> dict[str, str]:
    """Blob -> the blob it is: a Split gives its input new names and nothing else."""
    origins: dict[str, str] = {}
    for layer in layers:
        for name in layer.gives:
            origins[name] = origins[layer.takes[0]] if layer.kind == "Split" else name
    return origins


def _steps(layers: list[Layer], origins: dict[str, str]) -> list[Step]:
    taken = [tuple(origins[name] for name in layer.takes) for layer in layers]
    last = {name: index for index, names in enumerate(taken) for name in names}
    return [
        Step(names, layer.gives[0], tuple(name for name in dict.fromkeys(names) if last[name] == index))
        for index, (layer, names) in enumerate(zip(layers, taken, strict=True))
    ]
