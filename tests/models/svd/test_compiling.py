from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
from torch import nn  # noqa: E402

from models.errors import EngineError  # noqa: E402
from models.svd import checkpoint, compiling  # noqa: E402
from models.svd.loading import load  # noqa: E402
from tests.svd_checkpoints import tiny_checkpoint  # noqa: E402

BLOCKS = ("SpatioTemporalResBlock", "TransformerSpatioTemporalModel")
COMPILED = """
import sys
from pathlib import Path
from types import SimpleNamespace
import torch
from diffusers.models.resnet import SpatioTemporalResBlock
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from models.svd.compiling import prepare

torch.set_num_threads(1)
torch.manual_seed(0)


class Part(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.resnet = SpatioTemporalResBlock(32, 64, temb_channels=16)
        self.transformer = TransformerSpatioTemporalModel(2, 32, 64, cross_attention_dim=16)

    def set_attn_processor(self, processor):
        self.transformer.transformer_blocks[0].attn1.set_processor(processor)

    def forward(self, x, time, words, images):
        return self.transformer(self.resnet(x, time, images), words, images, return_dict=False)[0]


unet, vae = Part().eval(), SimpleNamespace(decoder=torch.nn.Conv2d(4, 4, 1), set_attn_processor=lambda processor: None)
given = torch.randn(6, 32, 8, 8), torch.randn(6, 16), torch.randn(6, 1, 16), torch.zeros(2, 3)
with torch.no_grad():
    want = unet(*given)
    networks = SimpleNamespace(unet=unet, vae=vae, device=torch.device("cpu"))
    reason = prepare(networks, True, Path(sys.argv[1]))
    assert reason is None, reason
    got = unet(*given)
from torch._dynamo.utils import counters
assert not counters["graph_break"], counters["graph_break"]
assert counters["stats"]["unique_graphs"] == 3, counters["stats"]  # the probe, and two blocks in one graph each
difference = float((got - want).abs().max())
assert 0 <= difference <= 1e-4, difference
assert float(want.std()) > 0.1
"""


@pytest.fixture
def networks(tmp_path: Path) -> Any:
    folder = tiny_checkpoint(tmp_path / "tiny")
    return load(checkpoint.require(tmp_path, folder.name), torch.device("cpu"), torch.float32)


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `prepare` sets for the process is put back."""
    monkeypatch.setitem(os.environ, "TORCHINDUCTOR_CACHE_DIR", "/before")
    with torch._dynamo.config.patch(recompile_limit=8):
        yield


def is_compiled(module: nn.Module) -> bool:
    return module._compiled_call_impl is not None


def step(networks: Any) -> Any:
    sample = torch.randn(2, 3, 8, 8, 8, generator=torch.Generator().manual_seed(2))
    words = torch.randn(2, 1, networks.unet.config.cross_attention_dim, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return networks.unet(sample, torch.tensor(1.0), words, torch.ones(2, 3), return_dict=False)[0]


def test_eager_networks_keep_their_bits_and_share_one_attention(networks: Any) -> None:
    before = step(networks)
    assert compiling.prepare(networks, False) is None
    assert torch.equal(step(networks), before)
    for network in (networks.unet, networks.vae):
        processors = {id(p): type(p).__name__ for p in network.attn_processors.values()}
        assert list(processors.values()) == ["AttnProcessor2_0"]
    assert not any(is_compiled(module) for module in networks.unet.modules())


def test_every_block_and_the_decoder_are_to_be_compiled(
    networks: Any, clean: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiling, "_compiler_missing", lambda device: None)
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    assert compiling.prepare(networks, True, tmp_path / "kernels") is None
    compiled = {type(module).__name__ for module in networks.unet.modules() if is_compiled(module)}
    assert compiled == set(BLOCKS)
    assert all(is_compiled(module) for module in networks.unet.modules() if type(module).__name__ in BLOCKS)
    assert is_compiled(networks.vae.decoder) and not is_compiled(networks.vae.encoder)
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "kernels")
    assert torch._dynamo.config.recompile_limit >= compiling.VARIANTS
    convolution = networks.unet.conv_in
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_cache_folder_the_user_chose_is_kept(
    networks: Any, clean: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiling, "_compiler_missing", lambda device: None)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/mine")
    compiling.prepare(networks, True, tmp_path)
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/mine"


def test_without_a_compiler_it_says_so_and_runs(networks: Any, clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = step(networks)

    def missing(*_: Any, **__: Any) -> Any:
        raise RuntimeError("Failed to find C++ compiler. Please specify via CXX environment variable.\nmore")

    monkeypatch.setattr(torch, "compile", missing)
    reason = compiling.prepare(networks, True)
    assert reason == (
        "not compiled: RuntimeError: Failed to find C++ compiler. Please specify via CXX environment variable."
    )
    assert torch.equal(step(networks), before)


@pytest.mark.slow
@pytest.mark.timeout(900)  # a minute of processor time, three on a busy machine
def test_compiled_blocks_draw_the_same_and_leave_their_kernels(tmp_path: Path) -> None:
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("no C++ compiler: nothing is compiled on this machine")
    environment = {key: value for key, value in os.environ.items() if key != "TORCHINDUCTOR_CACHE_DIR"}
    environment["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # its worker processes would each import torch first
    ended = subprocess.run(
        [sys.executable, "-c", COMPILED, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert any(tmp_path.rglob("*.cpp")) or any(tmp_path.rglob("*.so")), list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("width", "height", "guidance"), [(1024, 576, True), (576, 1024, True), (768, 768, True), (2048, 1152, False)]
)
def test_canvases_whose_attention_launches(width: int, height: int, guidance: bool) -> None:
    compiling.require_attention_batch(width, height, guidance)


def test_a_canvas_whose_attention_does_not_launch_is_refused() -> None:
    with pytest.raises(EngineError, match="73728 sequences; at most 65535") as refused:
        compiling.require_attention_batch(2048, 1152, True)
    assert refused.value.code == "CANVAS_TOO_LARGE"
