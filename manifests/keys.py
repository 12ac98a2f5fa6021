"""The dotted keys of an ask, what kind of value each takes, and how a spreadsheet's cell says it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from manifests.ask import Ask
from manifests.faults import Schema

OPEN = ("meta", "variants")
"""Keys under which any name may stand."""
ROW_KEYS = ("id", "profile")
"""What a row says beside its ask."""


@functools.cache
def ask_schema() -> Schema:
    """JSON schema of a complete ask."""
    return Ask.model_json_schema(mode="validation")


@functools.cache
def row_schema() -> Schema:
    """`ask_schema` with the keys that only a row has, so that a slip in one of them is recognised."""
    schema = ask_schema()
    return {**schema, "properties": {**schema["properties"], **{key: {} for key in ROW_KEYS}}}


@functools.cache
def ask_keys() -> Mapping[str, frozenset[str]]:
    """Every dotted key of an ask (`motion.amount`) with the JSON types it takes; parts (`motion`) are not among them,
    except `source`, which plain text may fill.
    """
    schema = ask_schema()
    return {key: kinds | {"string"} if key == "source" else kinds for key, kinds in _walk(schema, schema, "")}


def is_key(key: str) -> bool:
    """True for a dotted key that a column, an override or a variant may name."""
    head, _, rest = key.partition(".")
    return bool(rest) if head in OPEN else key in ask_keys()


def path_of(key: str) -> tuple[str, ...]:
    """The keys a dotted key walks through; what follows `meta.` or `variants.` is one name, dots and all."""
    head, _, rest = key.partition(".")
    return (head, rest) if head in OPEN and rest else tuple(key.split("."))


def cell(key: str, text: str) -> object:
    """What a spreadsheet's cell says for a key: lists are split at `|`, `;` or `,`; numbers may have a decimal comma.

    Types beyond that are left to the ask, which reads numbers and true/false from text.
    """
    head, _, rest = key.partition(".")
    if head == "meta":
        return text
    if head == "variants":
        return [cell(rest, part) for part in _split(text, r"[|;]" if re.search(r"[|;]", text) else ",")]
    kinds = ask_keys().get(key, frozenset())
    if kinds & {"number", "integer"} and re.fullmatch(r"[-+]?\d+,\d+", text):
        return text.replace(",", ".")
    if "array" not in kinds:
        return text
    if "string" not in kinds:
        return _split(text, r"[|;,]")
    if not re.match(r"[-+\d.]", text):
        return text
    points = _split(text, r"[|;\s]+" if re.search(r"[|;\s]", text) else ",")
    return [part.replace(",", ".") for part in points] if len(points) > 1 else text


def _split(text: str, separator: str) -> list[str]:
    return [part.strip() for part in re.split(separator, text) if part.strip()]


def _walk(node: Schema, schema: Schema, key: str) -> Iterator[tuple[str, frozenset[str]]]:
    if reference := node.get("$ref"):
        node = schema["$defs"][reference.rsplit("/", 1)[1]]
    properties = cast("Mapping[str, Schema] | None", node.get("properties"))
    if properties is not None:
        if key == "source":
            yield key, frozenset({"object"})
        for name, below in properties.items():
            yield from _walk(below, schema, f"{key}.{name}" if key else name)
    else:
        yield key, frozenset(_kinds(node))


def _kinds(node: Schema) -> Iterator[str]:
    for part in cast("list[dict[str, Any]]", node.get("anyOf", [node])):
        yield part.get("type", "string")
