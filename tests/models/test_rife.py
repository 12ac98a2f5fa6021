"""The RIFE binding, exactly: a network of eight layers whose answer is known, and the official graph."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from models import rife
from models.clip import Frame
from models.errors import EngineError, EngineMissing
from models.host import hosted
from tests.models.graph.networks import CROSSFADE, OFFICIAL, write_graph


def flat(colour: tuple[int, int, int], height: int = 36, width: int = 70) -> Frame:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.fixture
def crossfade(tmp_path: Path) -> Path:
    write_graph(tmp_path / "rife-v4.6", CROSSFADE)
    return tmp_path


def test_the_time_and_the_channels_are_exact(crossfade: Path) -> None:
    engine = rife.Interpolator(crossfade, device="cpu", threads=1)
    made = engine.between(flat((10, 20, 30)), flat((110, 120, 230)), 0.25)
    assert made.shape == (36, 70, 3)
    assert np.unique(made.reshape(-1, 3), axis=0).tolist() == [[35, 45, 80]]
    assert engine.ran() == {"weights": "unknown", "device": "cpu", "frames": 1}


def test_pixels_stay_in_their_place_and_sizes_may_change(crossfade: Path) -> None:
    engine = rife.Interpolator(crossfade, device="cpu", threads=1)
    random = np.random.default_rng(3)
    for height, width in ((33, 65), (64, 48), (33, 65)):
        a, b = (random.integers(0, 256, (height, width, 3), np.uint8) for _ in range(2))
        exact = a * 0.5 + b * 0.5
        worst = np.abs(engine.between(a, b[:, ::-1][:, ::-1], 0.5) - exact).max()
        assert worst <= 1.0, f"{worst} levels at {width}x{height}"


def test_the_ends_are_the_frames_themselves(crossfade: Path) -> None:
    engine = rife.Interpolator(crossfade, device="cpu", threads=1)
    a, b = flat((1, 2, 3)), flat((4, 5, 6))
    assert engine.between(a, b, 0.0) is a
    assert engine.between(a, b, 1.0) is b
    with pytest.raises(EngineError, match="of one size") as caught:
        engine.between(a, flat((1, 1, 1), 40, 40), 0.5)
    assert caught.value.code == "FRAME_SHAPE"


def test_in_a_child_it_gives_the_same(crossfade: Path) -> None:
    with hosted("models.rife:Interpolator", weights_dir=str(crossfade), device="cpu", threads=1, deadline=60) as engine:
        made = engine.between(flat((10, 20, 30)), flat((110, 120, 230)), 0.25)
        assert made[5, 5].tolist() == [35, 45, 80]


def test_missing_weights_say_where_to_put_them(tmp_path: Path) -> None:
    assert rife.available(tmp_path) is None
    with pytest.raises(EngineMissing) as caught:
        rife.Interpolator(tmp_path)
    assert caught.value.code == "WEIGHTS_MISSING"
    assert str(tmp_path / "rife-v4.6") in caught.value.remedy
    assert "nihui/rife-ncnn-vulkan" in caught.value.remedy
    (tmp_path / "rife-v4.6").mkdir()
    (tmp_path / "rife-v4.6" / "flownet.param").write_text(CROSSFADE)
    assert rife.available(tmp_path) is None, "half of the weights are no weights"


def test_weights_are_named_by_their_content(crossfade: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = rife.available(crossfade)
    assert found is not None
    assert found.name == "unknown"
    assert found.digests()["flownet.param"] == hashlib.sha256(CROSSFADE.encode()).hexdigest()
    empty_blob = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"  # `git hash-object /dev/null`
    assert rife.git_blob_id(found.folder / "flownet.bin") == empty_blob
    monkeypatch.setitem(rife.KNOWN_BLOBS, empty_blob, "nothing at all")
    named = rife.available(crossfade)
    assert named is not None
    assert named.name == "nothing at all"


@pytest.mark.skipif(not OFFICIAL.is_file(), reason=f"the official RIFE 4.6 graph is not at {OFFICIAL}")
def test_the_official_graph_runs(tmp_path: Path) -> None:
    """With random weights it moves nothing sensibly, but it is the real graph: shapes, padding, determinism."""
    assert write_graph(tmp_path / "rife-v4.6", OFFICIAL.read_text(), gain=0.3) == 5_297_760
    engine = rife.Interpolator(tmp_path, device="cpu", threads=2)
    a, b = flat((40, 80, 120), 90, 160), flat((60, 100, 140), 90, 160)
    made = engine.between(a, b, 0.5)
    assert made.shape == a.shape
    np.testing.assert_array_equal(made, engine.between(a, b, 0.5))
    assert 35 < made.mean() < 145, f"a blend of two flat frames has mean {made.mean():.1f}"
