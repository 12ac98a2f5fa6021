"""Against diffusers' own pipeline, given the same noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
from diffusers.pipelines.stable_video_diffusion import pipeline_stable_video_diffusion as stock_module  # noqa: E402
from PIL import Image  # noqa: E402

from models.svd import checkpoint, sampler, tasks  # noqa: E402
from models.svd.conditioning import condition, embed, latent, noise, tensor_of  # noqa: E402
from models.svd.denoiser import Denoiser  # noqa: E402
from models.svd.engine import Animator  # noqa: E402
from models.svd.loading import load  # noqa: E402
from models.svd.schedules import sigmas  # noqa: E402
from tests.models.svd.clips import nothing, picture, settings  # noqa: E402

CPU = torch.device("cpu")
CLOSE = 1e-4
"""Largest difference allowed in fp32: of latents about as large as 5, and of pixels in [0, 1]."""


def stock_pipeline(folder: Path) -> Any:
    pipeline = stock_module.StableVideoDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@contextmanager
def our_noise(monkeypatch: pytest.MonkeyPatch, seed: int) -> Iterator[None]:
    """The stock pipeline draws the noise on its picture from where we draw ours."""
    with monkeypatch.context() as patch:
        patch.setattr(stock_module, "randn_tensor", lambda shape, **_: noise(tuple(shape), seed, "aug first", 0, CPU))
        yield


def arguments(clip: Any) -> dict[str, Any]:
    shape = (1, clip.frames, 4, clip.height // 8, clip.width // 8)
    return {
        "image": Image.fromarray(picture(0, clip.width, clip.height).rgb),
        "width": clip.width,
        "height": clip.height,
        "num_frames": clip.frames,
        "num_inference_steps": clip.steps,
        "min_guidance_scale": clip.guidance[0],
        "max_guidance_scale": clip.guidance[1],
        "fps": clip.conditioning_fps,
        "motion_bucket_id": clip.motion_bucket,
        "noise_aug_strength": clip.noise_aug,
        "latents": noise(shape, clip.seed, "start", 0, CPU),
    }


@pytest.mark.parametrize(
    ("architecture", "changed"),
    [
        ("a", {"frames": 3, "steps": 25}),
        ("a", {"frames": 4, "steps": 10, "schedule": "align-your-steps", "motion_bucket": 40, "conditioning_fps": 24}),
        ("b", {"frames": 14, "steps": 4, "guidance": (1.0, 2.5)}),
        ("b", {"frames": 4, "steps": 8, "guidance": (1.0, 1.0), "noise_aug": 0.3}),
        ("c", {"frames": 25, "steps": 4, "guidance": (1.5, 3.0), "width": 128}),
        ("c", {"frames": 6, "steps": 5, "height": 128}),
    ],
)
def test_euler_equals_the_stock_pipeline(
    checkpoint_of: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch, architecture: str, changed: dict[str, Any]
) -> None:
    """Latents and decoded frames: three architectures, 3 to 25 frames, with and without guidance.

    From 4 steps on: the stock step subtracts numbers of about 2000 from each other, whose rounding (1e-4) only further
    steps wear down; ours does not.
    """
    folder = checkpoint_of(architecture)
    clip = settings(window=25, **changed)
    animator = Animator(str(folder), "cpu")
    view = picture(0, clip.width, clip.height)
    frames = torch.stack(list(animator.frames(iter([view]), clip, nothing)))
    (window,) = tasks.windows(iter([view]), clip)
    latents = tasks.sample(
        load(checkpoint.require(folder.parent, folder.name), CPU, torch.float32), window, clip, nothing
    )

    pipeline, given = stock_pipeline(folder), arguments(clip)
    if clip.schedule != "karras":
        given["sigmas"] = list(sigmas(clip.schedule, clip.steps))
    states: list[Any] = []
    with our_noise(monkeypatch, clip.seed):
        stock = pipeline(
            **given,
            output_type="pt",
            callback_on_step_end=lambda _p, _i, _t, kept: states.append(kept["latents"]) or kept,
        ).frames[0]
    assert len(states) == clip.steps
    in_latents = float((latents - states[-1][0]).abs().max())
    in_pixels = float((frames - stock).abs().max())
    print(f"{architecture} {changed}: latents {in_latents:.1e}, pixels {in_pixels:.1e}")
    assert frames.shape == stock.shape
    assert float(latents.std(0).mean()) > 0.1, "the clip does not move: equal clips would prove nothing"
    assert in_latents < CLOSE
    assert in_pixels < CLOSE


@pytest.mark.parametrize(("architecture", "step"), [("a", 3), ("b", 5), ("c", 7)])
def test_resumes_mid_schedule_as_the_stock_pipeline_does(
    checkpoint_of: Callable[[Any], Path], monkeypatch: pytest.MonkeyPatch, architecture: str, step: int
) -> None:
    """The stock pipeline takes x_k divided by what it multiplies with, and the rest of the schedule with its 0."""
    folder = checkpoint_of(architecture)
    clip = settings(steps=10, frames=3, width=128)
    networks = load(checkpoint.require(folder.parent, folder.name), CPU, torch.float32)
    levels = sigmas("karras", clip.steps)
    told = condition(
        networks, picture(0, 128).rgb, fps=7, bucket=127, aug=0.02, seed=clip.seed, purpose="first", window=0
    )
    denoise = Denoiser(networks, told, clip.frames, clip.guidance)
    given = arguments(clip)
    x = sampler.prior(latent(networks, picture(1, 128).rgb).unsqueeze(0), given["latents"], levels[step])
    ours = sampler.euler(denoise, x, levels, nothing, step)

    given |= {"sigmas": list(levels[step:]), "latents": x / (levels[step] ** 2 + 1) ** 0.5}
    with our_noise(monkeypatch, clip.seed):
        stock = stock_pipeline(folder)(**given, output_type="latent").frames
    difference = float((ours - stock).abs().max())
    print(f"{architecture} from step {step}: {difference:.1e}")
    assert difference < CLOSE

    whole = sampler.pure_noise(given["latents"], levels)
    seen = []
    straight = sampler.euler(denoise, whole, levels, nothing)
    first = sampler.euler(denoise, whole, levels[: step + 1], lambda: seen.append(1))
    assert len(seen) == step
    assert torch.equal(sampler.euler(denoise, first, levels, nothing, step), straight), "stopping changed the result"


@pytest.mark.parametrize("size", [(64, 64), (1024, 576), (576, 1024), (768, 768)])
def test_clip_sees_what_the_stock_pipeline_shows_it(
    checkpoint_of: Callable[[Any], Path], size: tuple[int, int]
) -> None:
    folder = checkpoint_of("b")
    networks = load(checkpoint.require(folder.parent, folder.name), CPU, torch.float32)
    view = picture(2, *size)
    stock = stock_pipeline(folder)._encode_image(Image.fromarray(view.rgb), CPU, 1, False)
    difference = float((embed(networks, tensor_of(view.rgb)) - stock).abs().max())
    print(f"{size}: {difference:.1e} of {float(stock.abs().max()):.1f}")
    assert difference < 1e-5 * float(stock.abs().max())


def test_guidance_rises_from_the_first_frame_to_the_last(checkpoint_of: Callable[[Any], Path]) -> None:
    folder = checkpoint_of("a")
    networks = load(checkpoint.require(folder.parent, folder.name), CPU, torch.float32)
    told = condition(networks, picture().rgb, fps=7, bucket=127, aug=0.0, seed=1, purpose="first", window=0)
    x = 5.0 * noise((1, 5, 4, 8, 8), 1, "start", 0, CPU)
    without, with_ = Denoiser(networks, told, 5, pair=True).pair(x, 5.0)
    guided = Denoiser(networks, told, 5, (1.0, 3.0))(x, 5.0)
    assert float((with_ - without).abs().mean()) > 0.01, "the condition changes nothing"
    for frame, weight in enumerate((1.0, 1.5, 2.0, 2.5, 3.0)):
        expected = without[:, frame] + weight * (with_ - without)[:, frame]
        torch.testing.assert_close(guided[:, frame], expected)
    single = Denoiser(networks, told, 5, (1.0, 1.0))(x, 5.0)
    torch.testing.assert_close(single, with_, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_half_precision_comes_close(checkpoint_of: Callable[[Any], Path]) -> None:
    """bf16 on the CPU: the same clip, give or take what 8 bits of mantissa lose in a few steps."""
    folder, clip = checkpoint_of("a"), settings(frames=2, steps=3, guidance=(1.0, 1.5))

    def made(dtype: Any) -> Any:
        return torch.stack(list(Animator(str(folder), "cpu", dtype).frames(iter([picture()]), clip, nothing)))

    whole, half = made("fp32"), made("bf16")
    error = float((whole - half).square().mean().sqrt())
    print(f"bf16 differs by {error:.4f} rms; the clip's own deviation is {float(whole.std()):.3f}")
    assert 0 < error < 0.1 * float(whole.std())
