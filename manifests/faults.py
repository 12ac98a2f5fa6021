"""From pydantic's errors to problems a person can act on: found, wanted, remedy, place."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from manifests.errors import Problem

Path = tuple[str | int, ...]
Schema = Mapping[str, Any]
_NOTHING: Schema = {}


class Place(NamedTuple):
    """Where something was asked: file, 1-based line, item id (empty in the header)."""

    file: str
    line: int | None
    item: str


MOST_FAULTS = 50
"""Told of one row or layer: to look for the nearest known key takes a millisecond, and a row may have a million."""

CODES = {
    "extra_forbidden": "UNKNOWN_KEY",
    "missing": "MISSING_KEY",
    "literal_error": "UNKNOWN_VALUE",
    **dict.fromkeys(
        [
            "greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number",
            "too_long", "too_short", "string_too_long", "string_too_short",
        ],
        "OUT_OF_RANGE",
    ),
}  # fmt: skip
"""pydantic's error types as our codes; our own pass through, all others are WRONG_TYPE."""


def problems_of(
    error: ValidationError, value: object, schema: Schema, place: Callable[[Path], Place], prefix: str = ""
) -> list[Problem]:
    """One problem per faulty key. `value` is what was validated, `schema` its model's JSON schema, `prefix` the key
    the value stands under; `place` says where a path of keys was written.
    """
    by_key: dict[Path, list[Any]] = {}
    located = [(_data_path(fault["loc"], value), fault) for fault in error.errors(include_url=False)]
    faulty_lists = {path[:-1] for path, _ in located if path and isinstance(path[-1], int)}
    for path, fault in located:
        if fault["type"] == "too_short" and path in faulty_lists:
            continue  # pydantic does not count the elements it refused
        own = fault["type"].isupper()
        # A choice of types gives one error per type: they are one fault of one key.
        key = path if own or not path or isinstance(path[-1], str) else _to_key(path, schema)
        by_key.setdefault(key, []).append(fault)
    told = [_problem(path, faults, schema, place(path), prefix) for path, faults in islice(by_key.items(), MOST_FAULTS)]
    if len(by_key) > MOST_FAULTS:
        found = f"and {len(by_key) - MOST_FAULTS} more keys are wrong"
        told.append(_at(place(()), "TOO_MANY_FAULTS", found, "mend these first"))
    return told


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name`; empty where none is."""
    folded = {option.lower(): option for option in known}
    return next((folded[near] for near in difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.55)), "")


def spelled(path: Sequence[str | int]) -> str:
    """`motion.focus[1]`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def shortened(value: object, longest: int = 60) -> str:
    """A value as it may stand in a message."""
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return text if len(text) <= longest else text[: longest - 1] + "…"


def schema_at(schema: Schema, path: Path) -> Schema:
    """The part of a JSON schema that describes `path`; empty where it has none."""
    node = _plain(schema, schema)
    for step in path:
        node = _given(node, schema)
        if isinstance(step, str):
            below: Any = node.get("properties", {}).get(step, node.get("additionalProperties"))
        else:
            each: list[Any] = node.get("prefixItems", [])
            below = each[step] if step < len(each) else node.get("items")
        node = _plain(cast(Schema, below), schema) if isinstance(below, Mapping) else _NOTHING
    return node


def wanted(node: Schema, schema: Schema) -> str:
    """A JSON schema in words: `auto or a number from 0 to 1`."""
    node = _plain(node, schema)
    if "anyOf" in node:
        parts = [wanted(part, schema) for part in node["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(part for part in parts if part))
    if "const" in node:
        return str(node["const"])
    if "enum" in node:
        return "one of " + ", ".join(str(option) for option in node["enum"])
    kind = node.get("type", "")
    if kind in ("number", "integer"):
        noun = "a whole number" if kind == "integer" else "a number"
        low, high = node.get("minimum"), node.get("maximum")
        return noun + (f" from {low} to {high}" if high is not None and low is not None else "")
    if kind == "array":
        if "prefixItems" in node:
            return f"a list of {len(node['prefixItems'])}, each {wanted(node['prefixItems'][0], schema)}"
        return f"a list of {wanted(node.get('items', {}), schema) or 'values'}"
    if kind == "string" and "maxLength" in node:
        return f"text of {node.get('minLength', 0)} to {node['maxLength']} characters"
    return {"string": "text", "boolean": "true or false", "object": "a mapping"}.get(kind, "")


def _plain(node: Schema, schema: Schema) -> Schema:
    reference = node.get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[1]] if reference else node


def _given(node: Schema, schema: Schema) -> Schema:
    """A part that may be left out, as it is where it is not."""
    options = [part for part in node.get("anyOf", ()) if part.get("type") != "null"]
    return _plain(options[0], schema) if len(options) == 1 else node


def _data_path(location: Path, value: object) -> Path:
    """Those steps of pydantic's location that are keys of the data: names of union members drop out."""
    path: list[str | int] = []
    for index, step in enumerate(location):
        if isinstance(value, Mapping):
            last = index == len(location) - 1
            data = cast("Mapping[str | int, object]", value)
            if step not in data and not last:
                continue
            path.append(step)
            value = data.get(step)
        elif isinstance(value, list | tuple) and isinstance(step, int):
            items = cast("Sequence[object]", value)
            path.append(step)
            value = items[step] if step < len(items) else None
    return tuple(path)


def _to_key(path: Path, schema: Schema) -> Path:
    while path and isinstance(path[-1], int) and "anyOf" in schema_at(schema, path[:-1]):
        path = path[:-1]
    return path


def _problem(path: Path, faults: list[Any], schema: Schema, place: Place, prefix: str) -> Problem:
    codes = [fault["type"] if fault["type"].isupper() else CODES.get(fault["type"], "WRONG_TYPE") for fault in faults]
    code = next((known for known in ("OUT_OF_RANGE", "UNKNOWN_VALUE") if known in codes), codes[0])
    name = spelled((*prefix.split("."), *path) if prefix else path)
    fault = faults[codes.index(code)]
    if fault["type"].isupper():
        message, remedy = fault["msg"], str(fault.get("ctx", {}).get("remedy", ""))
        return _at(place, code, f"{name}: {message}" if name else message, remedy)
    if code == "UNKNOWN_KEY":
        known = _given(schema_at(schema, path[:-1]), schema).get("properties", {})
        # A key written one level too high is the commonest slip.
        below = [f"{part}.{path[-1]}" for part in known if path[-1] in schema_at(schema, (part,)).get("properties", {})]
        near = next(iter(below), "") or nearest(str(path[-1]), known)
        remedy = f"did you mean {near}?" if near else "keys here: " + ", ".join(known)
        return _at(place, code, f"{name} is no key", remedy)
    node = schema_at(schema, path)
    want = wanted(node, schema)
    if code == "MISSING_KEY":
        return _at(place, code, f"{name} is missing" + (f", wanted {want}" if want else ""), f"write {name}:")
    found = _shared_input(faults)
    message = f"{name} is {shortened(found)}, wanted {want or fault['msg']}"
    if code == "UNKNOWN_VALUE" and not isinstance(found, str | int | float):
        code = "WRONG_TYPE"
    near = nearest(str(found), _options(node, schema)) if code == "UNKNOWN_VALUE" else ""
    default = node.get("default")
    remedy = f"leave it out for {default}" if isinstance(default, str | int | float) else "change it or leave it out"
    return _at(place, code, message, f"did you mean {near}?" if near else remedy)


def _shared_input(faults: list[Any]) -> object:
    """Of several errors on one key, the input that is the whole value: the one with the shortest location."""
    return min(faults, key=lambda fault: len(fault["loc"]))["input"]


def _options(node: Schema, schema: Schema) -> list[str]:
    node = _plain(node, schema)
    nested = [option for part in node.get("anyOf", []) for option in _options(part, schema)]
    return [*nested, *map(str, node.get("enum", [])), *([str(node["const"])] if "const" in node else [])]


def _at(place: Place, code: str, message: str, remedy: str) -> Problem:
    return Problem(code, message, remedy, place.file, place.line, place.item)
