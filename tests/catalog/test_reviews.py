"""Reviews: one verdict for all renditions and presets of a shot, which follows the deliveries it was on."""

from __future__ import annotations

import pytest

from catalog import facts
from catalog.claims import Claim
from catalog.errors import CatalogError, NotFound
from tests.catalog.conftest import Workplace
from tests.catalog.test_facts import PLAN, deliver


def finished(place: Workplace, levels: list[float], presets: tuple[str, ...] = ("reel", "square")) -> list[Claim]:
    """A run with a shot for each level of flicker, of which 2.0 is allowed, delivered in two presets."""
    run_id, shots = place.submit(len(levels), plan=PLAN)
    claims = place.catalog.claim(place.catalog.new_batch(run_id, shots), shots, "w", 600)
    for claim, level in zip(claims, levels, strict=True):
        for preset in presets:
            deliver(place, claim, f"{claim.shot_id} {preset}", preset=preset, level=level)
    return claims


def test_the_furthest_outlier_comes_first_and_policies_choose(place: Workplace) -> None:
    claims = finished(place, [1.0, 5.0, 1.9, 2.5])
    queue = facts.review_queue(place.catalog)
    assert [one.item for one in queue] == ["item1", "item3", "item2", "item0"]
    assert [one.flagged for one in queue] == [True, True, False, False]
    assert queue[0].score == pytest.approx(1.5) and queue[2].score == pytest.approx(-0.05)
    assert [clip.preset for clip in queue[0].clips] == ["reel", "square"]
    assert queue[0].clips[0].measurements[0].passed is False
    flagged = facts.review_queue(place.catalog, policy=facts.Flagged())
    assert [one.item for one in flagged] == ["item1", "item3"]
    assert facts.review_queue(place.catalog, policy=facts.Sample(0)) == flagged
    assert facts.review_queue(place.catalog, policy=facts.Sample(100)) == queue
    some = facts.review_queue(place.catalog, policy=facts.Sample(50))
    assert some == facts.review_queue(place.catalog, policy=facts.Sample(50)) and flagged == some[:2]
    assert facts.review_queue(place.catalog, run_id="r0") == []

    pages = [facts.review_queue(place.catalog, limit=3)]
    pages.append(facts.review_queue(place.catalog, limit=3, after=pages[0][-1].cursor))
    assert [one.shot_id for page in pages for one in page] == [one.shot_id for one in queue]
    assert facts.review_queue(place.catalog, run_id=claims[0].shot_id.partition(".")[0]) == queue


def test_one_verdict_covers_every_preset_and_is_audited(place: Workplace) -> None:
    claims = finished(place, [1.0, 1.0, 1.0])
    first = facts.review_queue(place.catalog)[0]
    (covered,) = place.catalog.review("ann", "approved", deliveries=[first.clips[0].id], note="lovely")
    assert set(covered.deliveries) == {clip.id for clip in first.clips}
    assert first.shot_id not in {one.shot_id for one in facts.review_queue(place.catalog)}
    shot = facts.shot_facts(place.catalog, first.shot_id)
    assert {(one.verdict.verdict, one.verdict.note) for one in shot.deliveries if one.verdict} == {
        ("approved", "lovely")
    }
    (row,) = facts.audit_rows(place.catalog, subject=first.shot_id)
    assert (row.who, row.what, row.detail["verdict"]) == ("ann", "review", "approved")

    place.catalog.review("ann", "approved", deliveries=[first.clips[1].id], note="lovely")
    assert len(facts.audit_rows(place.catalog, subject=first.shot_id)) == 1, "the same again says nothing new"
    others = [claim.shot_id for claim in claims if claim.shot_id != first.shot_id]
    place.catalog.review("bob", "rejected", shots=others)
    told = facts.review_progress(place.catalog)
    assert (told.total, told.waiting, told.approved, told.rejected, told.redo) == (3, 0, 1, 2, 0)
    run_id = claims[0].shot_id.partition(".")[0]
    assert [card.verdict for card in facts.shot_cards(place.catalog, run_id)].count("rejected") == 2
    assert len(facts.audit_rows(place.catalog, subject=run_id)) == 4, "of the run's submission, and of its shots"


def test_what_is_delivered_anew_waits_again_and_what_stays_keeps_its_verdict(place: Workplace) -> None:
    (claim,) = finished(place, [1.0])
    place.catalog.review("ann", "redo", shots=[claim.shot_id], note="too dark")
    assert facts.review_progress(place.catalog).redo == 1
    old = facts.shot_facts(place.catalog, claim.shot_id).deliveries[0]
    deliver(place, claim, "again", preset=old.preset)
    (entry,) = facts.review_queue(place.catalog)
    by_id = {one.id: one for one in facts.shot_facts(place.catalog, claim.shot_id).deliveries}
    assert by_id[old.id].state == "superseded" and by_id[old.id].verdict is not None, "it stays said of the old file"
    assert {clip.preset for clip in entry.clips} == {"reel", "square"}
    with pytest.raises(CatalogError) as refused:
        place.catalog.review("ann", "approved", deliveries=[old.id])
    assert refused.value.code == "SUPERSEDED" and facts.review_queue(place.catalog) == [entry]


def test_a_review_is_opened_again_and_what_was_said_stays_listed(place: Workplace) -> None:
    (claim,) = finished(place, [1.0])
    place.catalog.review("ann", "approved", shots=[claim.shot_id])
    place.catalog.reopen_review("bob", shots=[claim.shot_id], note="the label is wrong")
    assert len(facts.review_queue(place.catalog)) == 1
    assert facts.shot_facts(place.catalog, claim.shot_id).deliveries[0].verdict is None
    told = [(row.who, row.what) for row in facts.audit_rows(place.catalog, subject=claim.shot_id)]
    assert told == [("bob", "reopen review"), ("ann", "review")]
    place.catalog.review("ann", "rejected", shots=[claim.shot_id])
    assert facts.review_progress(place.catalog).rejected == 1


def test_a_refusal_changes_nothing(place: Workplace) -> None:
    (claim,) = finished(place, [1.0])
    waiting, _ = place.submit(1, name="other")
    before = facts.review_queue(place.catalog)
    for deliveries, shots in ((["d0"], []), ([], ["r0.1"]), ([], [claim.shot_id, f"{waiting}.00001"])):
        with pytest.raises(NotFound):
            place.catalog.review("ann", "approved", deliveries=deliveries, shots=shots)
    with pytest.raises(CatalogError, match="approved, rejected, redo"):
        place.catalog.review("ann", "fine", shots=[claim.shot_id])  # type: ignore[arg-type]
    with pytest.raises(CatalogError):
        place.catalog.review("ann", "approved")
    with pytest.raises(CatalogError) as refused:
        facts.review_queue(place.catalog, after="somewhere")
    assert refused.value.code == "BAD_CURSOR"
    assert facts.review_queue(place.catalog) == before
