"""JSON that was written elsewhere goes to the database as it is: plans are not parsed to be dumped again."""

from __future__ import annotations

import json
from typing import Any


class JsonText(str):
    """Text that is one whole JSON value, without NaN: what a JSON column may be given instead of the value."""

    __slots__ = ()


def dumps(value: Any) -> str:
    """What a JSON column is told. NaN is not JSON: SQLite would keep it, PostgreSQL refuses it; refuse it always."""
    return value if isinstance(value, JsonText) else json.dumps(value, ensure_ascii=False, allow_nan=False)
