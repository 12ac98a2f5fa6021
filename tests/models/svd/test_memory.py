from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
from models.errors import DeviceLost, EngineError, OutOfMemory  # noqa: E402
from models.svd import checkpoint, memory  # noqa: E402
from models.svd.decoding import decode  # noqa: E402
from models.svd.loading import load  # noqa: E402
from models.svd.settings import LADDER, Rung  # noqa: E402
from tests.svd_checkpoints import tiny_checkpoint  # noqa: E402

CPU = torch.device("cpu")
NO_ROOM: dict[str, Callable[[], BaseException]] = {
    "torch": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB."),
    "torch.cuda": lambda: torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB."),
    "driver": lambda: RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later"),
    "cublas": lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "cudnn 8": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    "cudnn 9": lambda: RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    "cpu": lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"),
    "python": MemoryError,
    "engine": lambda: OutOfMemory("realesrgan: no room"),
}
OTHER: dict[str, BaseException] = {
    "assert": RuntimeError("CUDA error: device-side assert triggered"),
    "access": RuntimeError("CUDA error: an illegal memory access was encountered"),
    "lost": DeviceLost("its log's tail says: out of memory"),
    "value": ValueError("out of memory"),
}


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tiny_checkpoint(tmp_path_factory.mktemp("weights") / "tiny")
    return load(checkpoint.require(folder.parent, folder.name), CPU, torch.float32)


@pytest.mark.parametrize("name", NO_ROOM)
def test_knows_no_room_when_it_sees_it(name: str) -> None:
    assert memory.is_out_of_memory(NO_ROOM[name]())


def test_an_allocation_that_really_fails_is_known() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**60, dtype=torch.uint8)
    assert memory.is_out_of_memory(refused.value)


@pytest.mark.parametrize("name", OTHER)
def test_any_other_error_goes_straight_up(name: str) -> None:
    tried: list[Rung] = []

    def work(rung: Rung) -> None:
        tried.append(rung)
        raise OTHER[name]

    with pytest.raises(type(OTHER[name])) as raised:
        memory.climb(LADDER, work)
    assert raised.value is OTHER[name] and tried == ["decode_25"]


def test_a_rung_is_so_many_frames_at_once() -> None:
    assert [memory.chunk_of(rung, 25) for rung in LADDER] == [25, 8, 4, 2, 1, 1]
    assert [memory.chunk_of(rung, 5) for rung in LADDER] == [5, 5, 4, 2, 1, 1]


def test_sampling_skips_rungs_that_change_nothing_for_it() -> None:
    assert memory.sampling(LADDER) == ("decode_25", "offload")
    assert memory.sampling(("decode_8", "decode_4")) == ("decode_8",)


@pytest.mark.parametrize("fits", range(len(LADDER)))
def test_each_rung_gives_what_it_gives_alone(networks: Any, fits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks above what fits raise what torch raises; `offload` is tried when nothing parked fits either."""
    latents = torch.randn(10, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    order: list[Rung] = []
    recovered: list[Rung] = []

    def work(rung: Rung) -> Any:
        order.append(rung)
        return torch.cat(list(decode(networks, latents, memory.chunk_of(rung, len(latents)))))

    alone = work(LADDER[fits])
    order.clear()
    real, most = networks.vae.decode, memory.chunk_of(LADDER[fits], len(latents))

    def crowded(part: Any, num_frames: int) -> Any:
        if num_frames > most or (LADDER[fits] == "offload" and order[-1] != "offload"):
            raise NO_ROOM["torch"]()
        return real(part, num_frames=num_frames)

    monkeypatch.setattr(networks.vae, "decode", crowded)
    known: set[Rung] = set()
    made, rung = memory.climb(LADDER, work, recovered.append, known)
    assert order == list(LADDER[: fits + 1]) and recovered == order[1:]
    assert rung == LADDER[fits] and known == set(LADDER[:fits])
    assert torch.equal(made, alone)


def test_nothing_of_the_failed_attempt_is_held_when_the_next_begins() -> None:
    held: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def work(rung: Rung) -> str:
        gc.disable()  # what is freed must be freed by the ladder, not by luck
        alive.append(sum(reference() is not None for reference in held))
        big = torch.zeros(1000)
        circle: list[Any] = [torch.zeros(1000)]
        circle.append(circle)
        held.extend((weakref.ref(big), weakref.ref(circle[0])))
        if rung != "decode_2":
            try:
                raise NO_ROOM["torch"]()
            except RuntimeError as error:
                circle.append(error)  # as a library that keeps the error it re-raises does
                raise
        return "done"

    try:
        assert memory.climb(LADDER, work) == ("done", "decode_2")
    finally:
        gc.enable()
    assert alive == [0, 0, 0, 0]


def test_what_had_no_room_before_is_not_tried_again() -> None:
    order: list[Rung] = []

    def work(rung: Rung) -> int:
        order.append(rung)
        if rung == "decode_4":
            raise NO_ROOM["torch"]()
        return 1

    known: set[Rung] = {"decode_25", "decode_8"}
    assert memory.climb(LADDER, work, known_too_big=known) == (1, "decode_2")
    assert order == ["decode_4", "decode_2"] and known == {"decode_25", "decode_8", "decode_4"}


def test_the_last_rung_is_tried_however_little_hope_there_is() -> None:
    assert (
        memory.climb(("decode_2", "decode_1"), lambda rung: 5, known_too_big={"decode_2", "decode_1"})[1] == "decode_1"
    )


def test_the_end_of_the_ladder_says_what_was_tried_where_and_what_to_do() -> None:
    def work(rung: Rung) -> None:
        raise NO_ROOM["torch"]()

    with pytest.raises(OutOfMemory, match=r"decode_8 > decode_1 > offload on the CPU: .* of .* GiB free") as raised:
        memory.climb(("decode_8", "decode_1", "offload"), work, device=CPU)
    assert raised.value.code == "OUT_OF_MEMORY"
    assert "engine: camera" in raised.value.remedy and "9.00 GiB" in raised.value.evidence
    assert raised.value.__context__ is None, "the failed attempt's tensors would hang on the error"
    assert isinstance(raised.value, EngineError)


def test_parked_networks_draw_the_same(networks: Any) -> None:
    sample = torch.randn(2, 3, 8, 8, 8, generator=torch.Generator().manual_seed(2))
    words = torch.randn(2, 1, networks.unet.config.cross_attention_dim, generator=torch.Generator().manual_seed(3))

    def step() -> Any:
        with torch.no_grad(), memory.resident(networks, "unet"):
            return networks.unet(sample, torch.tensor(1.0), words, torch.ones(2, 3), return_dict=False)[0]

    together = step()
    memory.park(networks)
    try:
        parts = step()
    finally:
        memory.unpark(networks)
    difference = float((parts - together).abs().max())
    assert difference <= 2e-5, difference
    assert torch.equal(step(), together), "unpark did not undo park"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_parked_networks_are_on_the_device_only_while_used(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "tiny")
    networks = load(checkpoint.require(tmp_path, folder.name), torch.device("cuda", 0), torch.float32)

    def places(name: str) -> set[str]:
        return {tensor.device.type for tensor in getattr(networks, name).parameters()}

    memory.park(networks)
    assert places("unet") | places("vae") | places("image_encoder") == {"cpu"}
    before = torch.cuda.memory_allocated()
    with memory.resident(networks, "vae"):
        assert places("vae") == {"cuda"} and places("unet") == {"cpu"}
    assert places("vae") == {"cpu"} and torch.cuda.memory_allocated() == before
    with pytest.raises(KeyError), memory.resident(networks, "unet"):
        raise KeyError
    assert places("unet") == {"cpu"}
    memory.unpark(networks)
    with memory.resident(networks, "vae"):
        assert places("unet") == {"cuda"}
    assert places("vae") == {"cuda"}
