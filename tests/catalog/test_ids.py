"""Names of rows: sortable by time, and never the same twice."""

from __future__ import annotations

from catalog.ids import new_id, shot_id

MANY = 100_000


def test_a_hundred_thousand_executions_named_at_once_all_have_names_of_their_own() -> None:
    assert len({new_id("x") for _ in range(MANY)}) == MANY


def test_names_sort_by_when_they_were_given() -> None:
    made = [new_id("r")]
    while made[-1][:16] == made[0][:16]:  # until the next millisecond
        made.append(new_id("r"))
    assert made[0] < made[-1] and len(made[0]) == len("r261121-072433-7kq2m4a")


def test_a_shot_is_its_run_and_its_place() -> None:
    assert shot_id("r261121-072433-7kq2m4a", 12) == "r261121-072433-7kq2m4a.00012"
