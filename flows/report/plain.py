"""Text of a manifest as it may be shown: on one line, and without what a reader's software would obey."""

from __future__ import annotations

import unicodedata

_SPACES = str.maketrans(dict.fromkeys("\t\n\r\v\f\x85\u2028\u2029", " "))


def plain(text: str) -> str:
    """`text` on one line; control characters and those that turn the direction of what follows become �."""
    told = text.translate(_SPACES)
    return "".join("\ufffd" if unicodedata.category(sign) in ("Cc", "Cf", "Cs") else sign for sign in told)
