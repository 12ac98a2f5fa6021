"""The two halves of an ncnn network as files: what is read, and what is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from models.errors import EngineError
from models.graph.param import read_param
from models.graph.weights import Blocks
from tests.models.graph.networks import CROSSFADE


def test_layers_blobs_and_parameters_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.param"
    path.write_text(
        "7767517\n3 3\nInput in 0 1 x\nConvolution c 1 1 x y 0=8 9=2 -23310=1,2.0e-1\nCrop k 1 1 y z -23309=2,0,1\n"
    )
    _, convolution, crop = read_param(path)
    assert (convolution.kind, convolution.name, convolution.takes, convolution.gives) == (
        "Convolution",
        "c",
        ("x",),
        ("y",),
    )
    assert convolution.params == {0: 8, 9: 2, 10: (0.2,)}
    assert crop.params == {9: (0, 1)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "in line 1"),
        ("7767518\n0 0\n", "in line 1"),
        (CROSSFADE.replace("8 9", "9 9"), "8 9 layers and blobs"),
        (CROSSFADE.replace("in1 t1 b", "in1 nowhere b"), "nowhere"),
        (CROSSFADE.replace("second 2 1 in1 t1 b", "second 2 1 in1 t1 a"), r"second with \['a'\]"),
        (CROSSFADE.replace("0=7 1=1", "0=seven 1=1"), "line 7"),
        (CROSSFADE.replace("1 2 in2 t0 t1", "1 two in2 t0 t1"), "line 6"),
        (CROSSFADE.replace("2=1.0", "-23302=2,1.0"), "line 7"),
        (CROSSFADE.replace("sum 2 1 a b out0", "sum 2 1 a b"), "line 10"),
    ],
)
def test_a_damaged_graph_says_where(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "a.param"
    path.write_text(text)
    with pytest.raises(EngineError, match=found) as caught:
        read_param(path)
    assert caught.value.code == "GRAPH_DAMAGED"
    assert str(path) in str(caught.value)


def test_weights_are_read_as_they_are_stored(tmp_path: Path) -> None:
    values = np.array([0.5, -1.25, 3.0], np.float32)
    path = tmp_path / "a.bin"
    half = struct.pack("<I", 0x01306B47) + values.astype("<f2").tobytes() + b"\0\0"  # padded to 4 bytes
    path.write_bytes(half + values.tobytes() + struct.pack("<I", 0) + values.tobytes())
    blocks = Blocks(path)
    for found in (blocks.flagged(3), blocks.plain(3), blocks.flagged(3)):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, values)
    blocks.close()


@pytest.mark.parametrize(
    ("content", "found"), [(b"\0" * 12, "12 bytes"), (b"\0" * 20, "20 bytes"), (b"\x38\x4b\x0d\0" * 4, "0x000d4b38")]
)
def test_a_bin_of_another_length_or_format_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    with pytest.raises(EngineError, match=found) as caught:
        blocks = Blocks(path)
        blocks.flagged(3)
        blocks.close()
    assert caught.value.code == "GRAPH_DAMAGED"
