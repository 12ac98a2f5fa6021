"""Random kills during one run, on each database, and nobody calls resume; `make soak` does hundreds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.promises import Digests, as_text
from tests.faults.soak import database_for, soak, undisturbed

SHOTS, KILLS = 60, 30

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Digests:
    """What nobody disturbed makes of the same manifest."""
    return undisturbed(tmp_path_factory.mktemp("undisturbed"), SHOTS)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.promise("kill -9 loses no finished stage", "no half file is visible", "one row per output")
def test_killed_at_random_it_ends_as_if_nobody_had_been_killed(
    tmp_path: Path, expected: Digests, database: str
) -> None:
    with database_for(database, tmp_path) as url:
        came = soak(tmp_path / "house", expected, kills=KILLS, database_url=url, gap_seconds=2.0, seed=7)
    assert not came.wrong, as_text(came.wrong)
    assert came.killed["kills"] == KILLS, f"the run was over after {came.killed}"
    assert came.looked >= SHOTS * 3
