"""Stable Video Diffusion as an engine: pictures and settings in, frames out on the device they were made on."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.errors import EngineError, EngineMissing
from models.svd import adapters as lora
from models.svd import checkpoint, compiling, decoding, memory, tasks
from models.svd.loading import DTYPES, Networks, load
from models.svd.numbers import NotFinite, require_finite
from models.svd.settings import Dtype, Picture, Rung, Settings

Progress = Callable[[int, int], None]
"""Network calls done, and of how many; one that is made again counts back."""
Loading = Callable[[torch.device, torch.dtype], Networks]
"""Gives a checkpoint's networks in a number format; asked again where a clip is retried in fp32."""


class Animator:
    """One checkpoint on one device, loaded once for many clips. Not for two threads at a time.

    `source`: a folder in diffusers' layout, or what gives the networks where no file does. `device`: `auto` (CUDA where
    there is any), `cpu`, `cuda` or `cuda:N`. `adapters`: LoRA files and their scales. `compiled` and `cache`: see
    `compiling.prepare`. Raises EngineMissing (WEIGHTS_MISSING, DEVICE_MISSING) and EngineError (DEVICE_UNKNOWN,
    WEIGHTS_BROKEN, ADAPTER_MISMATCH, ADAPTER_BROKEN).

    A clip depends on its pictures and settings alone: every one starts in the precision and at the rung asked for,
    whatever the one before needed. Only a rung that had no room for the same size before is not tried again.
    """

    def __init__(
        self,
        source: str | Loading,
        device: str = "auto",
        dtype: Dtype = "fp32",
        adapters: Sequence[tuple[str, float]] = (),
        *,
        compiled: bool = False,
        cache: str | None = None,
    ) -> None:
        self._load = _loading(Path(source)) if isinstance(source, str) else source
        self.device = _device(device)
        self._compiled, self._cache = compiled, Path(cache) if cache else None
        self._eager_because: str | None = None
        self._dtype: Dtype = dtype
        self._adapters = _files(adapters)
        self._too_big: dict[tuple[Any, ...], set[Rung]] = {}
        self._loaded: tuple[Dtype, Networks] | None = None
        self._ran: dict[str, Any] = {}
        self._networks(dtype)

    def adapt(self, adapters: Sequence[tuple[str, float]]) -> None:
        """Use these adapters from the next clip on, instead of those in use; the weights stay loaded."""
        wanted = _files(adapters)
        if wanted == self._adapters:
            return
        if self._loaded is not None:
            lora.attach(self._loaded[1].unet, wanted)
        self._adapters = wanted

    def frames(self, pictures: Iterator[Picture], settings: Settings, progress: Progress) -> Iterator[Tensor]:
        """The clip's `settings.frames` frames in order: (3, H, W) fp32 in [0, 1], on the device, nothing rounded yet.

        Frames of a window come once all of it is decoded. A window whose latents or frames are not finite is made once
        more in fp32, as is the rest of its clip. Raises what `tasks.windows` raises, OutOfMemory when the ladder ends,
        NotFinite when fp32 did not help.
        """
        levels, start = tasks.course(settings)
        if self.device.type == "cuda":
            both = settings.task != "image" or settings.guidance != (1.0, 1.0)
            compiling.require_attention_batch(settings.width, settings.height, both)
            torch.cuda.reset_peak_memory_stats(self.device)
        self._ran = {
            "dtype": self._dtype,
            "rung": settings.ladder[0],
            "decode_chunk": 0,
            "retried": False,
            "sigma_start": levels[start] if settings.sigma_start > 0 else 0.0,
            "steps": len(levels) - 1 - start,
            "windows": 0,
            "device": _name(self.device),
            "peak_vram_bytes": 0,
            "conditioning_ids": [float(settings.conditioning_fps - 1), settings.motion_bucket, settings.noise_aug],
        }
        dtype = self._dtype
        for window in tasks.windows(pictures, settings):
            retry = False
            made: list[Tensor] = []  # the window before is let go: the next one is not made beside it
            try:
                made = self._window(window, settings, progress, dtype)
            except NotFinite:
                if dtype == "fp32":
                    raise
                retry = True
            if retry:  # outside of the except block: until there, the traceback holds the failed attempt's tensors
                dtype = "fp32"
                self._ran |= {"dtype": dtype, "retried": True}
                made = self._window(window, settings, progress, dtype)
            self._ran["windows"] += 1
            self._ran["compiled"] = self._compiled and self._eager_because is None
            self._ran["eager_because"] = self._eager_because
            if self.device.type == "cuda":
                self._ran["peak_vram_bytes"] = torch.cuda.max_memory_allocated(self.device)
            yield from made[: window.keep]

    def ran(self) -> dict[str, Any]:
        """What ran for the last clip, complete once its frames are all out; plain values.

        `dtype`, `rung` (the lowest that was needed), `decode_chunk` (frames decoded at once), `retried` in fp32 or
        not, `sigma_start` the prior was given
        (0: none), `steps` and `windows`, `device`, `peak_vram_bytes` (0 off CUDA), `conditioning_ids` as they reached
        the network (fps - 1, motion bucket, noise augmentation), `compiled`, and `eager_because` where it was asked for
        and could not be.
        """
        return dict(self._ran)

    def _window(self, window: tasks.Window, settings: Settings, progress: Progress, dtype: Dtype) -> list[Tensor]:
        """The window's frames, all decoded."""
        networks = self._networks(dtype)
        size = (settings.width, settings.height, window.frames, dtype)
        before, total = window.index * tasks.calls_of_window(settings), tasks.calls(settings)

        def sample(rung: Rung) -> Tensor:
            _place(networks, rung)
            done = before

            def told() -> None:
                nonlocal done
                done += 1
                progress(done, total)

            latents = tasks.sample(networks, window, settings, told)
            require_finite(latents, "latents")
            return latents

        def decode(rung: Rung) -> list[Tensor]:
            _place(networks, "offload" if sampled == "offload" else rung)
            self._ran["decode_chunk"] = chunk = memory.chunk_of(rung, window.frames)
            with memory.resident(networks, "vae"):
                return [frame for part in decoding.decode(networks, latents, chunk) for frame in part]

        latents, sampled = memory.climb(
            memory.sampling(settings.ladder),
            sample,
            known_too_big=self._too_big.setdefault(("sample", *size), set()),
            device=self.device,
        )
        # With idle networks out of the way the decoder may have room for many frames at once, and flickers less.
        made, decoded = memory.climb(
            settings.ladder,
            decode,
            known_too_big=self._too_big.setdefault(("decode", sampled, *size), set()),
            device=self.device,
        )
        self._ran["rung"] = max(self._ran["rung"], sampled, decoded, key=settings.ladder.index)
        return made

    def _networks(self, dtype: Dtype) -> Networks:
        """The networks in `dtype`; those in another precision are dropped first, so that only one set takes room."""
        if self._loaded is None or self._loaded[0] != dtype:
            self._loaded = None
            memory.free(self.device)
            networks = self._load(self.device, DTYPES[dtype])
            lora.attach(networks.unet, self._adapters)
            self._eager_because = compiling.prepare(networks, self._compiled, self._cache)
            self._loaded = (dtype, networks)
        return self._loaded[1]


def _place(networks: Networks, rung: Rung) -> None:
    """Have the networks lie where the rung wants them."""
    (memory.park if rung == "offload" else memory.unpark)(networks)


def _loading(folder: Path) -> Loading:
    """From a folder: into main memory first, so that a rung which keeps networks there never has them on the device."""
    return partial(load, checkpoint.require(folder.parent, folder.name), parked=True)


def _files(adapters: Sequence[tuple[str, float]]) -> list[tuple[Path, float]]:
    return [(Path(file), float(scale)) for file, scale in adapters]


def _device(asked: str) -> torch.device:
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = asked.partition(":")
    if kind not in ("cpu", "cuda") or (number and (kind == "cpu" or not number.isdecimal())):
        raise EngineError(f"svd: device: found {asked!r}, wanted auto, cpu, cuda or cuda:N", code="DEVICE_UNKNOWN")
    device = torch.device(kind, int(number or 0)) if kind == "cuda" else torch.device("cpu")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if device.index >= count:
            raise EngineMissing(
                f"svd: {asked} was asked for; this torch ({torch.__version__}) sees {count} CUDA devices",
                remedy="use device: auto, or install a CUDA build of torch and the driver it wants",
                code="DEVICE_MISSING",
            )
    return device


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu ({platform.machine()})"
