"""A shot that is made of the others of its run waits for them, and is made again with them."""

from __future__ import annotations

from catalog import queries
from catalog.claims import Claim
from catalog.new_shots import NewRendition, NewShot
from tests.catalog.conftest import Workplace


def submit(place: Workplace, *awaits: bool) -> tuple[str, list[str]]:
    rendition = NewRendition("16x9", 1920, 1080, "30", 180)
    shots = [
        NewShot(f"item{number}", f"item{number}", renditions=[rendition], awaits=waits)
        for number, waits in enumerate(awaits)
    ]
    run_id = place.catalog.submit_run(
        name="board", kind="storyboard", manifest_sha256="0" * 64, manifest={}, triggered_by="tester",
        out_folder="/out", shots=shots,
    )  # fmt: skip
    return run_id, [f"{run_id}.{number:05d}" for number in range(1, len(awaits) + 1)]


def claim(place: Workplace, *shots: str) -> dict[str, Claim]:
    return {one.shot_id: one for one in place.catalog.claim(None, shots, "worker", 60)}


def idle(place: Workplace, run_id: str) -> list[str]:
    """What the dispatcher may put into batches now."""
    return [shot.id for shot in queries.idle_shots(place.catalog, run_id)]


def states(place: Workplace, run_id: str) -> list[str]:
    return [shot.state for shot in queries.shots_of(place.catalog, run_id)]


def test_what_is_made_of_the_others_cannot_be_claimed_before_they_have_ended(place: Workplace) -> None:
    run_id, (first, second, whole) = submit(place, False, False, True)
    assert idle(place, run_id) == [first, second]
    held = claim(place, first, second, whole)
    assert set(held) == {first, second}
    place.catalog.finish_shot(held[first], "done")
    assert idle(place, run_id) == [] and claim(place, whole) == {}, "one is still at work"
    place.catalog.finish_shot(held[second], "done")
    assert idle(place, run_id) == [whole]
    assert set(claim(place, whole)) == {whole}


def test_others_that_fail_are_not_waited_for(place: Workplace) -> None:
    _, (first, second, third, whole) = submit(place, False, False, False, True)
    held = claim(place, first, second, third)
    place.catalog.finish_shot(held[first], "failed", "BROKEN", "it broke")
    place.catalog.finish_shot(held[second], "quarantined", "BAD", "it is bad")
    assert claim(place, whole) == {}
    place.catalog.finish_shot(held[third], "cancelled")
    assert set(claim(place, whole)) == {whole}


def test_others_that_are_given_back_are_waited_for(place: Workplace) -> None:
    run_id, (first, whole) = submit(place, False, True)
    held = claim(place, first)
    place.catalog.release(list(held.values()))
    assert idle(place, run_id) == [first]
    assert set(claim(place, first, whole)) == {first}


def test_two_that_wait_do_not_wait_for_each_other(place: Workplace) -> None:
    run_id, (one, first, other) = submit(place, True, False, True)
    assert idle(place, run_id) == [first]
    held = claim(place, first)
    place.catalog.finish_shot(held[first], "done")
    assert set(claim(place, one, other)) == {one, other}


def test_another_runs_shots_are_not_waited_for(place: Workplace) -> None:
    submit(place, False, False)
    run_id, (whole,) = submit(place, True)
    assert idle(place, run_id) == [whole] and set(claim(place, whole)) == {whole}


def test_it_is_reopened_with_those_it_is_made_of(place: Workplace) -> None:
    run_id, (first, second, whole) = submit(place, False, False, True)
    held = claim(place, first, second)
    place.catalog.finish_shot(held[first], "done")
    place.catalog.finish_shot(held[second], "failed", "BROKEN", "it broke")
    place.catalog.finish_shot(claim(place, whole)[whole], "done")
    assert place.catalog.finish_run(run_id) == "failed"

    assert place.catalog.reopen_run(run_id, "tester") == 1, "only what failed is told as such"
    assert states(place, run_id) == ["done", "waiting", "waiting"]
    assert idle(place, run_id) == [second]
    place.catalog.finish_shot(claim(place, second, whole)[second], "done")
    place.catalog.finish_shot(claim(place, whole)[whole], "done")
    assert place.catalog.finish_run(run_id) == "done"


def test_a_run_with_nothing_to_reopen_leaves_it_done(place: Workplace) -> None:
    run_id, (first, whole) = submit(place, False, True)
    for shot in (first, whole):
        place.catalog.finish_shot(claim(place, shot)[shot], "done")
    assert place.catalog.reopen_run(run_id, "tester") == 0
    assert states(place, run_id) == ["done", "done"]


def test_cancelling_a_run_cancels_what_waits_for_its_others(place: Workplace) -> None:
    run_id, (first, whole) = submit(place, False, True)
    held = claim(place, first)
    assert place.catalog.cancel_run(run_id, "tester") == 1
    assert states(place, run_id) == ["claimed", "cancelled"]
    place.catalog.finish_shot(held[first], "cancelled")
    assert place.catalog.finish_run(run_id) == "cancelled"
    assert place.catalog.reopen_run(run_id, "tester") == 2
    assert idle(place, run_id) == [first]
    assert claim(place, whole) == {}
