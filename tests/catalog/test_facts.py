"""Facts of pages: what they say of a small catalog that the ledger has made, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from catalog import facts, rollups
from catalog.artifacts import Figure
from catalog.claims import Claim
from catalog.deliveries import NewDelivery
from catalog.dialect import clock
from catalog.errors import NotFound
from catalog.executions import Used
from catalog.tables import Execution
from tests.catalog.conftest import Workplace

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
PLAN = {"renditions": [{"animate": {"engine": "camera"}}]}


def deliver(place: Workplace, claim: Claim, name: str, *, preset: str = "reel", level: float = 1.0) -> str:
    """A clip with its poster and a figure that may be 2.0 at most; returns the delivery."""
    flicker = Figure("flicker", level, "levels", 2.0, level <= 2.0)
    made = place.make(f"encode {name}", f"clip {name}".encode(), claim=claim, figures=[flicker])
    poster = place.make(f"poster {name}", f"poster {name}".encode(), claim=claim)
    place.catalog.link(claim.shot_id, "16x9", made.id, made=True)
    clip = made.outputs[0].sha256
    wanted = NewDelivery(claim, claim.shot_id, "16x9", preset, f"ask {name}", clip, poster.outputs[0].sha256, made.id)
    return place.catalog.deliver(wanted).id


def night(place: Workplace) -> tuple[str, list[Claim]]:
    """A run of four shots: one done, one failed, one claimed, one waiting; its claims."""
    run_id, shots = place.submit(4, plan=PLAN, tags=["summer"])
    place.catalog.set_run_state(run_id, "running")
    claims = place.catalog.claim(place.catalog.new_batch(run_id, shots[:3]), shots[:3], "worker", 600)
    deliver(place, claims[0], "a")
    place.catalog.finish_shot(claims[0], "done")
    place.catalog.finish_shot(claims[1], "failed", "ENGINE_FAILED", "it broke")
    return run_id, claims


def test_a_run_shows_as_a_card_with_what_became_of_its_shots(place: Workplace) -> None:
    run_id, _ = night(place)
    (card,) = facts.runs_today(place.catalog)
    assert (card.id, card.state, card.name) == (run_id, "running", "nightly")
    assert card.shots == {"done": 1, "failed": 1, "claimed": 1, "waiting": 1}
    assert card.deliveries == 1
    assert card.stage_seconds == pytest.approx(3.0), "two executions of 1.5 s"
    assert facts.run_card(place.catalog, run_id) == card
    with pytest.raises(NotFound):
        facts.run_card(place.catalog, "r0")


def test_runs_that_go_on_come_before_newer_ones_that_ended(place: Workplace) -> None:
    going, _ = place.submit(1)
    ended, _ = place.submit(1)
    place.catalog.set_run_state(ended, "done")
    assert [card.id for card in facts.runs_today(place.catalog)] == [going, ended]
    assert [card.id for card in facts.runs_today(place.catalog, limit=1)] == [going]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert [card.id for card in facts.runs_today(place.catalog, since=later)] == [going]


def test_failures_are_grouped_by_code_with_examples(place: Workplace) -> None:
    run_id, claims = night(place)
    place.catalog.finish_shot(claims[2], "failed", "ENGINE_FAILED", "it broke again")
    (group,) = facts.failures_today(place.catalog, since=YESTERDAY)
    assert (group.code, group.message, group.shots) == ("ENGINE_FAILED", "it broke again", 2)
    assert group.runs == (run_id,) and group.examples == (claims[2].shot_id, claims[1].shot_id)
    assert facts.failures_today(place.catalog, since=YESTERDAY, run_id="r0") == []


def test_rows_refused_in_the_plan_are_told_of_the_newest_run_of_a_name(place: Workplace) -> None:
    night(place)
    assert facts.refused_rows(place.catalog, since=YESTERDAY) == [], "what failed had begun"
    run_id, _ = place.submit(3, state="quarantined", error_code="PICTURE_MISSING", error_message="it is gone")
    (row,) = facts.refused_rows(place.catalog, since=YESTERDAY)
    assert (row.run_id, row.refused, row.shots) == (run_id, 3, 3)
    assert facts.refused_rows(place.catalog, since=datetime.now(UTC) + timedelta(hours=1)) == []
    place.submit(1)
    assert facts.refused_rows(place.catalog, since=YESTERDAY) == []


def test_all_that_was_spent_is_one_sum(place: Workplace) -> None:
    night(place)
    night(place)
    both = facts.costs(place.catalog, by="run")
    assert facts.total_cost(place.catalog).seconds == pytest.approx(sum(row.seconds for row in both)) == 6.0
    assert facts.total_cost(place.catalog, until=YESTERDAY).executions == 0


def test_throughput_counts_what_was_made_by_the_hour(place: Workplace) -> None:
    night(place)
    told = facts.throughput(place.catalog, hours=3)
    assert len(told.hours) == 3
    assert sum(hour.shots for hour in told.hours) == 1, "the failed one was not made"
    assert sum(hour.deliveries for hour in told.hours) == 1
    assert told.shots_per_hour == pytest.approx(told.deliveries_per_hour) and 0.3 < told.shots_per_hour <= 0.5


def test_batches_that_wait_are_told_by_queue(place: Workplace) -> None:
    run_id, shots = place.submit(3)
    place.catalog.new_batch(run_id, shots)
    (queue,) = facts.queue_depth(place.catalog)
    assert (queue.pool, queue.queue, queue.batches, queue.shots) == ("local", "normal", 1, 3)
    assert (datetime.now(UTC) - queue.oldest_at).total_seconds() < 600


def test_the_store_is_told_by_kind_and_state_and_follows_damage(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = place.make("recipe", b"clip")
    place.make("other", b"other clip")
    use = facts.store_use(place.catalog)
    assert (use.files, use.bytes) == (2, 14) and use.free_bytes
    place.catalog.mark_damaged(made.outputs[0].sha256)
    told = {(one.kind, one.state): (one.files, one.bytes) for one in facts.store_use(place.catalog).kinds}
    assert told == {("delivery", "present"): (1, 10), ("delivery", "damaged"): (1, 4)}
    monkeypatch.setattr(rollups, "FEW_TALLIES", 0)
    before = facts.store_use(place.catalog).kinds
    place.catalog.roll_up()
    assert facts.store_use(place.catalog).kinds == before
    place.make("third", b"third")
    assert facts.store_use(place.catalog).files == 2


def test_the_end_of_a_run_is_told_by_its_own_pace(place: Workplace) -> None:
    run_id, _ = place.submit(2)
    assert facts.eta(place.catalog, run_id) is None, "nothing has begun"
    run_id, _ = night(place)
    left = facts.eta(place.catalog, run_id)
    assert left is not None and 0 <= left < 60
    place.catalog.pause_run(run_id, "DISK_FULL", "no room", "ann")
    assert facts.eta(place.catalog, run_id) is None
    assert facts.eta(place.catalog, "r0") is None


def test_shots_come_as_cards_in_order_and_narrowed(place: Workplace) -> None:
    run_id, claims = night(place)
    cards = facts.shot_cards(place.catalog, run_id)
    assert [card.position for card in cards] == [1, 2, 3, 4]
    first = cards[0]
    assert first.engine == "camera" and first.presets == ("reel",) and first.poster_sha256 and first.clip_sha256
    assert cards[1].error_message == "it broke" and cards[1].clip_sha256 is None

    def narrowed(**by: object) -> list[int]:
        return [card.position for card in facts.shot_cards(place.catalog, run_id, **by)]  # type: ignore[arg-type]

    assert narrowed(after=1, limit=2) == [2, 3]
    assert narrowed(state="failed") == narrowed(error="ENGINE_FAILED") == [2]
    assert narrowed(preset="reel") == [1] and narrowed(preset="square") == []
    assert narrowed(tag="summer", engine="camera") == [1, 2, 3, 4] and narrowed(tag="winter") == []
    place.catalog.replan(claims[2], {"renditions": [{"animate": {"engine": "svd"}}]}, [])
    assert narrowed(engine="svd") == [3]

    told = facts.facets(place.catalog, run_id)
    assert told.states == {"done": 1, "failed": 1, "claimed": 1, "waiting": 1}
    assert told.errors == {"ENGINE_FAILED": 1} and told.presets == {"reel": 1} and told.tags == {"summer": 4}
    assert told.engines == {"camera": 3, "svd": 1}


def test_stages_tell_what_they_took_and_what_served_again(place: Workplace) -> None:
    run_id, claims = night(place)
    old = place.make("old", b"old", stage="prepare")
    place.catalog.link(claims[2].shot_id, "", old.id, made=False)
    failing = place.begin("fails", claim=claims[2], stage="animate", engine="camera")
    place.catalog.fail(failing, "ENGINE_FAILED", "no")
    chart = {(one.stage, one.engine): one for one in facts.stage_chart(place.catalog, run_id)}
    assert list(chart) == [("prepare", "ffmpeg"), ("animate", "camera"), ("encode", "ffmpeg")]
    encode = chart["encode", "ffmpeg"]
    assert (encode.made, encode.reused, encode.seconds) == (2, 0, 3.0)
    assert encode.p50 is not None and 1.0 <= encode.p50 <= 1.5 and encode.p95 is not None and encode.p95 <= 1.5
    assert chart["prepare", "ffmpeg"].reused == 1 and chart["prepare", "ffmpeg"].p50 is None
    assert chart["animate", "camera"].failed == 1


def test_hours_that_are_added_up_say_the_same_as_before(place: Workplace) -> None:
    run_id, _ = night(place)
    before = facts.stage_chart(place.catalog, run_id), facts.runs_today(place.catalog)
    assert place.catalog.roll_up() == 0, "what has just ended may not be all"
    with place.catalog.database.write() as connection:
        connection.execute(update(Execution).values(ended_at=clock(-600)))
    assert place.catalog.roll_up() == 2
    assert place.catalog.roll_up() == 0
    assert (facts.stage_chart(place.catalog, run_id), facts.runs_today(place.catalog)) == before


def test_a_shot_shows_everything_about_it(place: Workplace) -> None:
    run_id, shots = place.submit(1, plan=PLAN, tags=["b", "a"])
    (claim,) = place.catalog.claim(place.catalog.new_batch(run_id, shots), shots, "worker", 600)
    photo = place.root.parent / "photo.png"
    photo.write_bytes(b"photo")
    source = place.catalog.ingest(photo)
    still = place.make("still", b"still", Used("source", artifact=source), claim=claim, stage="prepare")
    place.catalog.link(shots[0], "16x9", still.id, made=True)
    first = deliver(place, claim, "a", level=3.0)
    second = deliver(place, claim, "b")
    told = facts.shot_facts(place.catalog, shots[0])
    assert (told.run.id, told.item, told.engine, told.tags) == (run_id, "item0", "camera", ("a", "b"))
    assert told.source_sha256 == source and told.renditions[0].rate == "30"
    by_id = {one.id: one for one in told.deliveries}
    assert by_id[first].state == "superseded" and by_id[first].superseded_by == second
    assert by_id[first].measurements[0].passed is False and by_id[second].measurements[0].passed is True
    assert [one.stage for one in told.executions] == ["prepare", "encode", "encode", "encode", "encode"]
    assert all(one.made for one in told.executions)
    with pytest.raises(NotFound):
        facts.shot_facts(place.catalog, "r0.00001")


def test_the_version_changes_with_what_anybody_writes_and_else_stands(place: Workplace) -> None:
    before = facts.version(place.catalog)
    facts.runs_today(place.catalog)
    assert facts.version(place.catalog) == before
    place.submit(1)
    after = facts.version(place.catalog)
    assert after != before
    with type(place.catalog).open(place.url, place.root) as another:
        another.audit("ann", "look", "x")
    assert facts.version(place.catalog) != after
