"""What happens is written down to be told, once; and whoever is told gets it until it has arrived."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from catalog import Catalog, facts
from catalog.claims import Claim, Ending
from catalog.errors import NotFound
from catalog.new_shots import NewShot
from catalog.notices import EVENTS, MOST_SHOTS
from catalog.outbox import Due
from catalog.queries import notice_targets, tellings_of
from catalog.tables import Incident, Notice, NoticeDelivery
from tests.catalog.conftest import Workplace

TICK = 0.002
"""SQLite's clock counts milliseconds."""


def notices(catalog: Catalog) -> list[tuple[str, str, dict[str, object]]]:
    query = select(Notice.event, Notice.subject, Notice.body).order_by(Notice.at, Notice.id)
    with catalog.database.read() as connection:
        return [(row.event, row.subject, row.body) for row in connection.execute(query)]


def incidents(catalog: Catalog) -> list[str]:
    with catalog.database.read() as connection:
        return list(connection.scalars(select(Incident.code).order_by(Incident.id)))


def later(catalog: Catalog, **ago: float) -> None:
    """Let time pass for what is on its way."""
    back = timedelta(**ago)
    with catalog.database.write() as connection:
        for row in connection.execute(select(NoticeDelivery)).all():
            which = (NoticeDelivery.notice_id == row.notice_id) & (NoticeDelivery.target == row.target)
            then = {"next_at": row.next_at - back, "created_at": row.created_at - back}
            connection.execute(update(NoticeDelivery).where(which).values(then))


def taken(catalog: Catalog, target: str = "shop") -> Due:
    due = catalog.take_notice(target, EVENTS)
    assert due is not None
    return due


def run_of_three(place: Workplace) -> tuple[str, list[Claim]]:
    run_id, shots = place.submit(3)
    place.catalog.set_run_state(run_id, "running")
    return run_id, place.catalog.claim(place.catalog.new_batch(run_id, shots), shots, "worker", 600)


def test_the_end_of_a_run_is_told_once_with_its_facts(place: Workplace) -> None:
    catalog = place.catalog
    run_id, claims = run_of_three(place)
    catalog.finish_shot(claims[0], "done")
    catalog.finish_shot(claims[1], "failed", "ENGINE_FAILED", "the engine said no")
    catalog.finish_shot(claims[2], "failed", "ENGINE_FAILED", "once more")
    with ThreadPoolExecutor(4) as keepers:
        assert "failed" in set(keepers.map(lambda _: catalog.finish_run(run_id), range(8)))
    catalog.set_run_state(run_id, "failed")
    ((event, subject, body),) = notices(catalog)
    run = body["run"]
    assert (event, subject) == ("run.failed", run_id) and isinstance(run, dict)
    assert run["shots"] == {"done": 1, "failed": 2} and run["out_folder"] == "/out" and run["state"] == "failed"
    (failure,) = run["failures"]
    assert (failure["code"], failure["shots"]) == ("ENGINE_FAILED", 2)
    assert failure["first"] == {"id": claims[1].shot_id, "item": "item1", "variant": "", "code": "ENGINE_FAILED",
                                "message": "the engine said no"}  # fmt: skip

    catalog.reopen_run(run_id, "ann")
    again = catalog.claim(None, [claim.shot_id for claim in claims[1:]], "worker", 600)
    catalog.finish_shots([Ending(claim, "done") for claim in again])
    catalog.finish_run(run_id)
    assert [event for event, _, _ in notices(catalog)] == ["run.failed", "run.finished"]


def test_a_cancelled_and_a_paused_run_are_told(place: Workplace) -> None:
    catalog = place.catalog
    run_id, _ = place.submit(1)
    for _ in range(2):
        catalog.pause_run(run_id, "BUDGET_SPENT", "2 GPU hours are spent", "keeper")
    catalog.cancel_run(run_id, "ann")
    catalog.finish_run(run_id)
    told = notices(catalog)
    assert [event for event, _, _ in told] == ["run.paused", "run.cancelled"]
    assert told[0][2]["run"]["paused_code"] == "BUDGET_SPENT"  # type: ignore[index]


def test_what_is_set_aside_is_told_a_run_at_a_time(place: Workplace) -> None:
    catalog = place.catalog
    bad = [NewShot(f"b{n}", f"b{n}", state="quarantined", error_code="BAD_IMAGE", error_message="torn")
           for n in range(MOST_SHOTS + 10)]  # fmt: skip
    run_id = catalog.submit_run(name="night", kind="product", manifest_sha256="0" * 64, manifest={},
                                triggered_by="t", out_folder="/out", shots=[*bad, NewShot("good", "good")])  # fmt: skip
    _, claims = run_of_three(place)
    catalog.finish_shots([Ending(claims[0], "quarantined", "BAD_IMAGE", "cut off"), Ending(claims[1], "done")])
    catalog.finish_shots([Ending(claims[0], "quarantined", "BAD_IMAGE", "cut off")])  # the first answer was lost
    catalog.release([claims[2]])
    catalog.set_aside([claims[2].shot_id, f"{run_id}.{MOST_SHOTS + 11:05d}"], "ann", "wrong label")
    told = notices(catalog)
    assert [event for event, _, _ in told] == ["shot.quarantined"] * 4
    assert [body["count"] for _, _, body in told] == [MOST_SHOTS + 10, 1, 1, 1]
    assert len(told[0][2]["shots"]) == MOST_SHOTS  # type: ignore[arg-type]
    assert told[1][2]["shots"][0]["message"] == "cut off"  # type: ignore[index]


def test_what_did_not_happen_is_not_told(place: Workplace) -> None:
    catalog = place.catalog
    with pytest.raises(RuntimeError), catalog.database.write():
        catalog.post_notice("report", "Morning report", {"markdown": "# 3 runs"})
        raise RuntimeError("the report was not written")
    assert notices(catalog) == []
    catalog.post_notice("report", "Morning report", {"markdown": "# 3 runs"})
    assert notices(catalog) == [("report", "Morning report", {"markdown": "# 3 runs"})]


def test_a_notice_is_one_senders_at_a_time_and_comes_back_with_its_id(place: Workplace) -> None:
    catalog = place.catalog
    catalog.post_notice("report", "before anybody listened", {})
    time.sleep(TICK)
    catalog.know_target("shop", "webhook")
    later_id = catalog.post_notice("report", "Morning report", {})
    with ThreadPoolExecutor(4) as senders:
        found = [due for due in senders.map(lambda _: catalog.take_notice("shop", EVENTS), range(8)) if due]
    assert [(due.notice_id, due.attempt) for due in found] == [(later_id, 1)]
    assert catalog.take_notice("shop", ["run.finished"]) is None, "what is on its way stays so"
    later(catalog, seconds=61)  # its sender died
    again = taken(catalog)
    assert (again.notice_id, again.attempt) == (later_id, 2)
    catalog.notice_failed(found[0], "503", 0)  # and was only asleep: it has nothing to say any more
    catalog.notice_told(again, "200")
    assert catalog.take_notice("shop", EVENTS) is None
    (target,) = notice_targets(catalog)
    assert (target.state, target.waiting) == ("well", 0) and target.told_at is not None


def test_targets_listen_to_their_own_events(place: Workplace) -> None:
    catalog = place.catalog
    for name in ("shop", "team"):
        catalog.know_target(name, "webhook")
    catalog.post_notice("report", "Morning report", {})
    assert catalog.take_notice("shop", ["run.failed"]) is None
    assert taken(catalog, "team").subject == "Morning report"
    assert catalog.take_notice("nobody", EVENTS) is None


def test_a_target_that_fails_is_an_incident_and_is_given_up_after_a_day(place: Workplace) -> None:
    catalog = place.catalog
    catalog.know_target("shop", "webhook")
    run_id, _ = place.submit(1)
    catalog.pause_run(run_id, "BUDGET_SPENT", "spent", "keeper")
    for attempt in range(1, 5):
        due = taken(catalog)
        assert due.attempt == attempt
        catalog.notice_failed(due, "503", 30)
        assert catalog.take_notice("shop", EVENTS) is None, "it rests"
        later(catalog, seconds=31)
    assert incidents(catalog) == ["RUN_PAUSED", "NOTIFY_FAILING"]
    assert [(row.state, row.reason, row.waiting) for row in facts.health(catalog).targets] == [("failing", "503", 1)]
    later(catalog, days=1)
    catalog.notice_failed(taken(catalog), "503", 30)
    (telling,) = tellings_of(catalog, run_id)
    assert (telling.state, telling.attempts, telling.answer) == ("given_up", 5, "503")
    assert incidents(catalog) == ["RUN_PAUSED", "NOTIFY_FAILING", "NOTICE_GIVEN_UP"]
    catalog.post_notice("report", "Morning report", {})
    catalog.notice_told(taken(catalog), "200")
    assert [row.state for row in notice_targets(catalog)] == ["well"]


def test_a_target_that_wants_no_more_gets_no_more_until_it_is_asked(place: Workplace) -> None:
    catalog = place.catalog
    catalog.know_target("shop", "webhook")
    for number in range(3):
        catalog.post_notice("report", f"Report {number}", {})
    catalog.target_gone(taken(catalog), "410")
    assert catalog.take_notice("shop", EVENTS) is None and incidents(catalog) == ["NOTIFY_GONE"]
    catalog.post_notice("report", "while it was gone", {})
    time.sleep(TICK)
    catalog.target_back("shop")
    assert catalog.take_notice("shop", EVENTS) is None
    catalog.post_notice("report", "now", {})
    assert taken(catalog).subject == "now"


def test_a_late_answer_brings_nobody_back(place: Workplace) -> None:
    catalog = place.catalog
    for name in ("shop", "team"):
        catalog.know_target(name, "webhook")
    catalog.post_notice("report", "Morning report", {})
    shop, team = taken(catalog), taken(catalog, "team")
    catalog.target_gone(shop, "410")
    catalog.forget_target("team")
    for due in (shop, team):
        catalog.notice_told(due, "200")
    assert [(row.name, row.state) for row in notice_targets(catalog)] == [("shop", "gone")]


def test_a_target_that_is_forgotten_is_told_from_when_it_is_named_again(place: Workplace) -> None:
    catalog = place.catalog
    with pytest.raises(NotFound):
        catalog.forget_target("shop")
    catalog.know_target("shop", "webhook")
    catalog.post_notice("report", "before", {})
    catalog.forget_target("shop")
    assert catalog.take_notice("shop", EVENTS) is None and notice_targets(catalog) == []
    time.sleep(TICK)
    catalog.know_target("shop", "webhook")
    catalog.post_notice("report", "after", {})
    assert taken(catalog).subject == "after" and [row.state for row in notice_targets(catalog)] == ["well"]
