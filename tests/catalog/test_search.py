"""Searches: every word counts, names are found by their beginnings, and nothing that is typed is an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from catalog import facts
from catalog.dialect import clock
from catalog.errors import CatalogError
from catalog.new_shots import NewShot
from catalog.tables import Execution
from tests.catalog.conftest import Workplace
from tests.catalog.test_facts import PLAN, deliver


def submit(place: Workplace, *shots: NewShot, name: str = "nightly") -> str:
    return place.catalog.submit_run(
        name=name,
        kind="product",
        manifest_sha256="0" * 64,
        manifest={},
        triggered_by="tester",
        out_folder="/out",
        shots=shots,
    )


def shot(key: str, title: str, *tags: str, **meta: str) -> NewShot:
    told = {"title": title} | {f"meta.{name}": value for name, value in meta.items()}
    return NewShot(key, key, plan=PLAN, meta=told, tags=tags)


@pytest.fixture
def shop(place: Workplace) -> Workplace:
    submit(
        place,
        shot("SKU-0042", "Crème brûlée, “vanille”", "summer", "sweet", brand="Ørsted & Søn"),
        shot("SKU-0043", "Духи «Лето»", "summer", brand="Новая Заря"),
        shot("SKU-0044", "Straßenschuh / Größe 44", "winter"),
    )
    submit(place, shot("SKU-0042", "Tea cup"), name="pottery")
    return place


def items(place: Workplace, words: str, **by: object) -> list[str]:
    return [hit.item for hit in facts.search(place.catalog, words, **by)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("creme BRULEE", ["SKU-0042"]),
        ("crème", ["SKU-0042"]),
        ("духи", ["SKU-0043"]),
        ("ЛЕТО заря", ["SKU-0043"]),
        ("straßen", ["SKU-0044"]),
        ("grosse", []),
        ("summer", ["SKU-0043", "SKU-0042"]),
        ("summer sweet", ["SKU-0042"]),
        ("summer winter", []),
        ("sku-0042", ["SKU-0042", "SKU-0042"]),
        ("pottery", ["SKU-0042"]),
        ("vani", ["SKU-0042"]),
        ("søn", ["SKU-0042"]),
        ("cup AND NOT tea", []),
        ("!!!", []),
        ("", ["SKU-0042", "SKU-0044", "SKU-0043", "SKU-0042"]),
    ],
)
def test_every_word_counts_whatever_its_case_and_accents(shop: Workplace, words: str, found: list[str]) -> None:
    assert items(shop, words) == found


def test_pages_go_on_where_the_last_one_ended(shop: Workplace) -> None:
    first = facts.search(shop.catalog, "sku", limit=3)
    rest = facts.search(shop.catalog, "sku", limit=3, after=first[-1].cursor)
    assert [hit.item for hit in (*first, *rest)] == ["SKU-0042", "SKU-0044", "SKU-0043", "SKU-0042"]
    with pytest.raises(CatalogError) as refused:
        facts.search(shop.catalog, "sku", after="1; DROP TABLE shots")
    assert refused.value.code == "BAD_CURSOR"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
@example('"')
@example("'; DROP TABLE shots; --")
@example("a:* & | ! <-> (b")
@example('NEAR("a" b) ^c {x}: -*')
@example("\0\x1f%_\\")
@example("😀 ﷽ ǅ ı İ")
@example("٠١٢ ½ ² Ⅷ")
@example("ab" * 400)
def test_nothing_that_is_typed_is_an_error(shop: Workplace, words: str) -> None:
    for by in ({}, {"engine": words}, {"error": words}, {"weights": words}):
        facts.search(shop.catalog, words, **by)  # type: ignore[arg-type]


def test_a_zero_byte_in_a_title_does_not_cost_the_run_its_submission(place: Workplace) -> None:
    submit(place, shot("a", "before\0after", path="C:\\u0000x"))
    assert items(place, "before") == ["a"]


def test_files_runs_and_deliveries_are_found_by_the_beginning_of_their_names(place: Workplace) -> None:
    (claim,) = place.claim()
    delivery = deliver(place, claim, "a")
    (one,) = place.catalog.current_deliveries(["ask a"])["ask a"]
    run_id = claim.shot_id.partition(".")[0]
    for name, kind in ((one.artifact[:9], "artifact"), (str(one.poster), "artifact"), (delivery, "delivery")):
        (hit,) = facts.search(place.catalog, name)
        assert (hit.kind, hit.shot_id, hit.run_id) == (kind, claim.shot_id, run_id), name
    assert facts.search(place.catalog, run_id[:14])[0].kind == "run"
    assert facts.search(place.catalog, claim.shot_id)[0].id == claim.shot_id
    stray = place.make("still", b"still", stage="prepare").outputs[0].sha256
    assert facts.search(place.catalog, stray[:12])[0].id == stray


def test_words_are_narrowed_by_error_engine_weights_and_date(place: Workplace) -> None:
    run_id, shots = place.submit(3, plan=PLAN)
    claims = place.catalog.claim(place.catalog.new_batch(run_id, shots), shots, "w", 600)
    made = place.make("svd", b"master", claim=claims[1], stage="animate", engine="svd", weights={"svd.bin": "ab" * 32})
    place.catalog.link(claims[1].shot_id, "", made.id, made=True)
    place.catalog.finish_shot(claims[2], "failed", "ENGINE_FAILED", "no")
    with place.catalog.database.write() as connection:
        connection.execute(update(Execution).values(ended_at=clock(-600)))
    place.catalog.roll_up()
    assert items(place, "nightly", error="ENGINE_FAILED") == items(place, "", error="ENGINE_FAILED") == ["item2"]
    assert items(place, "nightly", engine="svd") == items(place, "", engine="svd") == ["item1"]
    assert items(place, "item2", engine="svd") == []
    assert items(place, "", engine="camera") == ["item2", "item1", "item0"]
    assert items(place, "", weights="svd.bin") == items(place, "nightly", weights="abab") == ["item1"]
    assert items(place, "", weights="other.bin") == []
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert items(place, "nightly", since=tomorrow) == [] and len(items(place, "", until=tomorrow)) == 3
