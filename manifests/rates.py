"""Frame rates as people write them, and as `Fraction`."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from manifests.faults import shortened

LOWEST, HIGHEST = 1, 120
"""Frames per second an ask may name."""
_NUMBER = re.compile(r"[-+]?[0-9]{0,40}(\.[0-9]{0,40})?(e[-+]?[0-9]{1,3})?(/[0-9]{1,40})?", re.IGNORECASE)
"""What is worth reading: a Fraction of `1e999999999` would fill the memory."""


def parse_rate(value: object) -> Fraction:
    """`30`, `"25"`, `"30000/1001"`, `12.5` or an NTSC short form (`23.976`, `29.97`, `59.94`) as frames per second.

    A decimal within a thousandth of n * 1000/1001 means exactly that: 29.97 is 30000/1001.

    Raises:
        ValueError: it is no number, or lies outside 1..120.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError("a rate is a number or a fraction such as 30000/1001")
    text = str(value).strip()
    if not isinstance(value, Fraction) and not _NUMBER.fullmatch(text):
        raise ValueError("a rate is a number or a fraction such as 30000/1001")
    try:
        rate = value if isinstance(value, Fraction) else Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError("a rate is a number or a fraction such as 30000/1001") from error
    if not LOWEST <= rate <= HIGHEST:
        raise ValueError(f"a rate lies between {LOWEST} and {HIGHEST} frames per second")
    whole = round(rate * 1001 / 1000)
    ntsc = Fraction(whole * 1000, 1001)
    named_by_decimals = rate.denominator not in (1, 1001) and whole % 6 == 0
    return ntsc if named_by_decimals and abs(rate - ntsc) < Fraction(5, 1000) else rate


def rate_text(rate: Fraction) -> str:
    """`30` or `30000/1001`: what recipes carry."""
    return str(rate)


def _validate(value: object) -> Fraction:
    try:
        return parse_rate(value)
    except ValueError as error:
        code = "OUT_OF_RANGE" if "between" in str(error) else "WRONG_TYPE"
        found = shortened(str(value))
        told = {"what": f"is {found}; {error}", "remedy": "leave it out for the preset's own rate"}
        raise PydanticCustomError(code, "{what}", told) from error


def _validate_or_auto(value: object) -> Fraction | Literal["auto"]:
    return "auto" if value == "auto" else _validate(value)


_NUMBER_OR_TEXT = [
    {"type": "number", "minimum": LOWEST, "maximum": HIGHEST},
    {"type": "string", "pattern": r"^\d+(\.\d+)?(/\d+)?$"},
]

Rate = Annotated[
    Fraction,
    BeforeValidator(_validate),
    PlainSerializer(rate_text, return_type=str),
    WithJsonSchema({"anyOf": _NUMBER_OR_TEXT}),
]
RateOrAuto = Annotated[
    Fraction | Literal["auto"],
    BeforeValidator(_validate_or_auto),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"anyOf": [{"const": "auto"}, *_NUMBER_OR_TEXT]}),
]
