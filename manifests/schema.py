"""JSON Schema of a whole manifest file, for editors that complete and check while people write."""

from __future__ import annotations

import copy
from typing import Any

from manifests.header import Header, RowsFile
from manifests.keys import ask_schema

URI = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Header, asks and rows, with a description at every key; definitions under `$defs`."""
    header = copy.deepcopy(Header.model_json_schema())
    rows_file = RowsFile.model_json_schema()
    asked = copy.deepcopy(dict(ask_schema()))
    definitions: dict[str, Any] = {
        **header.pop("$defs", {}),
        **rows_file.pop("$defs", {}),
        **asked.pop("$defs", {}),
        "RowsFile": rows_file,
        "Ask": _layer(asked, "Keys of an ask; all may be left out."),
        "Row": _row(asked),
    }
    definitions["ImageSource"] = _source(definitions["ImageSource"])
    for name in ("Ask", "Row"):
        definitions[name]["properties"]["source"]["anyOf"] = [
            {"type": "string", "description": "The picture's path."},
            {"$ref": "#/$defs/ImageSource"},
        ]
        definitions[name]["properties"]["source"].pop("$ref", None)
    properties: dict[str, Any] = header["properties"]
    properties["defaults"] = {
        "$ref": "#/$defs/Ask",
        "description": "What every row asks for, unless it says otherwise.",
    }
    properties["profiles"] = {
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/Ask"},
        "description": "Named sets of keys a row can choose; they stand over the defaults and below the row.",
    }
    properties["rows"] = {
        "anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Row"}}, {"$ref": "#/$defs/RowsFile"}],
        "description": "The rows themselves, or the file they are in.",
    }
    header |= {"$schema": URI, "title": "Dailies manifest", "required": ["version", "rows"], "$defs": definitions}
    return header


def _layer(asked: dict[str, Any], description: str) -> dict[str, Any]:
    layer = copy.deepcopy(asked) | {"description": description}
    layer.pop("required", None)
    return layer


def _row(asked: dict[str, Any]) -> dict[str, Any]:
    row = _layer(asked, "One product photo or storyboard panel.")
    own = {
        "id": {"type": ["string", "number"], "description": "Unique, 1 to 200 characters; echoed in every result."},
        "profile": {"type": "string", "description": "The profile this row takes instead of the header's."},
    }
    return row | {"properties": own | row["properties"], "required": ["id"]}


def _source(source: dict[str, Any]) -> dict[str, Any]:
    """A layer may say only `page` or `mask` of a source."""
    return {key: value for key, value in source.items() if key != "required"}
