"""SVD, fidelity and Real-ESRGAN in one engine child: frames stay on the device from the decoder to the upscaled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.clip import Frame
from models.drawn import Drawn, Enlarge
from models.enlarge import BATCH, Clock, Enlarger, Fetch, as_tensor, placed, quantised
from models.errors import EngineError
from models.fidelity.recompose import Recompose
from models.fidelity.similarity import IDENTITY, Product
from models.fidelity.track import find, template
from models.svd.engine import Animator, Loading
from models.svd.numbers import Watch
from models.svd.settings import Dtype, Picture, Settings

Progress = Callable[[int, int], None]
Size = tuple[int, int]
"""Width and height in pixels."""


class Generator:
    """One checkpoint on one device, with its adapters; made once, used for many clips.

    As `Animator`; `compiled` is for SVD's networks: Real-ESRGAN runs as it does over a stored master, for the same
    pixels. `weights`: digests of the files as the worker knows them, so that others make another engine.
    Raises EngineMissing, OutOfMemory, EngineError (from `generate` too).
    """

    def __init__(
        self,
        checkpoint: str | Loading,
        device: str = "auto",
        dtype: Dtype = "fp32",
        adapters: Sequence[tuple[str, float]] = (),
        *,
        compiled: bool = False,
        cache: str | None = None,
        weights: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.weights = dict(weights)
        self._animator = Animator(checkpoint, device, dtype, adapters, compiled=compiled, cache=cache)
        self._enlarger = Enlarger(str(self._animator.device))
        self._ran: dict[str, Any] = {}

    def generate(
        self,
        pictures: Iterator[Picture],
        settings: Settings,
        size: Size,
        enlarge: Enlarge | None,
        *,
        moving: bool,
        progress: Progress = lambda done, total: None,
    ) -> Iterator[Drawn]:
        """The frames of one clip: the middle `size` of the canvas, and the same enlarged.

        `pictures` as `settings.task` wants them. `moving`: motion was asked for, so a clip that stands still is a
        fault. Memory does not grow with the clip.
        """
        shown = _Shown(pictures, guided=settings.guided)
        compose = Recompose(settings.fidelity, settings.split_px)
        follow = _Follow(shown.first) if settings.fidelity != "off" and not settings.guided else None
        watch = Watch(_middle(shown.first.rgb, size), moving=moving)
        clip = self._animator.frames(iter(shown), settings, progress)
        clock = Clock(self._animator.device)
        before: _Batch | None = None
        while group := list(islice(clip, BATCH)):
            # What comes next is queued on the device before what came before crosses to the worker.
            batch = self._batch(
                [
                    (frame, _composed(compose, frame, shown.of_next() if follow is None else follow.picture(frame)))
                    for frame in group
                ],
                size,
                enlarge,
                clock,
            )
            if before is not None:
                yield from before.drawn(watch)
            before = batch
        if before is not None:
            yield from before.drawn(watch)
        watch.verdict()
        self._ran = self._animator.ran()
        if enlarge:
            upscaled = self._enlarger.upscaler(enlarge).ran()
            self._ran["upscale"] = {**upscaled, "frames": settings.frames, "seconds": round(clock.seconds(), 3)}

    def _batch(
        self, pairs: Sequence[tuple[Tensor, Tensor]], size: Size, enlarge: Enlarge | None, clock: Clock
    ) -> _Batch:
        """Frames as drawn and as composed, quantised, enlarged, and on their way to the host."""
        raws, masters = (quantised(_middle_of(torch.stack(frames), size)) for frames in zip(*pairs, strict=True))
        if enlarge is None:
            return _Batch(Fetch(raws), Fetch(masters), None)
        with clock.running():
            larger = self._enlarger.batch(masters, enlarge)
        return _Batch(Fetch(raws), Fetch(masters), Fetch(larger))

    def ran(self) -> Mapping[str, Any]:
        """What the last whole clip really ran with."""
        return self._ran


@dataclass(frozen=True)
class _Batch:
    raws: Fetch
    masters: Fetch
    mezzanines: Fetch | None

    def drawn(self, watch: Watch) -> Iterator[Drawn]:
        """The frames, each looked at as the network drew it."""
        raws, masters = self.raws.frames(), self.masters.frames()
        larger = self.mezzanines.frames() if self.mezzanines else [None] * len(raws)
        for frame in map(Drawn, raws, masters, larger):
            watch.look(frame.raw)
            yield frame


class _Shown:
    """The pictures on their way to the sampler, each remembered until the frame it belongs to comes out.

    `guided`: there is one picture per frame.
    """

    def __init__(self, pictures: Iterator[Picture], *, guided: bool) -> None:
        first = next(pictures, None)
        if first is None:
            raise EngineError("svd: no picture was given, wanted at least the still", code="PICTURES_MISSING")
        self.first = first
        self._rest, self._guided = pictures, guided
        self._waiting: deque[Picture] = deque()

    def __iter__(self) -> Iterator[Picture]:
        yield self._kept(self.first)
        yield from map(self._kept, self._rest)

    def _kept(self, picture: Picture) -> Picture:
        if self._guided:
            self._waiting.append(picture)
        return picture

    def of_next(self) -> Picture | None:
        """The picture of the frame that comes out next, if it has one of its own."""
        return self._waiting.popleft() if self._guided else None


class _Follow:
    """Where the product went in a clip that no path commands: found in every frame, and its original laid there."""

    def __init__(self, still: Picture) -> None:
        self._product = self._template = None
        if still.matte is not None:
            self._product, self._template = Product(still.rgb, still.matte), template(still.rgb, still.matte)
        self._last, self._frames = IDENTITY, 0

    def picture(self, frame: Tensor) -> Picture | None:
        """The original as it would stand in `frame` (3, H, W); None where nothing tells the product apart.

        Raises EngineError FIDELITY_DRIFT where it was bent or lost: there is no place to lay it.
        """
        if self._product is None or self._template is None:
            return None
        self._last = find(self._template, Fetch(quantised(frame)[None]).frames()[0], self._last)
        if not self._last.trackable(frame.shape[-1]):
            raise EngineError(
                f"svd: in frame {self._frames} the product is not where its original could be laid: bent or lost",
                remedy="use svd.task: camera, svd.fidelity: off, or engine: camera",
                code="FIDELITY_DRIFT",
            )
        self._frames += 1
        return Picture(*self._product.warp(self._last))


def _composed(compose: Recompose, frame: Tensor, picture: Picture | None) -> Tensor:
    """`frame` (3, H, W) with the product of its own picture laid back over it."""
    if picture is None or picture.matte is None or compose.fidelity == "off":
        return frame
    warped = placed(as_tensor([picture.rgb])[0], frame.device).to(torch.float32) / 255
    matte = placed(torch.from_numpy(picture.matte[None]), frame.device).to(torch.float32) / 255
    return compose.frame(frame, warped, matte)


def _middle_of(frames: Tensor, size: Size) -> Tensor:
    width, height = size
    top, left = (frames.shape[-2] - height) // 2, (frames.shape[-1] - width) // 2
    return frames[..., top : top + height, left : left + width]


def _middle(frame: Frame, size: Size) -> Frame:
    width, height = size
    top, left = (frame.shape[0] - height) // 2, (frame.shape[1] - width) // 2
    return np.ascontiguousarray(frame[top : top + height, left : left + width])
