"""The graph in torch: exact where the answer is known, layer by layer, lean, compilable, and picky."""

from __future__ import annotations

import struct
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from models.errors import EngineError

torch = pytest.importorskip("torch", reason="torch comes with the extra `gpu`")
import torch.nn.functional as F  # noqa: E402, N812

from models.graph.network import Graph  # noqa: E402
from models.graph.warp import warp  # noqa: E402
from tests.models.graph.networks import CROSSFADE, OFFICIAL, write_graph  # noqa: E402


def graph(folder: Path, *lines: str, weights: bytes = b"", inputs: int = 1) -> Graph:
    """A graph over blobs `in0`..., its last line giving `out`."""
    heads = [f"Input in{n} 0 1 in{n}" for n in range(inputs)]
    blobs = inputs + sum(int(line.split()[3]) for line in lines)
    text = "\n".join(["7767517", f"{inputs + len(lines)} {blobs}", *heads, *lines, ""])
    (folder / "a.param").write_text(text)
    (folder / "a.bin").write_bytes(weights)
    return Graph(folder / "a.param", folder / "a.bin")


def ramp(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def test_the_crossfade_is_exact(tmp_path: Path) -> None:
    write_graph(tmp_path, CROSSFADE)
    network = Graph(tmp_path / "flownet.param", tmp_path / "flownet.bin")
    assert network.inputs == ("in0", "in1", "in2")
    a, b = (torch.tensor(c).reshape(1, 3, 1, 1).expand(1, 3, 4, 5) / 255 for c in ((10.0, 20, 30), (110.0, 120, 230)))
    made = network(a, b, torch.full((1, 1, 4, 5), 0.25)) * 255
    assert made[0, :, 2, 3].tolist() == pytest.approx([35, 45, 80], abs=1e-4)


def test_convolution_and_its_activation(tmp_path: Path) -> None:
    weight, bias = ramp(4, 3, 3, 2), ramp(4)
    block = struct.pack("<I", 0) + weight.numpy().tobytes() + bias.numpy().tobytes()
    x = ramp(2, 3, 11, 12)
    plain = F.conv2d(x, weight, bias, stride=(1, 2), padding=(0, 1))
    for keys, wanted in (
        ("", plain),
        ("9=1", plain.relu()),
        ("9=2 -23310=1,2.0e-01", F.leaky_relu(plain, 0.2)),
        ("9=4", plain.sigmoid()),
    ):
        line = f"Convolution c 1 1 in0 out 0=4 1=2 11=3 3=2 13=1 4=1 14=0 5=1 6=72 {keys}"
        torch.testing.assert_close(graph(tmp_path, line, weights=block)(x), wanted)


def test_deconvolution_takes_its_weights_as_ncnn_stores_them(tmp_path: Path) -> None:
    weight, bias = ramp(5, 3, 4, 4), ramp(5)  # (out, in, kh, kw)
    block = struct.pack("<I", 0) + weight.numpy().tobytes() + bias.numpy().tobytes()
    line = "Deconvolution d 1 1 in0 out 0=5 1=4 3=2 4=1 5=1 6=240"
    x = ramp(1, 3, 6, 7)
    wanted = F.conv_transpose2d(x, weight.transpose(0, 1), bias, stride=2, padding=1)
    assert wanted.shape == (1, 5, 12, 14)
    torch.testing.assert_close(graph(tmp_path, line, weights=block)(x), wanted)


def test_layers_without_weights(tmp_path: Path) -> None:
    x, y = ramp(2, 8, 8, 12), ramp(2, 8, 8, 12) + 2
    for line, wanted in (
        ("ReLU r 1 1 in0 out 0=0.1", F.leaky_relu(x, 0.1)),
        ("ReLU r 1 1 in0 out", x.relu()),
        ("Sigmoid s 1 1 in0 out", x.sigmoid()),
        ("PixelShuffle p 1 1 in0 out 0=2", F.pixel_shuffle(x, 2)),
        ("Crop c 1 1 in0 out -23309=1,2 -23310=1,5 -23311=1,0", x[:, 2:5]),
        ("Interp i 1 1 in0 out 0=1 1=2.0 2=2.0", x.repeat_interleave(2, 2).repeat_interleave(2, 3)),
        ("Interp i 1 1 in0 out 0=2 1=0.25 2=0.25", F.interpolate(x, (2, 3), mode="bilinear")),
        ("Interp i 1 1 in0 out 0=3 1=0.75 2=0.75", F.interpolate(x, (6, 9), mode="bicubic")),
        ("BinaryOp b 1 1 in0 out 0=3 1=1 2=4.0", x / 4),
        ("BinaryOp b 1 1 in0 out 0=7 1=1 2=1.0", 1 - x),
        ("BinaryOp b 1 1 in0 out 0=8 1=1 2=1.0", 1 / x),
    ):
        torch.testing.assert_close(graph(tmp_path, line)(x), wanted, msg=lambda text, line=line: f"{line}: {text}")
    for line, wanted in (
        ("BinaryOp b 2 1 in0 in1 out", x + y),
        ("BinaryOp b 2 1 in0 in1 out 0=1", x - y),
        ("BinaryOp b 2 1 in0 in1 out 0=7", y - x),
        ("Eltwise e 2 1 in0 in1 out 0=1 -23301=2,2.0e-01,1.0", 0.2 * x + y),
        ("Eltwise e 2 1 in0 in1 out 0=1 -23301=2,3.0,2.0", 3 * x + 2 * y),
        ("Eltwise e 2 1 in0 in1 out 0=1", x + y),
        ("Concat c 2 1 in0 in1 out", torch.cat((x, y), 1)),
    ):
        torch.testing.assert_close(
            graph(tmp_path, line, inputs=2)(x, y), wanted, msg=lambda t, line=line: f"{line}: {t}"
        )
    slopes = np.linspace(0, 1, 8, dtype="<f4")
    prelu = graph(tmp_path, "PReLU p 1 1 in0 out 0=8", weights=slopes.tobytes())
    torch.testing.assert_close(prelu(x), F.prelu(x, torch.from_numpy(slopes)))
    assert torch.equal(x, ramp(2, 8, 8, 12)), "no layer writes into what it was given"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("Softmax s 1 1 in0 out", "layer s is Softmax"),
        ("Convolution c 1 1 in0 out 0=1 1=3 5=0 6=27 8=1", "with 8=1"),
        ("Convolution c 1 1 in0 out 0=1 1=3 5=0 6=27 9=6", "with 9=6"),
        ("Convolution c 1 1 in0 out 0=2 1=3 5=0 6=27", "27 weights"),
        ("Convolution c 1 1 in0 out 0=1 1=3 4=-233 5=0 6=27", "-233"),
        ("Interp i 1 1 in0 out 0=2 1=2.0 2=2.0 6=1", "with 6=1"),
        ("Interp i 1 1 in0 out 0=2 3=64 4=64", "with 3=64"),
        ("PixelShuffle p 1 1 in0 out 0=2 1=1", "with 1=1"),
        ("BinaryOp b 1 1 in0 out 0=6 1=1 2=2.0", "with 0=6"),
        ("Crop c 1 1 in0 out -23309=1,0 -23310=1,4 -23311=1,1", "of axes"),
        ("Eltwise e 1 1 in0 out 0=0", "with 0=0"),
    ],
)
def test_what_is_not_known_is_refused_by_name(tmp_path: Path, line: str, named: str) -> None:
    with pytest.raises(EngineError, match=named) as caught:
        graph(tmp_path, line, weights=struct.pack("<I", 0) + bytes(27 * 4))
    assert caught.value.code == "GRAPH_UNKNOWN_LAYER"
    assert "ncnn" in caught.value.remedy


def test_weights_of_another_graph_are_refused(tmp_path: Path) -> None:
    line = "Convolution c 1 1 in0 out 0=1 1=3 5=0 6=27"
    for size in (26, 28):
        with pytest.raises(EngineError, match="bytes") as caught:
            graph(tmp_path, line, weights=struct.pack("<I", 0) + bytes(size * 4))
        assert caught.value.code == "GRAPH_DAMAGED"


def test_warp_fetches_from_where_the_flow_points() -> None:
    picture = ramp(1, 3, 9, 14)
    flow = torch.zeros(1, 2, 9, 14)
    torch.testing.assert_close(warp(picture, flow), picture)
    flow[:, 0], flow[:, 1] = 3, -2
    made = warp(picture, flow)
    torch.testing.assert_close(made[..., 2:, :11], picture[..., :7, 3:])
    torch.testing.assert_close(made[..., 2:, 11:], picture[..., :7, 13:].expand(1, 3, 7, 3))  # the border goes on
    flow[:, 0], flow[:, 1] = 0.25, 0
    wanted = 0.75 * picture[..., :-1] + 0.25 * picture[..., 1:]
    torch.testing.assert_close(warp(picture, flow)[..., :-1], wanted)


def test_warp_keeps_positions_exact_in_half_precision() -> None:
    """At 4K, half a float could only name every second pixel."""
    picture = torch.arange(3840).remainder(2).to(torch.float16).expand(1, 1, 2, 3840)
    made = warp(picture, torch.zeros(1, 2, 2, 3840, dtype=torch.float16))
    assert made.dtype == torch.float16
    torch.testing.assert_close(made, picture, atol=2e-3, rtol=0)


def test_nothing_is_kept_that_no_later_layer_wants(tmp_path: Path) -> None:
    lines = [f"BinaryOp b{n} 1 1 {'in0' if n == 0 else f'x{n - 1}'} x{n} 1=1 2=1.0" for n in range(12)]
    network = graph(tmp_path, *lines, "BinaryOp last 2 1 x11 in0 out")
    made: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []
    for layer in network.layers:
        layer.register_forward_hook(lambda module, inputs, output: made.append(weakref.ref(output)))
        layer.register_forward_pre_hook(lambda module, inputs: alive.append(sum(ref() is not None for ref in made)))
    assert torch.equal(network(torch.zeros(1, 1, 2, 2)), torch.full((1, 1, 2, 2), 12.0))
    assert len(alive) == 13
    assert max(alive) == 1, f"results alive before each layer: {alive}"


@pytest.mark.skipif(not OFFICIAL.is_file(), reason=f"the official RIFE 4.6 graph is not at {OFFICIAL}")
def test_the_official_graph_compiles_whole_and_changes_its_dtype(tmp_path: Path) -> None:
    """As one piece (`fullgraph`), by torch's own tracer; the generated code is the compiler's business."""
    assert write_graph(tmp_path, OFFICIAL.read_text(), fp16=True) == 5_297_760
    network = Graph(tmp_path / "flownet.param", tmp_path / "flownet.bin").to(memory_format=torch.channels_last)
    inputs = (ramp(1, 3, 32, 64).sigmoid(), ramp(1, 3, 32, 64).sigmoid(), torch.full((1, 1, 32, 64), 0.5))
    with torch.inference_mode():
        plain = network(*inputs)
        compiled = torch.compile(network, backend="eager", fullgraph=True)(*inputs)
        torch.testing.assert_close(compiled, plain)
        half = network.to(torch.bfloat16)(*(x.bfloat16() for x in inputs))
    assert half.dtype == torch.bfloat16
    assert plain.shape == half.shape == (1, 3, 32, 64)


def test_the_packages_load_no_torch() -> None:
    script = (
        "import sys, models.realesrgan as r, models.rife, models.graph.param, models.graph.weights; "
        "r.models(); r.versions('torch'); models.rife.versions('torch'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[3], check=False).returncode == 0
