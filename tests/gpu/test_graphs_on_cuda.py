"""Real-ESRGAN and RIFE in torch: CUDA against the CPU, in fp32 and in the precision they are run in."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.realesrgan.network import Upscaler  # noqa: E402
from models.realesrgan.weights import PACKAGE  # noqa: E402
from models.rife.network import Interpolator  # noqa: E402
from tests.benchmarks.gpu_bench import LUGGAGE, still  # noqa: E402
from tests.benchmarks.gpu_frames import realesrgan_weights  # noqa: E402
from tests.models.graph.networks import OFFICIAL, write_graph  # noqa: E402

pytestmark = pytest.mark.gpu
MIN_PSNR_DB = {"fp32": 60.0, "fp16": 45.0}


@pytest.fixture(autouse=True)
def whole_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """No TF32: the CPU has none."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = np.square(a.astype(np.float64) - b).mean()
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("dtype", MIN_PSNR_DB)
@pytest.mark.parametrize("model", ["realesr-animevideov3-x4", "realesrgan-x4plus"])
def test_an_enlarged_picture_is_the_same_on_cuda(cuda: Any, model: str, dtype: str) -> None:
    if importlib.util.find_spec(PACKAGE) is None:
        pytest.skip(f"{PACKAGE} is not installed, and was not brought")
    realesrgan_weights()
    source = still(0, 96, 64)
    want = Upscaler(model, 4, device="cpu", dtype="fp32").still(source)
    got = Upscaler(model, 4, device="cuda", dtype=dtype).still(source)
    found = psnr(got, want)
    print(f"{model} {dtype}: {found:.1f} dB")
    assert want.std() > 5
    assert found >= MIN_PSNR_DB[dtype]


@pytest.mark.parametrize("dtype", MIN_PSNR_DB)
def test_in_between_frames_are_the_same_on_cuda(cuda: Any, tmp_path: Path, dtype: str) -> None:
    brought = LUGGAGE / "rife-v4.6" / "flownet.param"
    param = brought if brought.is_file() else OFFICIAL
    if not param.is_file():
        pytest.skip(f"RIFE's official graph is neither at {brought} nor at {OFFICIAL}")
    folder = tmp_path / "rife-v4.6"
    write_graph(folder, param.read_text())
    a, b = still(0, 192, 128), still(1, 192, 128)
    times = (0.25, 0.5, 0.9)
    want = Interpolator(folder, "cpu", "fp32").between_many(a, b, times)
    got = Interpolator(folder, "cuda", dtype).between_many(a, b, times)
    found = [psnr(x, y) for x, y in zip(got, want, strict=True)]
    print(f"{dtype}: {[f'{value:.1f}' for value in found]} dB")
    assert min(found) >= MIN_PSNR_DB[dtype]
