"""What lies in a weights folder, read without torch."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the checkpoints of these tests are made with torch")

from models.errors import EngineError
from models.svd.checkpoint import available, require
from tests.svd_checkpoints import tiny_checkpoint

BROKEN = {
    "model_index.json": '{"_class_name": "StableDiffusionPipeline"}',
    "unet/config.json": "[1, 2]",
    "vae/config.json": "{}",
    "unet/diffusion_pytorch_model.safetensors": "no tensors at all",
}


def test_what_is_here_is_read_without_loading_it(tmp_path: Path) -> None:
    tiny_checkpoint(tmp_path / "svd-xt", frames=7)
    (tmp_path / "notes").mkdir()
    found = available(tmp_path)
    assert list(found) == ["svd-xt"] and found["svd-xt"].frames == 7
    assert set(found["svd-xt"].digests()) == {"svd-xt/unet", "svd-xt/vae", "svd-xt/image_encoder"}
    assert all(count > 0 for count in found["svd-xt"].parameters.values())
    assert available(tmp_path / "nowhere") == {}


@pytest.mark.parametrize("file", BROKEN)
def test_a_broken_file_hides_its_checkpoint_and_no_other(tmp_path: Path, file: str) -> None:
    for name in ("whole", "broken"):
        tiny_checkpoint(tmp_path / name)
    (tmp_path / "broken" / file).write_text(BROKEN[file])
    assert list(available(tmp_path)) == ["whole"]
    with pytest.raises(EngineError) as refused:
        require(tmp_path, "broken")
    assert refused.value.code == "WEIGHTS_BROKEN" and Path(file).name in str(refused.value)


def test_pickled_weights_are_named_and_never_read(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "svd-xt")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(EngineError, match=r"diffusion_pytorch_model\.bin are never loaded") as refused:
        require(tmp_path, "svd-xt")
    assert refused.value.code == "WEIGHTS_MISSING"
