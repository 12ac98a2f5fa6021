"""Batches: their size, which shots go together, and which shot goes alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catalog.queries import IdleShot
from tasks.batches import LONGEST_BATCH, SHORTEST_BATCH, Cut, cut_batches


def rendition(engine: str = "camera", model: str = "") -> dict[str, Any]:
    animate = {"engine": engine, "model": model, "adapters": []}
    encode = {"encode": {"codec": "h264"}}
    return {"animate": animate, "upscale_still": None, "upscale": None, "interpolate": None, "deliveries": [encode]}


def idle(number: int, seconds: float, *, deaths: int = 0, engine: str = "camera", model: str = "") -> IdleShot:
    return IdleShot(f"r.{number:05d}", {"seconds": seconds, "renditions": [rendition(engine, model)]}, deaths)


def ids(cuts: Sequence[Cut]) -> list[list[str]]:
    return [list(cut.shots) for cut in cuts]


def test_batches_are_one_to_ten_minutes_in_the_manifests_order() -> None:
    def cut(seconds: float, slots: int) -> list[list[str]]:
        shots = [idle(n, seconds) for n in range(100)]
        batches = ids(cut_batches(shots, lambda pool: slots))
        assert [shot for batch in batches for shot in batch] == [shot.id for shot in shots]
        return batches

    assert len(cut(0.1, 1)) == 1, "little work is one batch"
    for seconds, slots in ((3, 1), (30, 1), (30, 8), (500, 2)):
        batches = cut(seconds, slots)
        works = [len(batch) * seconds for batch in batches]
        assert max(works) <= max(LONGEST_BATCH, 100 * seconds / (2 * slots)) + seconds, works
        assert max(works) <= LONGEST_BATCH + seconds, works
        assert min(works[:-1], default=SHORTEST_BATCH) >= min(SHORTEST_BATCH, seconds) - seconds / 2, works
        assert len(batches) >= 2 * slots or max(works) <= SHORTEST_BATCH + seconds, (len(batches), works)
    assert cut_batches([], lambda pool: 1) == []


def test_a_shot_with_three_deaths_has_a_batch_of_its_own() -> None:
    shots = [idle(n, 1.0, deaths=deaths) for n, deaths in enumerate((0, 3, 2, 4))]
    assert ids(cut_batches(shots, lambda pool: 1)) == [["r.00000", "r.00002"], ["r.00001"], ["r.00003"]]


def test_svd_goes_to_the_gpu_pool_and_checkpoints_are_not_mixed() -> None:
    shots = [
        idle(0, 1.0),
        idle(1, 1.0, engine="svd", model="svd-xt"),
        idle(2, 1.0, engine="svd", model="svd-xt-1.1"),
        idle(3, 1.0, engine="svd", model="svd-xt"),
        idle(4, 1.0),
    ]
    cuts = cut_batches(shots, lambda pool: 1)
    assert ids(cuts) == [["r.00000", "r.00004"], ["r.00001", "r.00003"], ["r.00002"]]
    assert [cut.pools[0] for cut in cuts] == ["cpu", "gpu", "gpu"]
    assert [cut.needs["weights"] for cut in cuts] == [[], ["svd-xt"], ["svd-xt-1.1"]]


def test_each_pools_slots_say_how_much_its_batches_hold() -> None:
    shots = [idle(n, 60.0, engine="svd" if n % 2 else "camera", model="svd-xt" if n % 2 else "") for n in range(40)]
    cuts = cut_batches(shots, {"cpu": 10, "gpu": 1}.__getitem__)
    sizes = {pool: [len(cut.shots) for cut in cuts if cut.pools[0] == pool] for pool in ("cpu", "gpu")}
    assert sizes == {"cpu": [1] * 20, "gpu": [10, 10]}
