"""Colours as people write them: `#rgb`, `#rrggbb`, or one of the sixteen basic CSS names."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

# CSS Color Module Level 4, section 6.1: the names that date from HTML 4, and orange from CSS 2.1.
BASIC_NAMES = {
    "black": "#000000",
    "silver": "#c0c0c0",
    "gray": "#808080",
    "grey": "#808080",
    "white": "#ffffff",
    "maroon": "#800000",
    "red": "#ff0000",
    "purple": "#800080",
    "fuchsia": "#ff00ff",
    "green": "#008000",
    "lime": "#00ff00",
    "olive": "#808000",
    "yellow": "#ffff00",
    "navy": "#000080",
    "blue": "#0000ff",
    "teal": "#008080",
    "aqua": "#00ffff",
    "orange": "#ffa500",
}


def parse_color(value: object) -> str:
    """A colour as `#rrggbb` in lower case.

    Raises:
        ValueError: it is neither hex nor a basic name.
    """
    text = str(value).strip().lower()
    if text in BASIC_NAMES:
        return BASIC_NAMES[text]
    if re.fullmatch(r"#[0-9a-f]{3}", text):
        return "#" + "".join(digit * 2 for digit in text[1:])
    if re.fullmatch(r"#[0-9a-f]{6}", text):
        return text
    raise ValueError('a colour is "#rrggbb" in quotes, or a basic CSS name such as white, gray, navy')


def _validate(value: object) -> str:
    try:
        return parse_color(value)
    except ValueError as error:
        raise PydanticCustomError("UNKNOWN_VALUE", "{what}", {"what": str(error)}) from error


Color = Annotated[
    str,
    BeforeValidator(_validate),
    WithJsonSchema({"anyOf": [{"enum": sorted(BASIC_NAMES)}, {"type": "string", "pattern": "^#[0-9a-fA-F]{3,6}$"}]}),
]
