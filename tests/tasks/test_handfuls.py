"""Shots that take milliseconds are worked together, and each of them still ends as if it had been alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from catalog.catalog import Catalog
from catalog.claims import Claim
from catalog.errors import StoreUnavailable
from catalog.executions import Recorded
from catalog.publication import Publication
from catalog.queries import incidents_of, shots_of
from manifests.errors import InputError, Problem
from models.errors import DeviceLost
from tasks import steps
from tasks.pace import MOST, Pace
from tasks.refusal import Refused
from tests.tasks.test_line_faults import batch, faulty, states, work
from tests.workroom import Workroom, index_of

SHOTS = 7
"""Worked one, two, and four together."""


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a shot takes, the next handful is twice as large."""
    monkeypatch.setattr("tasks.pace.TOGETHER_SECONDS", 3600.0)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many executions each publication ended, in their order."""
    seen: list[int] = []
    publish_all = Catalog.publish_all

    def counted(catalog: Catalog, publications: list[Publication], **more: Any) -> Any:
        seen.append(len(publications))
        return publish_all(catalog, publications, **more)

    monkeypatch.setattr(Catalog, "publish_all", counted)
    return seen


def on_call(number: int, then: Callable[[], BaseException | None]) -> Callable[[], BaseException | None]:
    """What `then` says, the time it is asked for the `number`th time; else nothing."""
    calls = iter(range(1, 1000))
    return lambda: then() if next(calls) == number else None


@pytest.mark.usefixtures("unhurried")
def test_short_shots_are_published_together_and_make_the_same_files(
    room: Workroom, published: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with batch(room, SHOTS) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("done", 1)] * SHOTS
    assert published == [1, 2, 4] * 2
    together = {(row.recipe_sha256, row.state) for row in room.executions()}
    assert len(together) == len(room.executions()) == SHOTS * 4
    files = {path.name for path in room.stored("delivery")}

    alone = Workroom(room.folder / "alone")
    alone.folder.mkdir()
    monkeypatch.setattr("tasks.pace.MOST", 1)
    with batch(alone, SHOTS) as (_, _, line, _):
        work(line)
    assert {path.name for path in alone.stored("delivery")} == files
    assert {(row.recipe_sha256, row.state) for row in alone.executions()} == together


@pytest.mark.usefixtures("unhurried")
@pytest.mark.promise("a bad item never stops a batch")
def test_one_that_fails_among_others_fails_alone(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = InputError(Problem("PICTURE_BROKEN", "it cannot be drawn", "use another one"))
    fault = faulty(monkeypatch, on_call(5, lambda: broken))
    with batch(room, SHOTS) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("done", 1)] * 4 + [("quarantined", 1)] + [("done", 1)] * 2
    assert fault.calls == SHOTS, "what failed was tried again, or what went well"
    failed = room.executions(state="failed")
    assert [(row.stage, row.error_code) for row in failed] == [("prepare", "PICTURE_BROKEN")]


@pytest.mark.usefixtures("unhurried")
def test_one_whose_claim_was_lost_is_refused_and_the_others_keep_their_files(
    room: Workroom, published: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with batch(room, SHOTS) as (tools, run_id, line, claims):
        lost = claims[5]

        def stolen() -> None:
            tools.catalog.release([lost])
            (other,) = tools.catalog.claim(None, [lost.shot_id], "tests:2", 600)
            tools.catalog.finish_shot(other, "done")

        fault = faulty(monkeypatch, on_call(7, stolen))  # of a handful of four three are made, one of them for nothing
        work(line)
        assert states(tools, run_id) == [("done", 1)] * SHOTS
        (incident,) = incidents_of(tools.catalog, run_id)
        assert (incident.code, incident.shot_id) == ("STALE_CLAIM", lost.shot_id)
        assert not list(tools.catalog.store.incoming.iterdir()), "what was refused is left behind"
    assert published[:7] == [1, 2, 4, 1, 1, 1, 1], "refused together, each alone"
    assert fault.calls == SHOTS, "the others' stills were made again"
    assert lost.shot_id not in {row.shot_id for row in room.executions(stage="prepare", state="done")}
    assert len(room.executions(stage="prepare", state="done")) == SHOTS - 1


@pytest.mark.usefixtures("unhurried")
def test_the_same_picture_twice_in_a_handful_is_made_once(room: Workroom) -> None:
    for seed, name in enumerate("abcd"):
        room.picture(f"{name}.png", seed)
    rows = [{"id": name, "source": f"{name}.png"} for name in "abcd"]
    twins = [{"id": f"{name}2", "source": f"{name}.png"} for name in "cd"]
    ended = room.run(room.manifest([*rows, *twins]))
    assert ended.made == {"prepare": 4, "animate": 4, "encode": 4}
    assert {row.state for row in room.executions()} == {"done"}
    files = {row["id"]: row["sha256"] for row in index_of(room.folder / "out")}
    assert files["c2"] == files["c"] and files["d2"] == files["d"] and len(set(files.values())) == 4


@pytest.mark.usefixtures("unhurried")
def test_a_shot_that_died_before_is_worked_alone(room: Workroom, published: list[int]) -> None:
    with batch(room, SHOTS) as (tools, run_id, _, claims):
        tools.catalog.begin(
            stage="prepare",
            version=1,
            recipe={},
            recipe_sha256="deadly",
            engine="dailies",
            engine_versions={},
            weights={},
            inputs=[],
            device="cpu",
            claim=claims[5],
        )
        tools.catalog.reclaim_dead(run_id, lambda owner: True)
        assert [shot.deaths for shot in shots_of(tools.catalog, run_id)] == [0, 0, 0, 0, 0, 1, 0]
        room.work(tools, run_id)
        assert {shot.state for shot in shots_of(tools.catalog, run_id)} == {"done"}
    assert published == [1, 2, 3, 1] * 2


def test_a_stage_that_takes_long_is_published_before_the_next_one_is_made(
    room: Workroom, published: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.pace.TOGETHER_SECONDS", 1e-6)
    with batch(room, 3) as (_, _, line, _):
        work(line)
    assert published == [1] * 6


def test_a_handful_is_what_takes_a_quarter_second() -> None:
    pace = Pace()
    seen: list[int] = []
    for _ in range(6):
        seen.append(pace.shots)
        pace.took(pace.shots, 0.001 * pace.shots)
    assert seen == [1, 2, 4, 8, MOST, MOST]
    pace.took(MOST, 1.6)
    assert pace.shots == 2
    pace.took(2, 30.0)
    assert pace.shots == 1


@pytest.mark.usefixtures("unhurried")
def test_one_that_may_succeed_is_tried_again_alone(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = faulty(monkeypatch, on_call(5, lambda: DeviceLost("a hiccup")))
    with batch(room, SHOTS) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("done", 1)] * 4 + [("done", 2)] + [("done", 1)] * 2
    assert fault.calls == SHOTS + 1


@pytest.mark.usefixtures("unhurried")
def test_one_whose_claim_is_lost_before_it_begins_is_left_out(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    with batch(room, SHOTS) as (tools, run_id, line, claims):
        tools.catalog.release([claims[5]])
        fault = faulty(monkeypatch, lambda: None)
        work(line)
        assert states(tools, run_id) == [("done", 1)] * 5 + [("waiting", 0)] + [("done", 1)]
        assert [incident.code for incident in incidents_of(tools.catalog, run_id)] == ["STALE_CLAIM"]
    assert fault.calls == SHOTS - 1, "something was made for a shot that is another's"


@pytest.mark.usefixtures("unhurried")
def test_a_database_that_is_away_when_a_handful_begins_is_one_incident(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_all, away = Catalog.begin_all, on_call(3, lambda: StoreUnavailable("it restarts", code="DATABASE_AWAY"))

    def begin(catalog: Catalog, *given: Any) -> Any:
        if (error := away()) is not None:
            raise error
        return begin_all(catalog, *given)

    monkeypatch.setattr("tasks.waiting.FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(Catalog, "begin_all", begin)
    with batch(room, SHOTS) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("done", 1)] * SHOTS
        assert [incident.code for incident in incidents_of(tools.catalog, run_id)] == ["DATABASE_AWAY"]
    assert len(room.executions(stage="prepare")) == SHOTS


@pytest.mark.usefixtures("unhurried")
def test_what_one_of_them_cannot_have_written_down_is_its_own_fault(
    room: Workroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_all = Catalog.record_all
    wrong: list[Claim] = []

    def record(catalog: Catalog, lines: Sequence[Recorded]) -> Any:
        """What was measured of the sixth clip is no number, every time it is told."""
        told = [replace(one, ran={"seconds": float("nan")}) if one.claim == wrong[0] else one for one in lines]
        return record_all(catalog, told)

    monkeypatch.setattr(Catalog, "record_all", record)
    with batch(room, SHOTS) as (tools, run_id, line, claims):
        wrong.append(claims[5])
        work(line)
        assert [state for state, _ in states(tools, run_id)] == ["done"] * 5 + ["failed", "done"]


@pytest.mark.usefixtures("unhurried")
def test_what_may_pass_says_more_than_a_refusal(room: Workroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two renditions of a shot one is refused and one met a passing fault: the shot is tried again."""
    outcomes = iter([[Refused("too dark"), DeviceLost("a hiccup")], None])
    deliver = steps.deliver_renditions

    def twice(tools: Any, jobs: Any) -> Any:
        return next(outcomes) or deliver(tools, jobs)

    monkeypatch.setattr("tasks.line.BACKOFF_SECONDS", 0.001)
    monkeypatch.setattr(steps, "deliver_renditions", twice)
    monkeypatch.setattr(steps, "_parts", lambda works, things: [things])
    with batch(room, 1, deliver=["small_wide", "small_tall"]) as (tools, run_id, line, _):
        work(line)
        assert states(tools, run_id) == [("done", 2)]
