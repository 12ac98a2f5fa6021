"""Schedules in the catalog, on each database: applied, paused, begun, overdue; and rows that vanish and come back."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from catalog.catalog import Catalog
from catalog.deliveries import NewDelivery, Reuse
from catalog.errors import CatalogError, NotFound
from catalog.facts import night, review_progress, schedule, schedules
from catalog.new_shots import NewRendition, NewShot
from catalog.queries import incidents_of, run
from catalog.retirement import retired_since
from catalog.schedules import NewSchedule, Scheduled
from catalog.tables import Delivery, Incident, Run, Shot
from tests.catalog.conftest import Workplace
from tests.catalog.test_notices import TICK

SOON = datetime.now(UTC) + timedelta(hours=1)
NIGHTLY = NewSchedule(
    name="nightly",
    manifest="/m/nightly.yaml",
    kind="product",
    cron="0 1 * * *",
    timezone="Europe/Berlin",
    done_by="07:00",
    budget_gpu_seconds=3600.0,
    budget_bytes=1_000_000,
    late_seconds=3600.0,
    overlap="skip",
    shrink=0.5,
    ping=None,
    next_at=SOON,
)
WIDE = [NewRendition("16x9", 1920, 1080, "30", 180)]


def submit(
    catalog: Catalog,
    *keys: str,
    refused: tuple[str, ...] = (),
    after: str | None = None,
    next_at: datetime | None = None,
    **more: object,
) -> str:
    """A run of the schedule with these rows."""
    shots = [NewShot(key, key.partition("#")[0], renditions=WIDE) for key in keys]
    shots += [NewShot(key, key, state="quarantined", error_code="BAD_IMAGE") for key in refused]
    return catalog.submit_run(
        name="nightly",
        kind="product",
        manifest_sha256="0" * 64,
        manifest={"items": len(shots)},
        triggered_by="schedule nightly",
        out_folder="/out",
        shots=shots,
        scheduled=Scheduled("nightly", after, SOON, 3600.0, 1_000_000, next_at),
        **more,  # type: ignore[arg-type]
    )


def deliver(place: Workplace, run_id: str, *keys: str) -> dict[str, str]:
    """Key -> delivery, of files that say whose they are."""
    found: dict[str, str] = {}
    for position, key in enumerate(keys, start=1):
        made = place.make(f"recipe of {key}", key.encode())
        shot = f"{run_id}.{position:05d}"
        new = NewDelivery(None, shot, "16x9", "web", f"ask of {key}", made.outputs[0].sha256, None, made.id)
        found[key] = place.catalog.deliver(new).id
        place.catalog.place_all([(shot, found[key], place.root / f"{key}.mp4")])
    return found


def current(catalog: Catalog) -> set[str]:
    with catalog.database.read() as connection:
        return set(connection.scalars(select(Delivery.shot_key).where(Delivery.state == "current")))


def test_a_schedule_is_applied_paused_resumed_and_removed(place: Workplace) -> None:
    catalog = place.catalog
    assert catalog.put_schedule(NIGHTLY, "tester")
    assert not catalog.put_schedule(NIGHTLY, "tester"), "nothing of it is new"
    assert catalog.put_schedule(replace(NIGHTLY, cron="0 2 * * *"), "tester")
    with pytest.raises(CatalogError, match=r"/m/nightly\.yaml") as taken:
        catalog.put_schedule(replace(NIGHTLY, manifest="/m/other.yaml"), "tester")
    assert taken.value.code == "SCHEDULE_TAKEN"

    catalog.switch_schedule("nightly", None, "tester")
    catalog.put_schedule(NIGHTLY, "tester")
    paused = schedule(catalog, "nightly")
    assert (paused.active, paused.next_at, paused.cron) == (False, None, "0 1 * * *"), "applied again it stays paused"
    catalog.switch_schedule("nightly", SOON, "tester")
    assert schedule(catalog, "nightly").next_at == SOON

    catalog.remove_schedule("nightly", "tester")
    assert schedules(catalog) == []
    for call in (lambda: catalog.remove_schedule("nightly", "x"), lambda: schedule(catalog, "nightly")):
        with pytest.raises(NotFound) as unknown:
            call()
        assert unknown.value.code == "NO_SCHEDULE"


def test_a_start_that_is_due_and_does_not_come_is_overdue(place: Workplace) -> None:
    catalog = place.catalog
    catalog.put_schedule(replace(NIGHTLY, next_at=datetime.now(UTC) - timedelta(hours=2)), "tester")
    catalog.put_schedule(NIGHTLY, "tester")
    assert 7100 < schedule(catalog, "nightly").overdue_seconds < 7300
    catalog.begin_schedule("nightly")
    begun = schedule(catalog, "nightly")
    assert begun.overdue_seconds > 7100, "whoever begins it may die before there is a run"
    assert begun.last_started_at is not None and begun.last_run_id is None

    catalog.note_schedule("nightly", "SCHEDULE_NOT_APPLIED", "it says something else")
    assert schedule(catalog, "nightly").overdue_seconds > 7100, "the start goes on"
    catalog.note_schedule("nightly", "FEED_EMPTY", "the feed has no rows", next_at=SOON)
    over = schedule(catalog, "nightly")
    assert over.overdue_seconds == 0 and over.next_at == SOON
    told = schedule(catalog, "nightly")
    assert (told.last_code, told.last_note) == ("FEED_EMPTY", "the feed has no rows")
    with catalog.database.read() as connection:
        (_, incident) = connection.execute(select(Incident.code, Incident.message).order_by(Incident.id)).all()
    assert incident.code == "FEED_EMPTY" and "nightly" in incident.message

    run_id = submit(catalog, "mug")
    catalog.set_run_state(run_id, "running")
    going = schedule(catalog, "nightly")
    assert (going.last_run_id, going.last_run_state, going.deadline) == (run_id, "running", SOON)
    assert going.deadline_seconds is not None and 3000 < going.deadline_seconds < 3700
    catalog.pause_run(run_id, "BUDGET_SPENT", "it is spent", "tester")
    assert schedule(catalog, "nightly").last_run_state == "paused"


def test_a_start_is_due_until_it_has_its_run_but_may_wait_for_the_last_one(place: Workplace) -> None:
    catalog = place.catalog
    due, later = datetime.now(UTC) - timedelta(hours=2), SOON + timedelta(days=1)
    catalog.put_schedule(replace(NIGHTLY, next_at=due, overlap="wait"), "tester")
    first = submit(catalog, "mug")
    waits = schedule(catalog, "nightly")
    assert waits.waits and waits.overdue_seconds == 0 and waits.next_at == due
    catalog.set_run_state(first, "done")
    assert schedule(catalog, "nightly").overdue_seconds > 7100
    submit(catalog, "mug", after=first, next_at=later)
    assert (schedule(catalog, "nightly").overdue_seconds, schedule(catalog, "nightly").next_at) == (0, later)
    catalog.switch_schedule("nightly", None, "tester")
    catalog.note_schedule("nightly", "FEED_EMPTY", "the feed has no rows", next_at=SOON)
    assert schedule(catalog, "nightly").next_at is None, "it was paused meanwhile"


def test_of_two_starts_at_once_one_submits(place: Workplace) -> None:
    catalog = place.catalog
    catalog.put_schedule(NIGHTLY, "tester")
    first = submit(catalog, "mug")
    with pytest.raises(CatalogError) as late:
        submit(catalog, "mug")
    assert late.value.code == "SCHEDULE_OVERLAP"
    with catalog.database.read() as connection:
        assert connection.scalars(select(Run.id)).all() == [first], "nothing of the second was written"
    assert submit(catalog, "mug", after=first) != first


def test_a_report_is_told_once_and_again_after_a_run_was_taken_up(place: Workplace) -> None:
    catalog = place.catalog
    catalog.put_schedule(NIGHTLY, "tester")
    run_id = submit(catalog, "mug")
    assert [catalog.report_run(run_id, "Done", {"n": n}) for n in range(2)] == [True, False]
    catalog.reopen_run(run_id, "tester")
    assert catalog.report_run(run_id, "Done", {})

    (claim,) = catalog.claim(catalog.new_batch(run_id, [f"{run_id}.00001"]), [f"{run_id}.00001"], "worker", 60.0)
    catalog.finish_shot(claim, "done")
    catalog.finish_run(run_id)
    catalog.reopen_run(run_id, "tester")
    assert not catalog.report_run(run_id, "Done", {}), "nothing of it was taken up"


def test_a_run_whose_shot_is_retried_or_whose_pause_is_lifted_is_reported_again(place: Workplace) -> None:
    catalog = place.catalog
    catalog.put_schedule(NIGHTLY, "tester")
    run_id = submit(catalog, "mug")
    shot = f"{run_id}.00001"
    with catalog.database.write() as connection:
        connection.execute(update(Shot).where(Shot.id == shot).values(plan={"stages": []}))
    (claim,) = catalog.claim(catalog.new_batch(run_id, [shot]), [shot], "worker", 60.0)
    catalog.finish_shot(claim, "failed", "ENGINE_FAILED", "no")
    catalog.finish_run(run_id)
    assert catalog.report_run(run_id, "Failed", {})
    catalog.retry_shots([shot], "ana")
    assert catalog.report_run(run_id, "Done", {})
    catalog.pause_run(run_id, "BUDGET_SPENT", "it is spent", "keeper")
    catalog.reopen_run(run_id, "ana")
    assert catalog.report_run(run_id, "Done", {})


def test_an_older_night_that_is_resumed_retires_nothing_of_later_ones(place: Workplace) -> None:
    catalog = place.catalog
    catalog.put_schedule(NIGHTLY, "tester")
    first = submit(catalog, "mug", "cup")
    deliver(place, first, "mug", "cup")
    time.sleep(TICK)
    second = submit(catalog, "mug", "bowl", after=first)
    deliver(place, second, "mug", "bowl")
    assert catalog.retire_vanished(second) == 1
    assert catalog.retire_vanished(first) == 0
    assert current(catalog) == {"mug", "bowl"}


def test_a_vanished_row_retires_its_deliveries_and_comes_back_with_the_same_file(place: Workplace) -> None:
    catalog = place.catalog
    catalog.put_schedule(NIGHTLY, "tester")
    keys = ("mug", "cup", "bowl#seed=1", "bowl#seed=2", "jar")
    first = submit(catalog, *keys)
    given = deliver(place, first, *keys)
    by_hand, (shot,) = place.submit(1)  # of the same manifest's name, but nobody scheduled it
    made = place.make("by hand", b"by hand")
    catalog.deliver(NewDelivery(None, shot, "16x9", "web", "hand", made.outputs[0].sha256, None, made.id))
    assert run(catalog, by_hand).name == "nightly"

    second = submit(catalog, "mug", "bowl#seed=1", refused=("jar",), after=first)
    assert catalog.retire_vanished(second) == 2
    gone = retired_since(catalog, second)
    assert [one.shot_key for one in gone] == ["bowl#seed=2", "cup"]
    assert gone[1].places == (str(place.root / "cup.mp4"),)
    assert current(catalog) == {"mug", "bowl#seed=1", "jar", "item0"}, "a refused row, and one run by hand, stay"
    assert catalog.retire_vanished(second) == 0
    assert review_progress(catalog).total == 4

    stands = catalog.current_delivery("ask of cup")
    assert stands is not None and stands.id == given["cup"], "its file still stands"
    third = submit(catalog, "mug", "cup", "bowl#seed=1", after=second)
    assert catalog.reuse_deliveries([Reuse(f"{third}.00002", "16x9", given["cup"])]) == 1
    assert "cup" in current(catalog)
    back = catalog.current_delivery("ask of cup")
    assert back is not None and back.state == "current" and back.artifact == stands.artifact
    assert [one.shot_key for one in retired_since(catalog, second)] == ["bowl#seed=2"]
    assert review_progress(catalog).total == 5


def test_a_night_knows_its_budget_and_what_it_has_taken(place: Workplace) -> None:
    catalog = place.catalog
    catalog.put_schedule(NIGHTLY, "tester")
    run_id = submit(catalog, "mug")
    (claim,) = catalog.claim(catalog.new_batch(run_id, [f"{run_id}.00001"]), [f"{run_id}.00001"], "worker", 60.0)
    execution = place.begin("drawn", claim=claim, stage="animate", engine="svd")
    catalog.publish(execution, [place.stage(b"12345")], ran={}, seconds=3.0, gpu_seconds=2.5, claim=claim)
    found = night(catalog, run_id)
    assert found is not None and (found.schedule, found.done_by) == ("nightly", SOON)
    assert (found.budget_gpu_seconds, found.budget_bytes) == (3600.0, 1_000_000)
    assert (found.gpu_seconds, found.bytes) == (2.5, 5)
    catalog.lift_budget(run_id, "tester")
    free = night(catalog, run_id)
    assert free is not None and (free.budget_gpu_seconds, free.budget_bytes) == (None, None)
    assert night(catalog, place.submit()[0]) is None


def test_nothing_is_retired_while_a_row_has_lost_its_id(place: Workplace) -> None:
    catalog = place.catalog
    catalog.put_schedule(NIGHTLY, "tester")
    first = submit(catalog, "mug", "cup")
    deliver(place, first, "mug", "cup")
    second = submit(catalog, "mug", refused=("line 3",), after=first)
    assert catalog.retire_vanished(second) == 0
    assert current(catalog) == {"mug", "cup"}


def test_the_age_of_a_retired_file_counts_from_its_retirement(place: Workplace) -> None:
    from catalog.queries.usage import usage_of

    catalog = place.catalog
    catalog.put_schedule(NIGHTLY, "tester")
    first = submit(catalog, "mug", "cup")
    deliver(place, first, "mug", "cup")
    second = submit(catalog, "mug", after=first)
    assert catalog.retire_vanished(second) == 1
    (gone,) = retired_since(catalog, second)
    with catalog.database.read() as connection:
        retired = connection.scalar(select(Delivery.retired_at).where(Delivery.id == gone.id))
        usage = usage_of(connection, [(gone.artifact, False)], None, set())
    assert usage.superseded == {gone.artifact: retired}
    assert incidents_of(catalog, first) == []
