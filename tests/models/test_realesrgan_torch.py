"""Real-ESRGAN in torch: the binding's pictures, in batches, in tiles, and when memory runs out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models import realesrgan
from models.clip import Frame
from models.errors import EngineError, EngineMissing, OutOfMemory
from models.host import hosted
from tests.models.graph.networks import PHOTO
from tests.models.test_realesrgan import picture

torch = pytest.importorskip("torch", reason="torch comes with the extra `gpu`")

from models.realesrgan import network, tiles  # noqa: E402
from models.realesrgan.network import Upscaler  # noqa: E402

X2 = "realesr-animevideov3-x2"


def photo(height: int, width: int) -> Frame:
    """The machine's front plate, `width` x `height` px of it."""
    if not PHOTO.is_file():
        pytest.skip(f"the product photo is not at {PHOTO}")
    whole = cv2.cvtColor(cv2.imread(str(PHOTO)), cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(whole[400 : 400 + height, 350 : 350 + width])


def assert_agree(found: Frame, wanted: Frame, least_db: float, most_levels: int) -> None:
    db, levels = float(cv2.PSNR(found, wanted)), int(np.abs(found.astype(int) - wanted).max())
    print(f"{db:.1f} dB, max difference {levels}")
    assert db >= least_db and levels <= most_levels, f"{db:.1f} dB, max difference {levels}"


def both(model: str, scale: int, tile: int, source: Frame) -> tuple[Frame, Frame]:
    ours = Upscaler(model, scale, tile, "cpu").still(source)
    return ours, realesrgan.Upscaler(model, scale, tile, "cpu").still(source)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_animevideov3_is_the_bindings_on_a_photo(scale: int) -> None:
    assert_agree(*both(f"realesr-animevideov3-x{scale}", scale, 0, photo(71, 120)), least_db=80, most_levels=2)


def test_it_is_the_bindings_on_a_drawn_picture_in_tiles_to_the_edge() -> None:
    """48 does not divide 96x60: the last tiles are smaller, and the margins cross the picture's edge."""
    assert_agree(*both(X2, 2, 48, picture()), least_db=80, most_levels=2)


@pytest.mark.parametrize("model", ["realesrgan-x4plus", "realesrgan-x4plus-anime"])
def test_x4plus_is_the_bindings(model: str) -> None:
    assert_agree(*both(model, 4, 0, picture(20, 28)), least_db=70, most_levels=2)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("model", "scale"), [("realesrgan-x4plus", 4), (X2, 2)])
def test_a_photo_of_256_by_144_is_the_bindings(model: str, scale: int) -> None:
    assert_agree(*both(model, scale, 0, photo(144, 256)), least_db=70, most_levels=2)


def test_tensors_and_batches_give_what_stills_give() -> None:
    frames = [picture(30, 44), picture(30, 44)[::-1], picture(30, 44)[:, ::-1], picture(20, 44), picture(30, 44)]
    engine = Upscaler(X2, 2, device="cpu", batch=2)
    alone = [engine.still(frame) for frame in frames]
    together = list(engine.frames(iter(frames)))
    assert [made.shape for made in together] == [(60, 88, 3)] * 3 + [(40, 88, 3), (60, 88, 3)]
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
    x = torch.from_numpy(np.stack([frames[0], frames[1], frames[2]]).copy()).permute(0, 3, 1, 2).double() / 255
    made = engine.enlarge(x)
    assert made.dtype == torch.float64 and made.shape == (3, 3, 60, 88)
    assert made.min() >= 0 and made.max() <= 1
    assert np.abs(made[2].permute(1, 2, 0).numpy() * 255 - alone[2]).max() <= 1
    assert engine.ran() == {
        "model": X2, "device": "cpu", "dtype": "fp32", "tile": 200, "batch": 1, "stepped_down": 0, "compiled": 0,
        "frames": 13,
    }  # fmt: skip


def test_bfloat16_is_close() -> None:
    source = picture()
    engine = Upscaler(X2, 2, device="cpu", dtype="bf16")
    assert_agree(engine.still(source), Upscaler(X2, 2, device="cpu").still(source), least_db=35, most_levels=40)
    assert engine.ran()["dtype"] == "bf16"


def test_it_lives_in_a_child() -> None:
    source = picture(24, 32)
    options = {"model": X2, "scale": 2, "device": "cpu"}
    with hosted("models.realesrgan.network:Upscaler", deadline=120, **options) as engine:
        (made,) = engine.frames(iter([source]))
    assert np.abs(made.astype(int) - Upscaler(**options).still(source)).max() <= 1


def small_device(engine: Upscaler, most_pixels: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Have the engine's device fail above `most_pixels` at once; returns the shapes it was given."""
    real, given = engine._network, []

    def limited(x: torch.Tensor) -> torch.Tensor:
        given.append(tuple(x.shape))
        if x.shape[0] * x.shape[2] * x.shape[3] > most_pixels:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(x)

    monkeypatch.setattr(engine, "_network", limited)
    return given


def test_when_memory_runs_out_fewer_pictures_then_smaller_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [picture(60, 96)] * 4
    engine = Upscaler(X2, 2, tile=200, device="cpu", batch=4)
    wanted = engine.still(frames[0])
    small_device(engine, 80 * 116, monkeypatch)
    made = list(engine.frames(iter(frames)))
    assert engine.ran()["batch"] == 1 and engine.ran()["tile"] == 200 and engine.ran()["stepped_down"] == 1
    np.testing.assert_array_equal(made[3], wanted)
    given = small_device(engine, 52 * 52, monkeypatch)
    tiled = engine.still(frames[0])
    assert engine.ran()["tile"] == 32 and engine.ran()["stepped_down"] == 1
    assert np.abs(tiled.astype(int) - wanted).mean() < 0.5
    tries = len(given)
    engine.still(frames[0])
    assert len(given) - tries == 6, "what did not fit is not tried again"
    other = picture(20, 20)
    engine.still(other)
    assert engine.ran()["tile"] == 200, "another size is worked as if it came first"


def test_memory_that_never_suffices_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Upscaler(X2, 2, device="cpu", batch=2)
    given = small_device(engine, 100, monkeypatch)
    with pytest.raises(OutOfMemory, match="1 in tiles of 32 px") as caught:
        engine.enlarge(torch.zeros(2, 3, 60, 96))
    assert "Tried to allocate" in caught.value.evidence
    assert len(given) >= 3


def test_other_errors_are_not_taken_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Upscaler(X2, 2, device="cpu")

    def poisoned(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(engine, "_network", poisoned)
    with pytest.raises(RuntimeError, match="device-side assert"):
        engine.still(picture(10, 10))


def test_layouts_stay_below_what_torch_can_count() -> None:
    wide = list(tiles.layouts(tiles.Layout(4, 0), 576, 1024, 4))
    assert wide[0] == tiles.Layout(3, 0), "four of 1024x576 are more than it can count"
    large = list(tiles.layouts(tiles.Layout(4, 0), 3000, 4000, 4))
    assert large[0].tile == 1024 and large[-1] == tiles.Layout(1, 32)


def test_mirrors_of_any_width() -> None:
    for length in (1, 2, 3, 30):
        found = tiles.mirrored(length, 10, torch.device("cpu")).numpy()
        np.testing.assert_array_equal(found, np.pad(np.arange(length), 10, mode="reflect"))


def test_a_compiled_network_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = torch.compile
    monkeypatch.setattr(network.torch, "compile", lambda module: compiled(module, backend="eager", fullgraph=True))
    source = picture(16, 20)
    engine = Upscaler(X2, 2, device="cpu", compiled=True)
    np.testing.assert_array_equal(engine.still(source), Upscaler(X2, 2, device="cpu").still(source))
    assert engine.ran()["compiled"] == 1


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="not known"):
        Upscaler("esrgan-9000", 4, weights_dir=tmp_path)
    with pytest.raises(EngineError, match="enlarges by 2"):
        Upscaler(X2, 4)
    with pytest.raises(EngineError, match="wanted cpu, auto or cuda:N"):
        Upscaler(X2, 2, device="vulkan")
    with pytest.raises(EngineMissing, match="torch sees") as caught:
        Upscaler(X2, 2, device="cuda:99")
    assert caught.value.code == "DEVICE_MISSING"
    with pytest.raises(EngineError, match="wanted auto or one of fp32"):
        Upscaler(X2, 2, device="cpu", dtype="int8")
    engine = Upscaler(X2, 2, device="cpu")
    with pytest.raises(EngineError, match="wanted uint8"):
        engine.still(np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(EngineError, match=r"wanted floats \(N, 3, H, W\)"):
        engine.enlarge(torch.zeros(3, 4, 4))
