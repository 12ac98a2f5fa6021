"""Official `.pth` checkpoints: found, told apart, the same picture as the binding's weights, and never run as code."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path

import cv2
import numpy as np
import pytest

from models import realesrgan
from models.errors import EngineError
from models.realesrgan.checkpoint import Architecture, read_architecture
from tests.models.test_realesrgan import picture

torch = pytest.importorskip("torch", reason="torch comes with the extra `gpu`")

from models.graph.layers import Convolution, PReLU  # noqa: E402
from models.graph.network import Graph  # noqa: E402
from models.realesrgan.architectures import RRDBNet, load  # noqa: E402
from models.realesrgan.network import Upscaler  # noqa: E402

RRDB = "RealESRGAN_x4plus_anime_6B"
COMPACT = "realesr-animevideov3"


def rrdb_names(blocks: int) -> list[str]:
    """Official names of RRDBNet's convolutions, in the order they run."""
    body = [f"body.{n}.rdb{r}.conv{c}" for n in range(blocks) for r in (1, 2, 3) for c in (1, 2, 3, 4, 5)]
    return ["conv_first", *body, "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]


def renamed(model: str, names: list[str]) -> OrderedDict[str, torch.Tensor]:
    """The binding's weights under the official names."""
    weighted = [m for m in Graph(*realesrgan.models()[model].files).layers if isinstance(m, Convolution | PReLU)]
    state: OrderedDict[str, torch.Tensor] = OrderedDict()
    for name, layer in zip(names, weighted, strict=True):
        state[f"{name}.weight"] = layer.slope if isinstance(layer, PReLU) else layer.weight
        if isinstance(layer, Convolution) and layer.bias is not None:
            state[f"{name}.bias"] = layer.bias
    return OrderedDict((name, tensor.detach().clone()) for name, tensor in state.items())


@pytest.fixture(scope="module")
def weights_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weights")
    folder = root / "realesrgan"
    folder.mkdir()
    torch.save({"params_ema": renamed("realesrgan-x4plus-anime", rrdb_names(6))}, folder / f"{RRDB}.pth")
    compact = renamed("realesr-animevideov3-x4", [f"body.{n}" for n in range(35)])
    torch.save({"params": compact}, folder / f"{COMPACT}.pth")
    torch.save(compact, folder / "bare.pth")
    return root


def test_they_are_found_and_told_apart_without_loading(weights_dir: Path) -> None:
    found = realesrgan.models(weights_dir)
    assert found[RRDB].architecture == Architecture("rrdb", 4, 6, 64, 32)
    assert found[COMPACT].architecture == found["bare"].architecture == Architecture("compact", 4, 16, 64, 0)
    assert found[RRDB].scale == 4 and found[RRDB].runtimes == ("torch",)
    assert found["realesrgan-x4plus"].runtimes == ("ncnn", "torch")
    assert RRDB not in realesrgan.models(), "only where a weights folder is named"
    assert list(realesrgan.digests(RRDB, weights_dir)) == [f"{RRDB}.pth"]
    assert len(realesrgan.digests(RRDB, weights_dir)[f"{RRDB}.pth"]) == 64


@pytest.mark.parametrize(
    ("name", "same"),
    [(RRDB, "realesrgan-x4plus-anime"), (COMPACT, "realesr-animevideov3-x4"), ("bare", "realesr-animevideov3-x4")],
)
def test_the_same_weights_give_the_same_picture(weights_dir: Path, name: str, same: str) -> None:
    source = picture(22, 30)
    found = Upscaler(name, 4, device="cpu", weights_dir=weights_dir).still(source)
    wanted = Upscaler(same, 4, device="cpu").still(source)
    assert np.abs(found.astype(int) - wanted).max() <= 1, f"{cv2.PSNR(found, wanted):.1f} dB"


@pytest.mark.parametrize(("scale", "inputs"), [(2, 12), (1, 48)])
def test_smaller_scales_fold_pixels_first(tmp_path: Path, scale: int, inputs: int) -> None:
    network = RRDBNet(Architecture("rrdb", scale, 1, 8, 4))
    assert network.conv_first.weight.shape == (8, inputs, 3, 3)
    path = tmp_path / "x.pth"
    torch.save({"params_ema": network.state_dict()}, path)
    assert read_architecture(path) == Architecture("rrdb", scale, 1, 8, 4)
    x = torch.rand(1, 3, 11, 14)
    made = load(path)(x)
    assert made.shape == (1, 3, 11 * scale, 14 * scale), "sides that do not fold evenly too"
    torch.testing.assert_close(made, network(x))


def test_weights_in_half_are_made_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"params": RRDBNet(Architecture("rrdb", 4, 1, 8, 4)).half().state_dict()}, path)
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in load(path).parameters())


class Bomb:
    """What runs when it is unpickled."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.touched,)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "realesrgan"
    folder.mkdir()
    touched = tmp_path / "touched"
    torch.save({"params": {"body.0.weight": torch.zeros(8, 3, 3, 3), "x": Bomb(touched)}}, folder / "bomb.pth")
    assert "bomb" not in realesrgan.models(tmp_path)
    for attempt in (
        lambda: Upscaler("bomb", 4, device="cpu", weights_dir=tmp_path),
        lambda: realesrgan.digests("bomb", tmp_path),
        lambda: load(folder / "bomb.pth"),
    ):
        with pytest.raises(EngineError, match="would run") as caught:
            attempt()
        assert caught.value.code == "WEIGHTS_UNSAFE"
    assert not touched.exists()
    torch.load(folder / "bomb.pth", weights_only=False)
    assert touched.exists(), "the checkpoint was one that runs code"


def test_what_is_no_checkpoint_of_ours_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "realesrgan"
    folder.mkdir()
    (folder / "torn.pth").write_bytes(b"PK\x03\x04 and no more")
    (folder / "legacy.pth").write_bytes(pickle.dumps({"params": {}}))
    torch.save({"params": {"model.0.weight": torch.zeros(8, 3, 3, 3)}}, folder / "old.pth")
    torch.save([torch.zeros(3)], folder / "list.pth")
    state = RRDBNet(Architecture("rrdb", 4, 1, 8, 4)).state_dict()
    del state["conv_hr.bias"]
    torch.save({"params": state}, folder / "short.pth")
    codes = {"torn": "DAMAGED", "legacy": "DAMAGED", "old": "UNKNOWN", "list": "UNKNOWN", "short": "UNKNOWN"}
    for name, code in codes.items():
        with pytest.raises(EngineError, match=rf"{name}\.pth") as caught:
            load(folder / f"{name}.pth")
        assert caught.value.code == f"WEIGHTS_{code}", name
    assert set(codes) & set(realesrgan.models(tmp_path)) == {"short"}, (
        "its shapes are in order, its names are not whole"
    )
