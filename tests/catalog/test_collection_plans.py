"""Pages of artifacts come by key and are judged by indexes: a collection costs more as the store grows, no faster."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from catalog.retention import Rules
from tests.catalog.conftest import Workplace


def test_no_page_reads_or_sorts_a_whole_table(place: Workplace) -> None:
    sent: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, _context: object, many: bool) -> None:
        sent.append((statement, parameters[0] if many else parameters))

    place.make("recipe", b"clip")
    place.submit(1)
    event.listen(place.catalog.database.engine, "before_cursor_execute", note)
    list(place.catalog.survey(Rules(0, 0, 0), lambda plan: ["0" * 64]))
    list(place.catalog.longest_unread())
    selects = [one for one in sent if one[0].startswith(("SELECT", "WITH")) and "count(" not in one[0]]
    assert len(selects) > 8
    if not place.url.startswith("sqlite"):
        return  # plans of an almost empty PostgreSQL say nothing; that it answers is tested by then
    with place.catalog.database.read() as connection:
        for sql, values in selects:
            plan = [str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
            by_key = "sqlite_autoindex_artifacts"
            bad = [step for step in plan if step.startswith("SCAN artifacts") and by_key not in step]
            bad += [step for step in plan if step.startswith(("SCAN executions", "SCAN execution_", "SCAN deliveries"))]
            bad += [step for step in plan if "FOR ORDER BY" in step and "LAST" not in step]
            assert not bad, f"{bad}\n{sql}\n{plan}"
