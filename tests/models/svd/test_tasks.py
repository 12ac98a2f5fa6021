"""Each task keeps its promise, in latents and in what it asks of its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from models.errors import EngineError  # noqa: E402
from models.svd import checkpoint, sampler, tasks  # noqa: E402
from models.svd.engine import Animator  # noqa: E402
from models.svd.loading import Networks, load  # noqa: E402
from models.svd.schedules import sigmas  # noqa: E402
from models.svd.settings import Picture, Settings  # noqa: E402
from tests.models.svd.clips import nothing, picture, pictures, settings  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture
def networks(checkpoint_of: Callable[[Any], Path]) -> Networks:
    folder = checkpoint_of("a")
    return load(checkpoint.require(folder.parent, folder.name), CPU, torch.float32)


def sampled(networks: Networks, given: list[Picture], clip: Settings) -> list[Any]:
    """Every window's latents; checks that progress is told as often as was said."""
    told: list[int] = []
    latents = [
        tasks.sample(networks, window, clip, lambda: told.append(1)) for window in tasks.windows(iter(given), clip)
    ]
    assert len(told) == tasks.calls(clip)
    return latents


@torch.no_grad()
def encoded(networks: Networks, view: Picture) -> Any:
    """The picture's latent, without any code of ours: (4, h, w)."""
    pixels = torch.tensor(view.rgb).permute(2, 0, 1)[None].float() / 127.5 - 1
    return networks.vae.encode(pixels).latent_dist.mode()[0] * networks.vae.config.scaling_factor


def test_an_inbetween_hits_both_its_pictures(networks: Networks) -> None:
    clip, ends = settings(task="inbetween", frames=5, window=5), pictures(2)
    (latents,) = sampled(networks, ends, clip)
    for frame, view in ((0, ends[0]), (-1, ends[1])):
        torch.testing.assert_close(latents[frame], encoded(networks, view), atol=1e-5, rtol=0)
    (swapped,) = sampled(networks, ends[::-1], clip)
    (other_end,) = sampled(networks, [ends[0], picture(7)], clip)
    assert float((latents[2] - other_end[2]).abs().mean()) > 0.01, "the middle does not know the last picture"
    assert float((latents[2] - swapped[2]).abs().mean()) > 0.01, "the middle does not know which picture is first"


def test_a_step_between_two_pictures_is_the_papers(networks: Networks) -> None:
    """SVD between two pictures, written out once more from the paper's algorithm, with denoisers that are known."""

    class Known:
        def __init__(self, share: float) -> None:
            self.share = share

        def pair(self, x: Any, sigma: float) -> tuple[Any, Any]:
            return 0.3 * x / (1 + sigma), self.share * x / (1 + sigma) + 0.1

    torch.manual_seed(0)
    x, first, last = torch.randn(1, 4, 4, 2, 2), torch.randn(1, 4, 2, 2), torch.randn(1, 4, 2, 2)
    levels = (9.0, 2.0, 0.0)
    fresh = [torch.randn_like(x) for _ in range(2)]
    ways: Any = (Known(0.5), Known(0.7))
    made = sampler.vibid(ways, (first, last), x, levels, fresh.__getitem__, nothing)
    for step, (s, after) in enumerate(((9.0, 2.0), (2.0, 0.0))):
        clean = 0.5 * x / (1 + s) + 0.1
        clean[:, -1] = last
        x = clean + after * (x - 0.3 * x / (1 + s)) / s
        x = x + (s**2 - after**2) ** 0.5 * fresh[step]
        x = torch.flip(x, [1])
        clean = 0.7 * x / (1 + s) + 0.1
        clean[:, -1] = first
        x = clean + after * (x - 0.3 * x / (1 + s)) / s
        x = torch.flip(x, [1])
    torch.testing.assert_close(made[:, 1:-1], x[:, 1:-1])
    assert torch.equal(made[:, 0], first)
    assert torch.equal(made[:, -1], last)


@pytest.mark.parametrize("sigma_start", [0.0, 0.2])
def test_a_loop_leads_back_into_its_first_frame(
    networks: Networks, checkpoint_of: Callable[[Any], Path], sigma_start: float
) -> None:
    clip = settings(task="loop", frames=4, window=5, sigma_start=sigma_start, steps=6)
    given = pictures(4 if sigma_start else 1)
    (latents,) = sampled(networks, given, clip)
    assert len(latents) == 5
    assert torch.equal(latents[0], latents[-1]), "the frame after the last one is not the first"
    frames = torch.stack(list(Animator(str(checkpoint_of("a")), "cpu").frames(iter(given), clip, nothing)))
    assert len(frames) == 4, "the first frame is repeated at the end"
    steps = (frames - frames.roll(-1, 0)).abs().mean(dim=(1, 2, 3))
    print(f"differences between neighbours {[round(float(s), 3) for s in steps]}, the last is the seam")
    assert float(steps[-1]) <= 1.5 * float(steps[:-1].median())


def test_a_camera_path_is_followed_as_closely_as_asked(networks: Networks) -> None:
    """The less noise its prior is given, the nearer the clip stays to the camera's views; all but none: they are it."""
    views = pictures(4)
    path = torch.stack([encoded(networks, view) for view in views])
    away = {}
    for sigma_start in (0.004, 0.3, 3.0, 60.0):
        (latents,) = sampled(networks, views, settings(steps=25, sigma_start=sigma_start))
        away[sigma_start] = float((latents - path).abs().mean())
    print(f"mean distance to the path by sigma_start: {away}")
    assert away[0.004] < 0.02
    assert sorted(away.values()) == list(away.values())
    assert away[60.0] > 20 * away[0.004]


def test_a_prior_is_sampled_from_the_level_nearest_to_it(networks: Networks) -> None:
    clip = settings(steps=25, sigma_start=2.3)
    assert tasks.calls(clip) == 25 - 16
    levels, start = tasks.course(clip)
    assert (start, round(levels[start], 3)) == (16, 2.269)


@pytest.mark.parametrize(("guided", "frames"), [(False, 9), (True, 8), (False, 7), (True, 5)])
def test_a_long_clips_windows_join_at_their_anchors(networks: Networks, guided: bool, frames: int) -> None:
    """Windows of 4: anchors are views 0, 3, 6 ... and the last one."""
    clip = settings(task="long", frames=frames, steps=3, sigma_start=30.0 if guided else 0.0)
    views = pictures(frames)
    made = sampled(networks, views, clip)
    assert sum(len(latents) - 1 for latents in made) + 1 == frames
    for latents, following in pairwise(made):
        assert torch.equal(latents[-1], following[0]), "two windows do not share their anchor"
    anchors = [*range(0, frames - 1, 3), frames - 1]
    ends = [made[0][0], *(latents[-1] for latents in made)]
    for end, view in zip(ends, anchors, strict=True):
        torch.testing.assert_close(end, encoded(networks, views[view]), atol=1e-5, rtol=0)
    if len(made) > 1 and len(made[0]) == len(made[1]):
        assert not torch.equal(made[0][1], made[1][1]), "two windows were given the same noise"


def test_a_long_clip_takes_pictures_as_it_needs_them(checkpoint_of: Callable[[Any], Path]) -> None:
    clip = settings(task="long", frames=10, steps=1)
    taken: list[int] = []

    def given() -> Iterator[Picture]:
        for number in range(10):
            taken.append(number)
            yield picture(number)

    frames = Animator(str(checkpoint_of("a")), "cpu").frames(given(), clip, nothing)
    next(frames)
    assert len(taken) == 4
    assert len(list(frames)) == 9
    assert len(taken) == 10


def test_few_steps_add_fresh_noise_and_end_in_what_the_network_says(networks: Networks) -> None:
    clip = settings(schedule="lcm", steps=4, guidance=(1.0, 1.2))
    (latents,) = sampled(networks, pictures(1), clip)
    (other,) = sampled(networks, pictures(1), settings(schedule="lcm", steps=4, guidance=(1.0, 1.2), seed=4))
    assert latents.shape == (4, 4, 8, 8)
    assert float((latents - other).abs().mean()) > 0.1

    levels = sigmas("lcm", 2)
    fresh = torch.full((1, 1, 4, 1, 1), 0.25)
    made = sampler.lcm(lambda x, _: x / 2, torch.ones(1, 1, 4, 1, 1), levels, lambda _: fresh, nothing)  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(made, torch.full_like(made, (0.5 + levels[1] * 0.25) / 2))


@pytest.mark.parametrize(
    ("changed", "given", "code"),
    [
        ({"width": 72}, 1, "SETTINGS_UNSOUND"),
        ({"frames": 5}, 1, "SETTINGS_UNSOUND"),
        ({"task": "loop", "frames": 4}, 1, "SETTINGS_UNSOUND"),
        ({"task": "inbetween", "sigma_start": 2.0}, 2, "SETTINGS_UNSOUND"),
        ({"task": "long", "frames": 1}, 1, "SETTINGS_UNSOUND"),
        ({"steps": 0}, 1, "SCHEDULE_UNKNOWN"),
        ({}, 0, "PICTURES_MISSING"),
        ({"sigma_start": 2.0}, 3, "PICTURES_MISSING"),
        ({"task": "inbetween"}, 1, "PICTURES_MISSING"),
        ({"width": 128}, 1, "FRAME_SHAPE"),
    ],
)
def test_what_cannot_be_made_is_refused_at_once(
    checkpoint_of: Callable[[Any], Path], changed: dict[str, Any], given: int, code: str
) -> None:
    animator = Animator(str(checkpoint_of("a")), "cpu")
    with pytest.raises(EngineError) as caught:
        next(animator.frames(iter(pictures(given)), settings(**changed), nothing))
    assert caught.value.code == code
