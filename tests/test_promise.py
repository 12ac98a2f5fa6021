"""What Dailies promises, line by line, and that each line is proved by tests of its own: `pytest -m promise`.

Kill it at any instant: nothing finished is lost, nothing half-written is visible, and running again does only what is
missing. Work is done at least once; it is published exactly once.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PROMISES = (
    "kill -9 loses no finished stage",
    "no half file is visible",
    "running again does only what is missing",
    "one row per output",
    "damage is found",
    "disk full, database gone, store gone",
    "out of memory degrades, visibly",
    "NaN, black, frozen frames are never published",
    "a bad item never stops a batch",
    "a stale worker cannot publish",
)


def proofs() -> dict[str, list[str]]:
    """Promise -> the tests that carry it, read from the sources: files are not imported."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    root = Path(__file__).parent
    for path in sorted(root.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.promise":
                        for words in mark.args:
                            found[ast.literal_eval(words)].append(f"{path.relative_to(root)}::{node.name}")
    return found


def test_every_promise_is_proved_and_every_proof_is_of_a_promise() -> None:
    found = proofs()
    assert set(found) == set(PROMISES), "a promise without a test, or a test of something else"
