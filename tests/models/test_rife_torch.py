"""RIFE in torch: the binding's frames, at odd sizes and several times at once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models import rife
from models.clip import Frame
from models.errors import EngineError, OutOfMemory
from models.host import hosted
from tests.models.graph.networks import CROSSFADE, OFFICIAL, PHOTO, write_graph

torch = pytest.importorskip("torch", reason="torch comes with the extra `gpu`")

from models.rife.network import Interpolator  # noqa: E402


def flat(colour: tuple[int, int, int], height: int = 36, width: int = 70) -> Frame:
    return np.full((height, width, 3), colour, np.uint8)


def pair(height: int, width: int) -> tuple[Frame, Frame]:
    """Two crops of one picture, 5 px right and 4 px down of each other: a photo where there is one, else drawn."""
    if PHOTO.is_file():
        whole = cv2.cvtColor(cv2.imread(str(PHOTO)), cv2.COLOR_BGR2RGB)[396:, 345:]
    else:
        noise = np.random.default_rng(2).integers(0, 256, (height + 8, width + 8, 3)).astype(np.uint8)
        whole = cv2.GaussianBlur(noise, (0, 0), 2.0) * 3
    return np.ascontiguousarray(whole[4 : height + 4, 5 : width + 5]), np.ascontiguousarray(whole[:height, :width])


@pytest.fixture
def crossfade(tmp_path: Path) -> Path:
    write_graph(tmp_path / "rife-v4.6", CROSSFADE)
    return tmp_path


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not OFFICIAL.is_file():
        pytest.skip(f"the official RIFE 4.6 graph is not at {OFFICIAL}")
    root = tmp_path_factory.mktemp("weights")
    assert write_graph(root / "rife-v4.6", OFFICIAL.read_text()) == 5_297_760
    return root


def test_the_crossfade_is_exact(crossfade: Path) -> None:
    engine = Interpolator(crossfade, device="cpu")
    a, b = flat((10, 20, 30)), flat((110, 120, 230))
    made = engine.between(a, b, 0.25)
    assert made.shape == a.shape
    assert np.unique(made.reshape(-1, 3), axis=0).tolist() == [[35, 45, 80]]
    assert engine.ran() == {
        "weights": "unknown", "device": "cpu", "dtype": "fp32", "at_once": 1, "compiled": 0, "frames": 1
    }  # fmt: skip


@pytest.mark.parametrize(("height", "width"), [(141, 250), (96, 128), (33, 65)])
def test_the_official_graph_is_the_bindings(official: Path, height: int, width: int) -> None:
    a, b = pair(height, width)
    binding, ours = rife.Interpolator(official, device="cpu", threads=2), Interpolator(official, device="cpu")
    for t in (0.2, 0.5, 0.7):
        wanted, found = binding.between(a, b, t), ours.between(a, b, t)
        db, levels = float(cv2.PSNR(found, wanted)), int(np.abs(found.astype(int) - wanted).max())
        blend = float(cv2.PSNR(wanted, np.asarray(a * (1 - t) + b * t).astype(np.uint8)))
        print(f"{width}x{height} t={t}: {db:.1f} dB, max difference {levels}, plain blend {blend:.1f} dB")
        assert blend < 35, f"the weights move nothing: {blend:.1f} dB from a plain blend"
        assert db >= 70 and levels <= 2, f"{db:.1f} dB, max difference {levels} at {width}x{height}, t={t}"


def test_several_moments_at_once_are_those_alone(official: Path) -> None:
    a, b = pair(40, 60)
    engine = Interpolator(official, device="cpu")
    alone = [engine.between(a, b, t) for t in (0.25, 0.5, 0.75)]
    together = engine.between_many(a, b, (0.0, 0.25, 0.5, 0.75, 1.0))
    assert together[0] is a and together[4] is b
    for one, other in zip(alone, together[1:4], strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
    assert engine.ran()["at_once"] == 3 and engine.ran()["frames"] == 6
    x, y = (torch.from_numpy(frame).permute(2, 0, 1).double() / 255 for frame in (a, b))
    made = engine.moments(x, y, (0.25, 0.5))
    assert made.shape == (2, 3, 40, 60) and made.dtype == torch.float64
    assert np.abs(made[1].permute(1, 2, 0).numpy() * 255 - alone[1]).max() <= 1


def test_a_frame_shared_by_two_pairs_is_sent_once(crossfade: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Interpolator(crossfade, device="cpu")
    sent: list[int] = []
    whole = torch.from_numpy

    def counted(array: np.ndarray) -> torch.Tensor:
        sent.append(array.nbytes)
        return whole(array)

    monkeypatch.setattr(torch, "from_numpy", counted)
    a, b, c = flat((0, 0, 0)), flat((100, 100, 100)), flat((200, 200, 200))
    values = [engine.between(*each)[0, 0, 0] for each in ((a, b, 0.25), (a, b, 0.5), (b, c, 0.5), (c, a, 0.5))]
    assert values == [25, 50, 150, 100]
    assert len(sent) == 4, "a and b; c; and a again, which had been let go"


def test_when_memory_runs_out_fewer_moments(crossfade: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Interpolator(crossfade, device="cpu")
    real, most = engine._network, 2

    def limited(*inputs: torch.Tensor) -> torch.Tensor:
        if len(inputs[2]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(*inputs)

    monkeypatch.setattr(engine, "_network", limited)
    made = engine.between_many(flat((0, 0, 0)), flat((100, 100, 100)), (0.2, 0.4, 0.6, 0.8))
    assert [frame[0, 0, 0] for frame in made] == [20, 40, 60, 80]
    assert engine.ran()["at_once"] == 2
    most = 0
    with pytest.raises(OutOfMemory, match="moments at once"):
        engine.between(flat((0, 0, 0)), flat((100, 100, 100)), 0.5)


def test_what_cannot_be_is_refused(crossfade: Path) -> None:
    engine = Interpolator(crossfade, device="cpu")
    with pytest.raises(EngineError, match="of one size"):
        engine.between(flat((1, 2, 3)), flat((1, 2, 3), 40, 40), 0.5)
    with pytest.raises(EngineError, match=r"times in 0\.\.1"):
        engine.moments(torch.zeros(3, 8, 8), torch.zeros(3, 8, 8), (0.5, 1.0))
    with pytest.raises(EngineError, match="bf16 is too coarse"):
        Interpolator(crossfade, device="cpu", dtype="bf16")


def test_it_lives_in_a_child(crossfade: Path) -> None:
    with hosted("models.rife.network:Interpolator", weights_dir=str(crossfade), device="cpu", deadline=60) as engine:
        made = engine.between_many(flat((10, 20, 30)), flat((110, 120, 230)), (0.25, 0.5))
    assert [frame[5, 5].tolist() for frame in made] == [[35, 45, 80], [60, 70, 130]]


def test_versions_name_what_changes_pixels() -> None:
    assert set(rife.versions("torch")) == {"torch", "graph"}
    assert rife.versions() == rife.versions("ncnn") == {"rife-ncnn-vulkan-python-tntwise": "1.4.5"}
