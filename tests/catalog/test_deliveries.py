"""Deliveries: one current per slot, kept through upgrades, superseded by another ask, reused by other runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from catalog import queries
from catalog.claims import Claim
from catalog.deliveries import Delivered, NewDelivery, Reuse
from catalog.errors import CatalogError, NotFound, StaleClaim
from catalog.queries import damage
from tests.catalog.conftest import Workplace


def claim_run(place: Workplace, name: str = "nightly", count: int = 1) -> list[Claim]:
    run_id, shots = place.submit(count, name, tags=["summer"])
    return place.catalog.claim(place.catalog.new_batch(run_id, shots), shots, "w", 60)


def deliver(place: Workplace, claim: Claim, content: bytes, ask: str, *, refreshed: bool = False) -> Delivered:
    made = place.make(f"recipe of {content!r}", content)
    return place.catalog.deliver(
        NewDelivery(
            claim,
            shot_id=claim.shot_id,
            rendition="16x9",
            preset="web_1080p",
            ask_sha256=ask,
            artifact=made.outputs[0].sha256,
            poster=None,
            execution_id=made.id,
            refreshed=refreshed,
        )
    )


def test_a_delivery_is_found_by_what_was_asked(place: Workplace) -> None:
    (claim,) = claim_run(place)
    made = deliver(place, claim, b"clip", "ask")
    assert place.catalog.current_delivery("ask") == made
    assert place.catalog.current_delivery("ask", "web_1080p") == made
    assert place.catalog.current_delivery("ask", "instagram_reel") is None
    assert place.catalog.current_delivery("another ask") is None
    assert made.path.read_bytes() == b"clip" and made.recipe_sha256 == "recipe of b'clip'"


def test_the_same_ask_keeps_its_delivery_another_ask_supersedes_it(place: Workplace) -> None:
    (first,), (second,), (third,) = claim_run(place), claim_run(place), claim_run(place)
    old = deliver(place, first, b"clip", "ask")
    assert deliver(place, second, b"clip", "ask").id == old.id
    new = deliver(place, third, b"slower clip", "other ask")
    assert place.catalog.current_delivery("ask") is None
    assert place.catalog.current_delivery("other ask") == new
    everything = queries.deliveries_of(place.catalog, superseded=True)
    assert {row.delivery.id: row.delivery.state for row in everything} == {old.id: "superseded", new.id: "current"}
    # what a run was served with stays its own
    run_id = second.shot_id.split(".")[0]
    (row,) = queries.deliveries_of(place.catalog, run_id=run_id)
    assert (row.delivery.id, row.made, row.shot_id) == (old.id, False, second.shot_id)


def test_deliveries_of_many_shots_are_made_at_once(place: Workplace) -> None:
    (old,) = claim_run(place)
    replaced = deliver(place, old, b"old", "old ask")
    claims = claim_run(place, count=3)
    made = [place.make(f"recipe {number}", b"clip%d" % number) for number in range(3)]
    wanted = [
        NewDelivery(
            claim,
            shot_id=claim.shot_id,
            rendition="16x9",
            preset="web_1080p",
            ask_sha256=f"ask {number}",
            artifact=one.outputs[0].sha256,
            poster=None,
            execution_id=one.id,
        )
        for number, (claim, one) in enumerate(zip(claims, made, strict=True))
    ]
    ids = place.catalog.deliver_all(wanted)
    assert place.catalog.deliver_all(wanted) == ids  # its answer may have been lost
    current = place.catalog.current_deliveries([f"ask {number}" for number in range(3)])
    assert [current[f"ask {number}"][0].id for number in range(3)] == ids
    assert [current[f"ask {number}"][0].path.read_bytes() for number in range(3)] == [b"clip0", b"clip1", b"clip2"]
    everything = {row.delivery.id: row.delivery.state for row in queries.deliveries_of(place.catalog, superseded=True)}
    assert everything == {replaced.id: "superseded"} | dict.fromkeys(ids, "current")
    place.catalog.release(claims[1:2])
    with pytest.raises(StaleClaim):
        place.catalog.deliver_all([replace(one, ask_sha256="another ask") for one in wanted])
    assert place.catalog.current_delivery("another ask") is None


def test_a_refresh_supersedes_even_the_same_bytes(place: Workplace) -> None:
    (first,), (second,) = claim_run(place), claim_run(place)
    old = deliver(place, first, b"clip", "ask")
    new = deliver(place, second, b"clip", "ask", refreshed=True)
    assert new.id != old.id and place.catalog.current_delivery("ask") == new


def test_other_manifests_and_other_shots_are_other_slots(place: Workplace) -> None:
    (a, b), (c,) = claim_run(place, count=2), claim_run(place, "weekly")
    made = [deliver(place, claim, b"clip%d" % n, "ask") for n, claim in enumerate((a, b, c))]
    assert place.catalog.current_deliveries(["ask", "unknown"]) == {"ask": made}


def test_a_delivery_whose_file_is_damaged_is_not_offered(place: Workplace) -> None:
    (first,), (second,) = claim_run(place), claim_run(place)
    old = deliver(place, first, b"clip", "ask")
    place.catalog.mark_damaged(old.artifact)
    assert place.catalog.current_delivery("ask") is None
    assert deliver(place, second, b"clip", "ask").id == old.id  # made again: the same bytes, the same delivery
    assert place.catalog.current_delivery("ask") is not None


def test_what_cannot_be_delivered_changes_nothing(place: Workplace) -> None:
    (claim,) = claim_run(place)
    old = deliver(place, claim, b"clip", "ask")
    made = place.make("lost", b"lost")
    place.catalog.mark_damaged(made.outputs[0].sha256)
    new = NewDelivery(claim, claim.shot_id, "16x9", "web_1080p", "new", made.outputs[0].sha256, None, made.id)
    with pytest.raises(CatalogError) as refused:
        place.catalog.deliver(new)
    assert refused.value.code == "NOT_PRESENT"
    with pytest.raises(NotFound, match="9x16"):
        place.catalog.deliver(replace(new, rendition="9x16", artifact=old.artifact))
    place.catalog.finish_shot(claim, "done")
    with pytest.raises(StaleClaim):
        deliver(place, claim, b"late", "new")
    assert [row.delivery.id for row in queries.deliveries_of(place.catalog, superseded=True)] == [old.id]


def test_a_run_that_needs_no_work_is_served_in_bulk(place: Workplace) -> None:
    (claim,) = claim_run(place)
    old = deliver(place, claim, b"clip", "ask")
    run_id, shots = place.submit(3, state="done")
    assert place.catalog.reuse_deliveries([Reuse(shot, "16x9", old.id) for shot in shots]) == 3
    served = queries.deliveries_of(place.catalog, run_id=run_id)
    assert [row.shot_id for row in served] == shots and {row.made for row in served} == {False}
    assert served[0].delivery.id == old.id  # its own slot
    assert len({row.delivery.id for row in served}) == 3  # two other items with the same picture and ask
    assert {row.delivery.artifact for row in served} == {old.artifact}
    assert len(place.catalog.current_deliveries(["ask"])["ask"]) == 3
    place.catalog.reuse_deliveries([Reuse(shot, "16x9", old.id) for shot in shots])
    assert len(queries.deliveries_of(place.catalog, run_id=run_id)) == 3
    with pytest.raises(NotFound):
        place.catalog.reuse_deliveries([Reuse(shots[0], "9x16", old.id)])


def test_selections_for_export(place: Workplace) -> None:
    for claim in claim_run(place, count=3):
        made = deliver(place, claim, claim.shot_id.encode(), claim.shot_id)
        place.catalog.place_all([(claim.shot_id, made.id, Path("/out") / f"{claim.shot_id}.mp4")])
    catalog = place.catalog
    assert [row.item for row in queries.deliveries_of(catalog)] == ["item0", "item1", "item2"]
    (row,) = queries.deliveries_of(catalog, item="item1", preset="web_1080p", tag="summer", manifest="nightly")
    assert (row.meta, row.width, row.rate, row.made) == ({"sku": 1}, 1920, "30", True)
    assert row.placed_path == f"/out/{row.shot_id}.mp4"
    for nothing in ({"tag": "winter"}, {"item": "item9"}, {"preset": "x"}, {"manifest": "weekly"}, {"run_id": "r"}):
        assert queries.deliveries_of(catalog, **nothing) == []


@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_placed_files_are_told_once_each_however_they_are_paged(
    place: Workplace, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(damage, "PAGE", page)
    placed: list[tuple[str, str, Path]] = []
    for content in (b"monday", b"tuesday"):  # two runs put their files at the same places: the later run's stand there
        for number, claim in enumerate(claim_run(place, content.decode(), count=3)):
            made = deliver(place, claim, content + b"%d" % number, f"{content!r} {number}")
            placed.append((claim.shot_id, made.id, Path(f"/out/{number}.mp4")))
    place.catalog.place_all(placed)
    found = [(one.path, one.run_id) for one in damage.placed_files(place.catalog)]
    (later,) = {shot.split(".")[0] for shot, _, _ in placed[3:]}
    assert found == [(f"/out/{number}.mp4", later) for number in range(3)]
    (earlier,) = {shot.split(".")[0] for shot, _, _ in placed[:3]}
    assert {one.run_id for one in damage.placed_files(place.catalog, earlier)} == {earlier}
