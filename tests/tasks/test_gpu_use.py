"""A card looked at while a stage runs: the series, NVML as it answers, and a stage's row from its run to its page.

There is no card here. NVML is played by a fake at its module's boundary, and the card of a stage on the CPU by one
that gives a known series; what is between them and the page is what runs in production.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from rich.console import Console

from catalog.trace import trace
from dashboard.app import create_app
from dashboard.settings import DashboardSettings
from flows.card_state import OwnCard
from flows.lineage_tree import lineage_tree
from models.errors import OutOfMemory
from tasks import card as cards
from tasks import gpu_use
from tasks.card import Card, CardLost, Sample
from tasks.gpu_use import POINTS, GpuUse, Series
from tests.workroom import Workroom

GB = 10**9


class Known:
    """A card that says what it was told to say, and then that it is lost: nothing else is ever seen of it."""

    def __init__(self, *samples: Sample) -> None:
        self.uuid, self.name, self.memory_bytes = "GPU-1", "NVIDIA Known", 80 * GB
        self._samples = iter(samples)
        self.over = threading.Event()

    def sample(self) -> Sample:
        for found in self._samples:
            return found
        self.over.set()
        raise CardLost("all was said")


# ---- the series


@pytest.mark.parametrize("count", [1, POINTS - 1, POINTS, 1000, 40_000])
def test_a_series_stays_short_and_its_sums_are_of_all(count: int) -> None:
    series = Series(1.0)
    for number in range(count):
        series.add(Sample((number % 100) / 100, number * GB))
    record = series.record()
    assert record["samples"] == count and len(record["memory_bytes"]) == len(record["busy"]) < POINTS
    assert len(record["busy"]) > min(count, POINTS) // 2 - 1
    assert record["memory_peak_bytes"] == (count - 1) * GB
    assert record["memory_mean_bytes"] == pytest.approx((count - 1) * GB / 2)
    assert record["busy_peak"] == min(count - 1, 99) / 100
    covered = record["every_seconds"] * len(record["memory_bytes"])
    assert count - record["every_seconds"] < covered <= count, "a point is as wide as what it stands for"
    assert record["memory_bytes"] == sorted(record["memory_bytes"]), "in the order in which it was seen"


def test_what_a_card_does_not_tell_is_not_made_up() -> None:
    series = Series(1.0)
    assert series.record() == {}
    series.add(Sample(None, GB))
    record = series.record()
    assert record["busy"] is None and record["busy_mean"] is None and record["memory_peak_bytes"] == GB


def test_a_peak_between_two_points_is_kept() -> None:
    series = Series(1.0)
    for number in range(POINTS):
        series.add(Sample(1.0 if number == 7 else 0.0, 9 * GB if number == 7 else GB))
    record = series.record()
    assert len(record["busy"]) == POINTS // 2 and record["busy"][3] == 0.5 and record["busy_peak"] == 1.0
    assert record["memory_bytes"][3] == 9 * GB


# ---- NVML


class Nvml(SimpleNamespace):
    """As much of `pynvml` as is asked, with faults by function."""

    NVML_ERROR_NOT_SUPPORTED, NVML_ERROR_GPU_IS_LOST, NVML_ERROR_RESET_REQUIRED, NVML_ERROR_NOT_FOUND = 3, 15, 16, 6

    class NVMLError(Exception):
        def __init__(self, value: int) -> None:
            super().__init__(f"NVML {value}")
            self.value = value

    def __init__(self) -> None:
        super().__init__(faults={}, known={"GPU-00000000-0000-0000-0000-000000000001": "handle"})

    def _answer(self, name: str, answer: Any) -> Any:
        if name in self.faults:
            raise self.NVMLError(self.faults[name])
        return answer

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if uuid not in self.known:
            raise self.NVMLError(self.NVML_ERROR_NOT_FOUND)
        return self._answer("handle", self.known[uuid])

    def nvmlDeviceGetName(self, handle: str) -> str:  # noqa: N802
        return self._answer("name", "NVIDIA H200")

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> Any:  # noqa: N802
        return self._answer("rates", SimpleNamespace(gpu=63, memory=20))

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:  # noqa: N802
        return self._answer("memory", SimpleNamespace(total=140 * GB, used=30 * GB, free=110 * GB))


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvml]:
    found = Nvml()
    monkeypatch.setattr(cards, "_nvml", lambda: found)
    digits = {0: "00000000-0000-0000-0000-000000000001", 1: "00000000-0000-0000-0000-000000000002"}
    monkeypatch.setattr(cards, "_uuid", lambda index: digits.get(index, ""))
    yield found


def test_a_card_is_found_by_its_own_digits_and_asked(nvml: Nvml) -> None:
    found = cards.card_of("cuda:0")
    assert found is not None and (found.name, found.memory_bytes) == ("NVIDIA H200", 140 * GB)
    assert found.sample() == Sample(0.63, 30 * GB)
    assert cards.card_of("cuda") is not None
    assert [cards.card_of(device) for device in ("cpu", "vulkan:0", "auto", "cuda:1", "cuda:7")] == [None] * 5


def test_a_slice_of_a_card_tells_its_memory_alone(nvml: Nvml) -> None:
    nvml.known = {"MIG-00000000-0000-0000-0000-000000000001": "slice"}
    nvml.faults["rates"] = nvml.NVML_ERROR_NOT_SUPPORTED
    found = cards.card_of("cuda:0")
    assert found is not None and found.sample() == Sample(None, 30 * GB)


@pytest.mark.parametrize("fault", [Nvml.NVML_ERROR_GPU_IS_LOST, Nvml.NVML_ERROR_RESET_REQUIRED])
def test_a_lost_card_is_told_from_one_that_says_nothing(nvml: Nvml, fault: int) -> None:
    found = cards.card_of("cuda:0")
    assert isinstance(found, Card)
    nvml.faults["memory"] = fault
    with pytest.raises(CardLost):
        found.sample()


def test_a_worker_tells_of_its_card_and_that_it_lost_it(nvml: Nvml) -> None:
    own = OwnCard("cuda:0")
    told = own.state()
    assert told is not None and (told["lost"], told["busy"], told["memory_bytes"]) == (False, 0.63, 30 * GB)
    nvml.faults["memory"] = nvml.NVML_ERROR_GPU_IS_LOST
    assert own.state() == {**told, "lost": True}
    nvml.faults.clear()
    assert own.state() == told
    assert OwnCard("cpu").state() is None


def test_without_nvml_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where the binding is missing nor where the driver is."""
    for binding in (None, NoDriver()):
        monkeypatch.setitem(sys.modules, "pynvml", binding)
        cards._nvml.cache_clear()
        try:
            assert cards.card_of("cuda:0") is None and OwnCard("cuda:0").state() is None
        finally:
            cards._nvml.cache_clear()


class NoDriver(Nvml):
    def nvmlInit(self) -> None:  # noqa: N802
        raise self.NVMLError(12)


def test_an_odd_driver_is_no_card_and_silences_no_worker(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = OwnCard("cuda:0")
    told = own.state()

    def odd(*_: object) -> object:
        raise TypeError("another NVML")

    monkeypatch.setattr(nvml, "nvmlDeviceGetUtilizationRates", odd)
    assert told is not None and own.state() == told
    monkeypatch.setattr(nvml, "nvmlDeviceGetMemoryInfo", odd)
    assert cards.card_of("cuda:0") is None and "another NVML" in caplog.text
    assert own.state() == {**told, "lost": True}, "nothing is heard of it"


# ---- a stage that runs


def test_a_driver_that_hangs_keeps_no_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_use, "PATIENCE_SECONDS", 0.01)
    card, hangs, over = Known(Sample(0.5, GB)), threading.Event(), threading.Event()
    first = card.sample

    def sample() -> Sample:
        if threading.current_thread() is threading.main_thread():
            return first()
        hangs.set()
        over.wait(60)
        raise CardLost("at last")

    monkeypatch.setattr(card, "sample", sample)
    with GpuUse(card, 0.001) as use:
        assert hangs.wait(10)
    assert use.ran["gpu"]["samples"] == 1 and not over.is_set()
    over.set()


def test_a_card_that_fails_fails_no_stage(caplog: pytest.LogCaptureFixture) -> None:
    card = Known(Sample(0.5, GB))
    with caplog.at_level(logging.WARNING), GpuUse(card, 0.001) as use:
        assert card.over.wait(10)
    assert use.ran["gpu"]["samples"] == 1 and "all was said" in caplog.text
    with GpuUse(None, 0.001) as use:
        pass
    assert use.ran == {}


class Watched(Workroom):
    """A room whose stages are looked at though they run on the CPU."""

    def tools(self, **changes: Any) -> Any:
        samples = Sample(0.2, 10 * GB), Sample(0.9, 40 * GB), Sample(0.4, 31 * GB)
        return super().tools(**changes, card_of=lambda device: Known(*samples) if device == "cpu" else None)


def test_a_stage_that_fails_says_how_it_used_its_card_until_then(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any, **__: Any) -> Any:
        raise OutOfMemory("nothing fits")

    monkeypatch.setattr("tasks.prepare.prepare", out_of_memory)
    monkeypatch.setattr("tasks.line.BACKOFF_SECONDS", 0.0)
    room = Watched(tmp_path)
    room.picture("a.png")
    assert room.run(room.manifest([{"id": "a", "source": "a.png"}])).status.run.shots == {"failed": 1}
    rows = room.executions(stage="prepare")
    assert rows and all(row.state == "failed" and row.ran["gpu"]["memory_peak_bytes"] >= 10 * GB for row in rows)


def test_how_a_stage_used_its_card_is_on_the_shots_page(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the run to the row, the trace and the page; and what is made has the name it has without."""
    monkeypatch.setattr(gpu_use, "EVERY_SECONDS", 0.001)
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    plain, room = Workroom(tmp_path / "one"), Watched(tmp_path / "other")
    for each in (plain, room):
        each.picture("a.png")
        ended = each.run(each.manifest([{"id": "a", "source": "a.png"}]))
        assert ended.status.run.shots == {"done": 1}
    assert {row.recipe_sha256 for row in room.executions()} == {row.recipe_sha256 for row in plain.executions()}
    assert all("gpu" not in row.ran for row in plain.executions())
    assert all("gpu" in row.ran for row in room.executions(stage="prepare")), "what is stored, as what streams"
    (row,) = room.executions(stage="animate")
    assert row.ran["gpu"] == {
        "card": "NVIDIA Known", "memory_total_bytes": 80 * GB, "every_seconds": 0.001, "samples": 3,
        "busy": [0.2, 0.9, 0.4], "busy_mean": 0.5, "busy_peak": 0.9,
        "memory_bytes": [10 * GB, 40 * GB, 31 * GB], "memory_mean_bytes": 27 * GB, "memory_peak_bytes": 40 * GB,
    }  # fmt: skip
    with room.tools() as tools:
        console = Console(width=10_000, file=StringIO())
        console.print(lineage_tree(trace(tools.catalog, ended.rows[0].delivery.artifact)))
        assert "on NVIDIA Known: busy 50%, at most 90%; memory at most 40 GB" in console.file.getvalue()  # type: ignore[attr-defined]
        actions: Any = None
        app = create_app(tools.catalog, actions, DashboardSettings(room.settings.home))
        with TestClient(app, base_url="http://127.0.0.1:4300") as client:
            page = client.get(f"/shots/{ended.rows[0].delivery.shot_id}").text
    assert "50% busy on average, 90% at most" in page
    assert "memory 27.0 GB on average, 40.0 GB at most of 80.0 GB" in page and "NVIDIA Known" in page
    assert '<polyline class="busy" points="0.00,80.0 50.00,10.0 100.00,60.0">' in page
    assert '<polyline class="memory" points="0.00,87.5 50.00,50.0 100.00,61.2">' in page
    assert "style=" not in page, "the policy would not let it through"
