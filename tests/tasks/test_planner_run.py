"""Planning a manifest: pictures looked at once, what stands, what the rest costs, samples and batches."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest

from manifests.loader import load
from tasks.planner.estimate import SHIPPED, Speeds, bytes_of
from tasks.planner.planner import RunPlan, sampled
from tasks.prepare import look
from tests.tasks.asked import ask, only, plan
from tests.workroom import Workroom


def test_an_unchanged_picture_is_not_opened_again(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = room.picture("a.png")
    rows = [{"id": f"row{n}", "source": "a.png", "motion": {"amount": 0.1 + n / 100}} for n in range(5)]
    manifest = room.manifest(rows)
    first = room.plan(manifest)

    def opened(*_: object, **__: object) -> Any:
        raise AssertionError("a picture that has not changed was opened")

    with monkeypatch.context() as patch:
        patch.setattr("tasks.planner.survey.look", opened)
        again = room.plan(manifest)
    assert [one.plan for one in again.shots] == [one.plan for one in first.shots]

    room.picture("a.png", seed=9)
    assert picture.is_file()
    changed = room.plan(manifest).shots[0].plan
    before = first.shots[0].plan
    assert changed is not None and before is not None
    assert changed.picture.sha256 != before.picture.sha256


def test_a_picture_is_looked_at_once_for_all_its_rows(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    room.picture("a.png")
    looks: list[Path] = []

    def counted(path: Path, **asked: Any) -> Any:
        looks.append(path)
        return look(path, **asked)

    monkeypatch.setattr("tasks.planner.survey.look", counted)
    room.plan(room.manifest([{"id": f"r{n}", "source": "a.png", "seed": n} for n in range(20)]))
    assert len(looks) == 1


def test_every_bad_picture_is_a_problem_with_its_line(room: Workroom) -> None:
    room.picture("good.png")
    (room.folder / "text.png").write_text("not a picture")
    (room.folder / "half.png").write_bytes((room.folder / "good.png").read_bytes()[:200])
    names = ("good", "text", "half")
    planned = room.plan(room.manifest([{"id": name, "source": f"{name}.png"} for name in names]))
    assert [problem.item for problem in planned.problems] == ["text", "half"]
    for problem in planned.problems:
        assert problem.code and problem.remedy and problem.file.endswith("m.yaml") and problem.line, problem
    assert [one.plan is not None for one in planned.shots] == [True, False, False]


def test_what_two_rows_share_is_counted_once(room: Workroom) -> None:
    room.picture("a.png")
    one = room.plan(room.manifest([{"id": "a", "source": "a.png"}]))
    two = room.plan(room.manifest([{"id": "a", "source": "a.png"}, {"id": "b", "source": "a.png"}]))
    assert two.seconds == pytest.approx(one.seconds)
    assert two.new_bytes == one.new_bytes
    assert [shot.seconds > 0 for shot in two.shots] == [True, False]


def test_what_stands_costs_nothing(room: Workroom) -> None:
    room.picture("a.png")
    rows = [{"id": "a", "source": "a.png"}]
    room.run(room.manifest(rows))
    rows.append({"id": "b", "source": "a.png", "place": {"fill": 0.4}})  # type: ignore[dict-item]
    planned = room.plan(room.manifest(rows))
    assert _to_make(planned) == {"a": [], "b": ["small_wide"]}
    assert planned.shots[0].seconds == 0 < planned.shots[1].seconds


def test_an_estimate_says_where_its_figures_are_from(room: Workroom) -> None:
    """Shipped figures on a machine nobody measured, its benchmark then, its own history once there is any."""
    room.picture("a.png")
    manifest = room.manifest([{"id": "a", "source": "a.png"}])
    key = ("animate", "camera")
    assert room.plan(manifest).speeds.basis[key] == "shipped"
    with room.tools() as tools:
        tools.catalog.record_benchmark(*key, platform.node(), 0.5)
    measured = room.plan(manifest)
    assert (measured.speeds.basis[key], measured.speeds.seconds[key]) == ("benchmark", 0.5)
    assert measured.speeds.basis["encode", "ffmpeg"] == "shipped"
    room.run(manifest)
    past = room.plan(manifest).speeds
    assert {past.basis[stage] for stage in (key, ("prepare", "dailies"), ("encode", "ffmpeg"))} == {"history"}
    assert past.basis["upscale", "realesrgan"] == "shipped"


def test_the_best_figure_wins_and_none_is_missing() -> None:
    key = ("encode", "ffmpeg")
    speeds = Speeds.known({key: 1.0}, {key: 2.0, ("animate", "camera"): 3.0})
    assert (speeds.of(*key, 10), speeds.basis[key]) == (10.0, "history")
    assert speeds.basis["animate", "camera"] == "benchmark"
    assert set(speeds.seconds) == set(SHIPPED)


def test_a_capped_delivery_is_never_estimated_above_its_cap() -> None:
    calm = only(plan(ask(deliver=["web_4k"], seconds=6))).deliveries[0].encode
    capped = only(plan(ask(deliver=["instagram_reel"], seconds=6))).deliveries[0].encode
    assert bytes_of(capped) <= capped.maxrate * 6 / 8
    assert bytes_of(calm) > bytes_of(capped)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [(1, [0]), (2, [0, 9]), (3, [0, 4, 9]), (4, [0, 3, 6, 9]), (10, list(range(10))), (50, list(range(10)))],
)
def test_a_sample_is_spread_evenly_first_and_last_included(room: Workroom, wanted: int, chosen: list[int]) -> None:
    room.picture("a.png")
    manifest = load(room.manifest([{"id": f"r{n}", "source": "a.png"} for n in range(10)]))
    assert [shot.item_id for shot in sampled(manifest, wanted).shots] == [f"r{n}" for n in chosen]


def test_a_sample_is_what_the_whole_run_would_make(room: Workroom) -> None:
    for name in "abc":
        room.picture(f"{name}.png", seed=ord(name))
    manifest = room.manifest([{"id": name, "source": f"{name}.png"} for name in "abc"])
    sample = room.run(manifest, sample=2)
    assert [item["id"] for item in sample.plan.manifest.resolved()["items"]] == ["a", "c"]
    assert [row.item for row in sample.rows] == ["a", "c"]
    whole = room.run(manifest)
    assert {row.item: row.made for row in whole.rows} == {"a": False, "b": True, "c": False}


def _to_make(planned: RunPlan) -> dict[str, list[str]]:
    return {
        one.plan.key: [delivery.preset for delivery in planned.to_make(one.plan)] for one in planned.shots if one.plan
    }
