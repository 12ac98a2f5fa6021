"""The tensors' colour correction and resizing against OpenCV's, which the CPU path uses."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.clip import Frame
from models.errors import EngineError

torch = pytest.importorskip("torch", reason="torch comes with the extra `gpu`")

from models.graph.device import to_frames, to_tensor  # noqa: E402
from models.realesrgan.color import resized, true_to  # noqa: E402
from tasks.upscale import _true_to  # noqa: E402

CPU = torch.device("cpu")


def picture(height: int, width: int, seed: int) -> Frame:
    """Noise over a slope with an edge: every frequency, and values at both ends."""
    random = np.random.default_rng(seed)
    made = np.linspace(0, 255, width)[None, :, None] + random.normal(0, 40, (height, width, 3))
    made[height // 3 :, width // 2 :] += 90
    return np.clip(made, 0, 255).astype(np.uint8)


def worst(a: Frame, b: Frame) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize(("height", "width", "scale"), [(36, 64, 2), (41, 53, 3), (30, 44, 4), (6, 5, 2), (1, 9, 4)])
def test_the_large_is_the_sources_as_opencv_has_it(height: int, width: int, scale: int) -> None:
    source = picture(height, width, 1)
    drifted = cv2.resize(source, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC).astype(float)
    drifted += np.linspace(9, -12, width * scale)[None, :, None]
    made = np.clip(drifted, 0, 255).astype(np.uint8)
    wanted = _true_to(source, made)
    assert worst(wanted, made) > 1, "the drift is there to be taken back"
    (found,) = to_frames(true_to(to_tensor([source], CPU, torch.float32), to_tensor([made], CPU, torch.float32)))
    assert worst(found, wanted) <= 1, f"{worst(found, wanted)} levels apart"


def test_pictures_of_a_batch_do_not_touch_each_other() -> None:
    sources, made = [picture(20, 30, n) for n in range(3)], [picture(40, 60, n) for n in range(3, 6)]
    together = true_to(to_tensor(sources, CPU, torch.float32), to_tensor(made, CPU, torch.float32))
    for n in range(3):
        alone = true_to(
            to_tensor(sources[n : n + 1], CPU, torch.float32), to_tensor(made[n : n + 1], CPU, torch.float32)
        )
        assert torch.equal(together[n : n + 1], alone)


def test_half_precision_stays_within_a_level() -> None:
    source, made = picture(36, 64, 1), picture(72, 128, 1)
    wanted = _true_to(source, made)
    (found,) = to_frames(true_to(to_tensor([source], CPU, torch.float16), to_tensor([made], CPU, torch.float16)))
    assert worst(found, wanted) <= 1, f"{worst(found, wanted)} levels apart"


@pytest.mark.parametrize(
    ("height", "width"), [(144, 256), (135, 240), (108, 192), (72, 128), (143, 100), (1, 1), (288, 256), (190, 301)]
)
def test_sizes_are_met_as_opencv_meets_them(height: int, width: int) -> None:
    """Same size, shrunk by whole and by broken factors, one axis alone, and larger than the network could."""
    made = picture(144, 256, 2)
    wanted = np.asarray(cv2.resize(made, (width, height), interpolation=cv2.INTER_AREA))
    (found,) = to_frames(resized(to_tensor([made], CPU, torch.float32), width, height))
    assert found.shape == (height, width, 3)
    assert worst(found, wanted) <= 1, f"{worst(found, wanted)} levels apart at {width}x{height}"


def test_a_source_of_another_shape_is_refused() -> None:
    with pytest.raises(EngineError, match="no whole multiple"):
        true_to(torch.zeros(1, 3, 10, 10), torch.zeros(1, 3, 20, 25))
