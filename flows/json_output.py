"""JSON for machines, of anything the catalog and the tasks return."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

JSON = Annotated[bool, typer.Option("--json", help="Print JSON for machines and nothing else.")]
"""The option of every command that can print it."""


def print_json(value: Any) -> None:
    """JSON on stdout: dataclasses, paths, times."""
    text = json.dumps(value, default=_plain, indent=2, ensure_ascii=False)
    # Of control characters JSON leaves these as they are; a terminal takes some for commands.
    sys.stdout.write(re.sub("[\x7f-\x9f\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
