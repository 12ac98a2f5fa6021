"""What is sampled for each task: which pictures a window of frames is made from, and its latents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from models.clip import Frame
from models.errors import EngineError
from models.svd import sampler
from models.svd.conditioning import Condition, condition, latent, noise
from models.svd.denoiser import Denoiser
from models.svd.loading import Networks
from models.svd.memory import resident
from models.svd.schedules import sigmas, start_at
from models.svd.settings import Picture, Settings


@dataclass(frozen=True)
class Window:
    """Frames the network makes at once, and what from."""

    index: int
    first: Frame
    last: Frame | None
    """The picture the last frame must be; None where it is free."""
    guide: tuple[Frame, ...] | None
    """The camera's view for every frame, where sampling starts from them."""
    frames: int
    keep: int
    """The first `keep` frames belong to the clip; one after them starts the next window, or the loop again."""


def windows(pictures: Iterator[Picture], settings: Settings) -> Iterator[Window]:
    """The clip's windows in order, pictures taken as they are needed: memory does not grow with a clip's length.

    Raises EngineError: SETTINGS_UNSOUND, PICTURES_MISSING, FRAME_SHAPE.
    """
    require_sound(settings)
    taken = partial(_take, pictures, settings)
    frames, guided = settings.frames, settings.sigma_start > 0
    if settings.task == "inbetween":
        first, last = taken(2)
        yield Window(0, first, last, None, frames, keep=frames)
    elif settings.task == "long":
        given, at, index = taken(1), 0, 0
        while at < frames - 1:
            gap = min(settings.window - 1, frames - 1 - at)
            given = (given[-1], *taken(gap))
            at += gap
            keep = gap + 1 if at == frames - 1 else gap
            yield Window(index, given[0], given[-1], given if guided else None, gap + 1, keep)
            index += 1
    else:
        given = taken(frames if guided else 1)
        if settings.task == "loop":
            yield Window(0, given[0], given[0], (*given, given[0]) if guided else None, frames + 1, keep=frames)
        else:
            yield Window(0, given[0], None, given if guided else None, frames, keep=frames)


def calls(settings: Settings) -> int:
    """Network calls of the whole clip: what its progress is counted in."""
    gaps = -(-(settings.frames - 1) // (settings.window - 1)) if settings.task == "long" else 1
    return gaps * calls_of_window(settings)


def calls_of_window(settings: Settings) -> int:
    """Network calls of each window: its steps, twice that where it goes both ways."""
    levels, start = course(settings)
    return (len(levels) - 1 - start) * (1 if settings.task == "image" else 2)


def course(settings: Settings) -> tuple[tuple[float, ...], int]:
    """The noise levels of the whole schedule, and the step sampling starts at."""
    levels = sigmas(settings.schedule, settings.steps)
    return levels, start_at(levels, settings.sigma_start)


def sample(networks: Networks, window: Window, settings: Settings, told: sampler.Told) -> Tensor:
    """The window's latents (F, 4, h, w), fp32, scaled. `told` is called `calls_of_window` times.

    All noise comes from the clip's seed and the window's index. Networks that wait in main memory are fetched while
    they are needed.
    """
    levels, start = course(settings)
    with resident(networks, "vae"):  # once for all of them, not for each
        guide = None if window.guide is None else torch.cat([latent(networks, rgb) for rgb in window.guide])
    shape = (1, window.frames, 4, settings.height // networks.factor, settings.width // networks.factor)

    def drawn(purpose: str) -> Tensor:
        return noise(shape, settings.seed, purpose, window.index, networks.device)

    def of_step(step: int) -> Tensor:
        return drawn(f"step {step}")

    x = sampler.pure_noise(drawn("start"), levels)
    if guide is not None:
        x = sampler.prior(guide.unsqueeze(0), drawn("start"), levels[start])
    to_first = _told_of(networks, window.first, settings, window.index, "first")
    if window.last is None:
        denoise = Denoiser(networks, to_first, window.frames, settings.guidance)
        with resident(networks, "unet"):
            if settings.schedule == "lcm":
                return sampler.lcm(denoise, x, levels, of_step, told, start)[0]
            return sampler.euler(denoise, x, levels, told, start)[0]
    loops = window.last is window.first
    to_last = to_first if loops else _told_of(networks, window.last, settings, window.index, "last")
    first = latent(networks, window.first)
    last = first if loops else latent(networks, window.last)
    forwards = Denoiser(networks, to_first, window.frames, pair=True)
    backwards = forwards if loops else Denoiser(networks, to_last, window.frames, pair=True)
    with resident(networks, "unet"):
        return sampler.vibid((forwards, backwards), (first, last), x, levels, of_step, told, start)[0]


def require_sound(settings: Settings) -> None:
    """Raise EngineError SETTINGS_UNSOUND where the settings contradict themselves."""
    least = 1 if settings.task == "image" else 2
    most = {"image": settings.window, "inbetween": settings.window, "loop": settings.window - 1}.get(settings.task)
    wrong = ""
    if settings.width % 64 or settings.height % 64 or min(settings.width, settings.height) < 64:
        wrong = f"a canvas of {settings.width}x{settings.height}; wanted multiples of 64"
    elif settings.frames < least or (most is not None and settings.frames > most):
        wrong = f"{settings.frames} frames of task {settings.task}; wanted {least} to {most or 'any number'}"
    elif settings.window < 2:
        wrong = f"a window of {settings.window} frames; wanted 2 or more"
    elif settings.task == "inbetween" and settings.sigma_start > 0:
        wrong = f"sigma_start {settings.sigma_start:g} between two pictures, where there is no camera path; wanted 0"
    if wrong:
        raise EngineError(
            f"svd: {wrong}",
            remedy="change the item's svd: settings, or use task: long for longer clips",
            code="SETTINGS_UNSOUND",
        )


def _told_of(networks: Networks, rgb: Frame, settings: Settings, window: int, purpose: str) -> Condition:
    return condition(
        networks,
        rgb,
        fps=settings.conditioning_fps,
        bucket=settings.motion_bucket,
        aug=settings.noise_aug,
        seed=settings.seed,
        purpose=purpose,
        window=window,
    )


def _take(pictures: Iterator[Picture], settings: Settings, count: int) -> tuple[Frame, ...]:
    """The next `count` pictures' colours."""
    taken: list[Frame] = []
    wanted = (settings.height, settings.width, 3)
    for _ in range(count):
        picture = next(pictures, None)
        if picture is None:
            raise EngineError(
                f"svd: the pictures ended {count - len(taken)} too early for {settings.frames} frames of task "
                f"{settings.task}",
                code="PICTURES_MISSING",
            )
        if picture.rgb.shape != wanted:
            raise EngineError(f"svd: a picture is {picture.rgb.shape}; wanted {wanted}", code="FRAME_SHAPE")
        taken.append(picture.rgb)
    return tuple(taken)
