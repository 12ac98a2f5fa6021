"""A run is written down whole or not at all, from a stream, and reads back as it was given."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from catalog import queries
from catalog.catalog import Catalog
from catalog.errors import CatalogError, NotFound
from catalog.json_text import JsonText, dumps
from catalog.new_shots import NewRendition, NewShot
from catalog.runs import WRITTEN_AT_ONCE
from tests.catalog.conftest import Workplace


def submit(catalog: Catalog, shots: Iterator[NewShot]) -> str:
    asked: dict[str, Any] = {"name": "m", "kind": "product", "manifest_sha256": "0" * 64, "manifest": {"items": 1}}
    return catalog.submit_run(
        **asked, triggered_by="t", out_folder="out", shots=shots, priority="low", code_version="9"
    )


def shots(count: int) -> Iterator[NewShot]:
    for n in range(count):
        rendition = NewRendition("16x9", 16, 9, "30", 25)
        yield NewShot(f"k{n}", "i", ask=JsonText('{"seed": 7}'), plan={"n": n}, tags=["a", "a"], renditions=[rendition])


def test_a_stream_longer_than_a_piece_reads_back_in_order(place: Workplace) -> None:
    count = WRITTEN_AT_ONCE * 2 + 3
    run_id = submit(place.catalog, shots(count))
    found = list(queries.each_shot(place.catalog, run_id))
    assert [shot.key for shot in found] == [f"k{n}" for n in range(count)]
    assert found == queries.shots_of(place.catalog, run_id)
    assert found[-1].ask == {"seed": 7} and found[-1].plan == {"n": count - 1}
    run = queries.run(place.catalog, run_id)
    assert (run.priority, run.code_version, run.shots) == ("low", "9", {"waiting": count})


def test_a_stream_that_breaks_leaves_nothing(place: Workplace) -> None:
    def breaking() -> Iterator[NewShot]:
        yield from shots(WRITTEN_AT_ONCE + 1)
        raise RuntimeError("the planner died")

    before = len(queries.list_runs(place.catalog))
    with pytest.raises(RuntimeError):
        submit(place.catalog, breaking())
    with pytest.raises(CatalogError, match="share a key"):
        submit(place.catalog, iter([*shots(WRITTEN_AT_ONCE + 1), NewShot("k0", "i")]))
    with pytest.raises(NotFound, match="reuse"):
        submit(place.catalog, iter([NewShot("k", "i", state="done", reuses=[("16x9", "d-none")])]))
    assert len(queries.list_runs(place.catalog)) == before


def test_nobody_sees_half_a_run(place: Workplace) -> None:
    seen: list[int] = []

    def watched() -> Iterator[NewShot]:
        for number, shot in enumerate(shots(WRITTEN_AT_ONCE * 2)):
            if number == WRITTEN_AT_ONCE + 1:  # the first piece is written
                with ThreadPoolExecutor(1) as reader:
                    seen.append(len(reader.submit(queries.list_runs, place.catalog).result(30)))
            yield shot

    before = len(queries.list_runs(place.catalog))
    submit(place.catalog, watched())
    assert seen == [before] and len(queries.list_runs(place.catalog)) == before + 1


def test_json_text_goes_as_it_is_and_nan_never() -> None:
    assert dumps(JsonText('{"a":1}')) == '{"a":1}' and dumps("text") == '"text"'
    with pytest.raises(ValueError, match="JSON"):
        dumps(float("nan"))
