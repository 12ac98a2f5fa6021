"""The text half of an ncnn network: a `.param` file, parsed into layers.

Line 1 is a magic number, line 2 counts layers and blobs; each further line is `kind name #in #out in... out... k=v...`.
Format: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import EngineError

MAGIC = "7767517"
_ARRAY = -23300
"""Key `-23300 - k` holds the array `count,value,value...` of key k."""

Value = int | float | tuple[float, ...]


@dataclass(frozen=True)
class Layer:
    """One line: what it does, the blobs it takes and gives, its numbered parameters."""

    kind: str
    name: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    params: Mapping[int, Value]


def damaged(path: Path, found: str, wanted: str) -> EngineError:
    """The error of a file that is not what it should be."""
    return EngineError(
        f"graph: {path} has {found}, wanted {wanted}", remedy="fetch the file again", code="GRAPH_DAMAGED"
    )


def read_param(path: Path) -> tuple[Layer, ...]:
    """The layers in order. Raises EngineError GRAPH_DAMAGED unless every layer takes what an earlier one gives."""
    try:
        lines = path.read_text(encoding="ascii").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(path, str(error), "a readable .param file") from error
    if lines[0].strip() != MAGIC:
        raise damaged(path, f"{lines[0][:20]!r} in line 1", MAGIC)
    numbered = [(number, line) for number, line in enumerate(lines[2:], start=3) if line.strip()]
    layers = tuple(_layer(path, number, line) for number, line in numbered)
    counts = f"{len(layers)} {sum(len(layer.gives) for layer in layers)}"
    if " ".join(lines[1].split()) != counts:
        raise damaged(path, f"{counts} layers and blobs", f"{lines[1].strip()!r} as line 2 says")
    given: set[str] = set()
    for layer in layers:
        missing = [name for name in layer.takes if name not in given]
        twice = [name for name in layer.gives if name in given]
        if missing or twice:
            raise damaged(path, f"layer {layer.name} with {missing or twice}", "each blob given once, before its use")
        given.update(layer.gives)
    return layers


def _layer(path: Path, number: int, line: str) -> Layer:
    try:
        kind, name, takes, gives, *rest = line.split()
        inputs, outputs = int(takes), int(gives)
        blobs, params = rest[: inputs + outputs], rest[inputs + outputs :]
        if len(blobs) != inputs + outputs or any("=" in blob for blob in blobs):
            raise ValueError(f"{inputs + outputs} blobs announced")
        values = dict(_parameter(text) for text in params)
    except ValueError as error:
        raise damaged(path, f"line {number}: {line.strip()!r} ({error})", "a layer") from error
    return Layer(kind, name, tuple(blobs[:inputs]), tuple(blobs[inputs:]), values)


def _parameter(text: str) -> tuple[int, Value]:
    key, value = text.split("=")
    if int(key) > _ARRAY:
        return int(key), _number(value)
    count, *values = value.split(",")
    if int(count) != len(values):
        raise ValueError(f"{count} values announced in {text}")
    return _ARRAY - int(key), tuple(_number(item) for item in values)


def _number(text: str) -> int | float:
    return float(text) if any(mark in text for mark in ".eE") else int(text)
