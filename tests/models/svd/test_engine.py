"""The engine: same clip, same bytes; numbers and memory that run out; what it says it ran."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from models.errors import EngineError, EngineMissing, OutOfMemory  # noqa: E402
from models.svd import decoding, tasks  # noqa: E402
from models.svd.engine import Animator  # noqa: E402
from models.svd.numbers import NotFinite  # noqa: E402
from models.svd.settings import LADDER, Picture, Settings  # noqa: E402
from tests.models.svd.clips import nothing, pictures, settings  # noqa: E402

ROOT = Path(__file__).parents[3]
CLIPS: tuple[tuple[Settings, int], ...] = (
    (settings(frames=3, steps=2, seed=11), 1),
    (settings(task="loop", frames=2, steps=1, seed=12), 1),
    (settings(task="long", frames=5, window=3, steps=2, sigma_start=20.0, seed=13), 5),
    (settings(frames=3, schedule="lcm", seed=14, sigma_start=5.0), 3),
)
"""Settings, and how many pictures they want."""


def made(animator: Animator, clip: Settings, given: Sequence[Picture]) -> Any:
    return torch.stack(list(animator.frames(iter(given), clip, nothing)))


def digest(animator: Animator, number: int) -> str:
    clip, count = CLIPS[number]
    return hashlib.sha256(made(animator, clip, pictures(count)).numpy().tobytes()).hexdigest()


def alone(folder: str) -> None:
    """Print the digest of every clip, each by an engine of its own. Run in another process."""
    torch.set_num_threads(1)
    print(*(digest(Animator(folder, "cpu"), number) for number in range(len(CLIPS))))


@pytest.mark.slow
def test_a_clip_is_the_same_alone_in_company_in_any_order_and_in_another_process(
    checkpoint_of: Callable[[Any], Path],
) -> None:
    folder = str(checkpoint_of("a"))
    code = f"from tests.models.svd.test_engine import alone; alone({folder!r})"
    other = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    batch, backwards = Animator(folder, "cpu"), Animator(folder, "cpu")
    in_batch = [digest(batch, number) for number in range(4)]
    in_reverse = [digest(backwards, number) for number in (3, 2, 1, 0)][::-1]
    told, _ = other.communicate(timeout=200)
    assert other.returncode == 0
    assert len(set(in_batch)) == 4
    assert in_reverse == in_batch
    assert told.split() == in_batch


def test_frames_are_pictures_and_move(checkpoint_of: Callable[[Any], Path]) -> None:
    progress: list[tuple[int, int]] = []
    animator = Animator(str(checkpoint_of("b")), "auto" if not torch.cuda.is_available() else "cpu")
    clip = settings(frames=3, width=128)
    frames = torch.stack(list(animator.frames(iter(pictures_of(clip)), clip, lambda *at: progress.append(at))))
    assert (frames.shape, frames.dtype) == ((3, 3, 64, 128), torch.float32)
    assert float(frames.min()) >= 0
    assert float(frames.max()) <= 1
    assert float(frames.std(0).mean()) > 0.02
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    ran = animator.ran()
    assert ran["conditioning_ids"] == [6.0, 127, 0.02]
    assert (ran["dtype"], ran["rung"], ran["retried"], ran["steps"], ran["windows"]) == (
        "fp32",
        "decode_25",
        False,
        4,
        1,
    )
    assert ran["sigma_start"] == 0.0
    assert ran["peak_vram_bytes"] == 0


def pictures_of(clip: Settings) -> list[Picture]:
    from tests.models.svd.clips import picture

    return [picture(0, clip.width, clip.height)]


def test_what_ran_names_the_noise_the_prior_was_given(checkpoint_of: Callable[[Any], Path]) -> None:
    animator = Animator(str(checkpoint_of("a")), "cpu")
    made(animator, settings(steps=25, sigma_start=0.7), pictures(4))
    assert animator.ran()["sigma_start"] == pytest.approx(0.678, abs=1e-3)
    assert animator.ran()["steps"] == 7


@pytest.mark.slow  # bf16 is emulated on most CPUs
@pytest.mark.parametrize("where", ["latents", "frames"])
def test_what_is_not_finite_is_made_once_more_in_fp32(
    checkpoint_of: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Half precision that overflows: the clip is fp32's, byte for byte, and the next one starts in half again."""
    folder, clip = str(checkpoint_of("a")), settings(frames=2, steps=1, guidance=(1.0, 1.0))
    wanted = made(Animator(folder, "cpu"), clip, pictures(1))
    animator = Animator(folder, "cpu", "bf16")
    fine = made(animator, clip, pictures(1))
    with monkeypatch.context() as patch:
        if where == "latents":
            real = tasks.sample
            patch.setattr(
                tasks,
                "sample",
                lambda networks, *rest: real(networks, *rest) * (1 if networks.dtype == torch.float32 else torch.inf),
            )
        else:
            weight = animator._networks("bf16").vae.decoder.conv_out.weight
            patch.setattr(weight, "data", weight.data * torch.inf)
        retried = made(animator, clip, pictures(1))
        ran = animator.ran()
    assert torch.equal(retried, wanted)
    assert (ran["dtype"], ran["retried"]) == ("fp32", True)
    assert torch.equal(made(animator, clip, pictures(1)), fine)
    assert (animator.ran()["dtype"], animator.ran()["retried"]) == ("bf16", False)


def test_what_is_not_finite_in_fp32_either_fails(
    checkpoint_of: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    animator, real, attempts = Animator(str(checkpoint_of("a")), "cpu", "bf16"), tasks.sample, []

    def broken(networks: Any, *rest: Any) -> Any:
        attempts.append(networks.dtype)
        return real(networks, *rest) * torch.nan

    monkeypatch.setattr(tasks, "sample", broken)
    with pytest.raises(NotFinite):
        made(animator, settings(frames=2, steps=1, guidance=(1.0, 1.0)), pictures(1))
    assert attempts == [torch.bfloat16, torch.float32]


def test_memory_that_runs_out_steps_down_and_is_remembered(
    checkpoint_of: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, clip = str(checkpoint_of("a")), settings(steps=2)
    wanted = made(Animator(folder, "cpu"), settings(steps=2, ladder=("decode_2",)), pictures(1))
    animator, real, tried = Animator(folder, "cpu"), decoding.decode, []

    def small(networks: Any, latents: Any, chunk: int) -> Any:
        tried.append(chunk)
        if chunk > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(networks, latents, chunk)

    monkeypatch.setattr(decoding, "decode", small)
    assert torch.equal(made(animator, clip, pictures(1)), wanted)
    assert animator.ran()["rung"] == "decode_2"
    first = list(tried)
    tried.clear()
    assert torch.equal(made(animator, clip, pictures(1)), wanted)
    assert (first[0], first[-1], tried) == (4, 2, [2])
    monkeypatch.setattr(decoding, "decode", real)
    made(animator, settings(steps=2, frames=3), pictures(1))
    assert animator.ran()["rung"] == "decode_25", "another size was never tried"


def test_sampling_without_room_goes_straight_to_offload(
    checkpoint_of: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    animator, real, attempts = Animator(str(checkpoint_of("a")), "cpu"), tasks.sample, []

    def full(*given: Any) -> Any:
        attempts.append(1)
        if len(attempts) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(*given)

    monkeypatch.setattr(tasks, "sample", full)
    assert len(made(animator, settings(steps=1), pictures(1))) == 4
    assert (animator.ran()["rung"], len(attempts)) == ("offload", 2)
    attempts.clear()
    with pytest.raises(OutOfMemory):
        made(animator, settings(steps=1, frames=3, ladder=LADDER[:-1]), pictures(1))


def test_a_damaged_checkpoint_says_which_part(checkpoint_of: Callable[[Any], Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from tests.svd_checkpoints import tiny_checkpoint

    folder = tiny_checkpoint(tmp_path / "svd")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole = file.read_bytes()
    tensors = load_file(file)
    del tensors["conv_out.weight"]
    save_file(tensors, file)
    lacking = file.read_bytes()
    for damaged in (lacking, whole[: len(whole) // 2], b"not a checkpoint at all"):
        file.write_bytes(damaged)
        with pytest.raises(EngineError, match=r"svd/unet|diffusion_pytorch_model") as caught:
            Animator(str(folder), "cpu")
        assert caught.value.code == "WEIGHTS_BROKEN"


def test_a_device_that_is_not_there_is_named(checkpoint_of: Callable[[Any], Path]) -> None:
    with pytest.raises(EngineMissing) as missing:
        Animator(str(checkpoint_of("a")), "cuda:99")
    assert missing.value.code == "DEVICE_MISSING"
    with pytest.raises(EngineError) as unknown:
        Animator(str(checkpoint_of("a")), "gpu")
    assert unknown.value.code == "DEVICE_UNKNOWN"


def test_nothing_brings_torchvision(checkpoint_of: Callable[[Any], Path]) -> None:
    made(Animator(str(checkpoint_of("a")), "cpu"), settings(steps=1, frames=2), pictures(1))
    assert "torchvision" not in sys.modules
