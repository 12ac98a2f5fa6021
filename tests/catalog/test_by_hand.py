"""Single shots, as a person decides: tried again or set aside, all that were named or none."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from catalog.errors import CatalogError, NotFound
from catalog.queries import run, shot
from catalog.tables import Audit
from tests.catalog.conftest import Workplace


def ended(place: Workplace) -> tuple[str, list[str]]:
    """A run of three that has ended: done, failed, quarantined."""
    run_id, shots = place.submit(3, plan={"stages": []})
    claims = place.catalog.claim(place.catalog.new_batch(run_id, shots), shots, "worker", 60)
    place.catalog.finish_shot(claims[0], "done")
    place.catalog.finish_shot(claims[1], "failed", "ENGINE_FAILED", "no")
    place.catalog.finish_shot(claims[2], "quarantined", "BAD_IMAGE", "torn")
    assert place.catalog.finish_run(run_id) == "failed"
    return run_id, shots


def audited(place: Workplace, what: str) -> list[tuple[str, str]]:
    with place.catalog.database.read() as connection:
        rows = connection.execute(select(Audit.who, Audit.subject).where(Audit.what == what).order_by(Audit.id))
        return [(who, subject) for who, subject in rows]


def test_a_shot_that_failed_is_tried_again_and_no_other(place: Workplace) -> None:
    run_id, shots = ended(place)
    assert place.catalog.retry_shots([shots[1], shots[1]], "anna") == [run_id]
    assert [shot(place.catalog, one).state for one in shots] == ["done", "waiting", "quarantined"]
    again = shot(place.catalog, shots[1])
    assert (again.attempts, again.error_code) == (0, None)
    assert run(place.catalog, run_id).state == "planned" and run(place.catalog, run_id).ended_at is None
    assert audited(place, "retry") == [("anna", shots[1])]


def test_what_cannot_be_tried_again_changes_nothing(place: Workplace) -> None:
    run_id, shots = ended(place)
    _, never = place.submit(1, state="quarantined", error_code="PICTURE_MISSING", error_message="no such picture")
    for wrong, code in ((shots[0], "NOT_OVER"), (never[0], "NEVER_PLANNED"), ("nowhere", "NOT_FOUND")):
        with pytest.raises(CatalogError) as refused:
            place.catalog.retry_shots([shots[1], wrong], "anna")
        assert refused.value.code == code
    assert shot(place.catalog, shots[1]).state == "failed" and run(place.catalog, run_id).state == "failed"
    assert audited(place, "retry") == []


def test_a_shot_is_set_aside_and_taken_back(place: Workplace) -> None:
    run_id, shots = place.submit(2, plan={"stages": []})
    assert place.catalog.set_aside(shots[:1], "anna", "the label is wrong") == 1
    aside = shot(place.catalog, shots[0])
    assert (aside.state, aside.error_code) == ("quarantined", "QUARANTINED_BY_HAND")
    assert aside.error_message == "set aside by anna: the label is wrong"
    claims = place.catalog.claim(place.catalog.new_batch(run_id, shots), shots, "worker", 60)
    assert [claim.shot_id for claim in claims] == shots[1:], "nobody works it"
    for wrong in (shots[1], "nowhere"):
        with pytest.raises((CatalogError, NotFound)):
            place.catalog.set_aside([wrong], "anna", "")
    assert place.catalog.retry_shots(shots[:1], "anna") == [run_id]
    assert audited(place, "quarantine") == [("anna", shots[0])]
