"""A text cleaned, cut into clusters that stay together, and given a font for each."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from tasks.lettering.fonts import CJK, LATIN, SYMBOLS, Face, coverage, face_for_cjk, script_face

MOST_CHARACTERS = 4000
"""Of a longer text the rest is not looked at: it would not fit into a picture."""
MOST_MARKS = 8
"""Accents on one letter; Hebrew with vowels and cantillation needs five. More is no writing."""
UNKNOWN = "\ufffd"
"""Drawn for what no font has: emoji, private characters, broken surrogates."""

_JOINERS = "\u200c\u200d"
_TONES = range(0x1F3FB, 0x1F400)
_TRAILING_VOWELS = "\u0e33\u0eb3"  # Thai and Lao AM: letters by category, but drawn partly over what is before


@dataclass(frozen=True)
class Cluster:
    """Characters that are never parted, as one reader's letter, and the font that has all of them."""

    text: str
    face: Face

    @property
    def is_space(self) -> bool:
        """Whether a line may end here and nothing is seen of it. A no-break space is none."""
        return self.text.isspace() and self.text[0] not in "\u00a0\u202f\u2007"


def cleaned(text: str) -> tuple[str, ...]:
    """The text's lines, composed (NFC), without what cannot be drawn or would turn the order of other letters.

    Control characters, bidirectional overrides and marks, soft hyphens and variation selectors go; tabs become spaces;
    lone surrogates become U+FFFD. At most `MOST_CHARACTERS` are read, and the last line then ends with an ellipsis.
    """
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS].rstrip() + "…"
    kept: list[str] = []
    marks = 0
    for one in text.replace("\r\n", "\n"):
        category = unicodedata.category(one)
        if one in "\n\r\v\f\x85" or category in ("Zl", "Zp"):
            kept.append("\n")
        elif one == "\t":
            kept.append(" ")
        elif category == "Cs":
            kept.append(UNKNOWN)
        elif (category in ("Cc", "Cf") and one not in _JOINERS) or _unseen(one):
            continue
        elif category in ("Mn", "Me"):
            marks += 1
            if marks <= MOST_MARKS:
                kept.append(one)
            continue
        else:
            kept.append(one)
        marks = 0
    return tuple(line.strip() for line in unicodedata.normalize("NFC", "".join(kept)).split("\n"))


def _unseen(character: str) -> bool:
    """Variation selectors and tags choose among glyphs; they are never drawn themselves."""
    return 0xFE00 <= ord(character) <= 0xFE0F or 0xE0000 <= ord(character) <= 0xE0FFF


def clusters(line: str) -> list[Cluster]:
    """One cleaned line as clusters in reading order, each in a font that has every character of it."""
    cjk = face_for_cjk(line)
    found: list[Cluster] = []
    for text in _parted(line):
        found.append(_faced(text, cjk, found[-1].face if found else LATIN))
    return found


def _parted(line: str) -> list[str]:
    """The line's clusters: a letter with its marks, Indic letters joined by a virama, emoji joined to one."""
    parts: list[str] = []
    for one in line:
        before = parts[-1][-1] if parts else ""
        joined = before and (
            unicodedata.category(one) in ("Mn", "Me", "Mc")
            or one in _JOINERS
            or one in _TRAILING_VOWELS
            or ord(one) in _TONES
            or (before == "\u200d" and unicodedata.category(one) == "So")
            or (unicodedata.combining(before) == 9 and unicodedata.category(one) == "Lo")
        )
        if joined and not (parts[-1].isspace() or len(parts[-1]) > 4 * MOST_MARKS):
            parts[-1] += one
        else:
            parts.append(one)
    return parts


def _faced(text: str, cjk: Face, before: Face) -> Cluster:
    for face in _candidates(text[0], cjk, before):
        has = coverage(face)
        if ord(text[0]) in has:
            # A mark that its letter's font lacks would be drawn as a box: the letter is worth more.
            return Cluster("".join(one for one in text if one in _JOINERS or ord(one) in has), face)
    return Cluster(UNKNOWN, LATIN)


def _candidates(character: str, cjk: Face, before: Face) -> list[Face]:
    own = script_face(character, cjk)
    # Dashes, quotes and dots have another shape and width among Han characters; spaces and marks follow any script.
    follows = character.isspace() or (before in CJK and "\u2010" <= character <= "\u2027")
    return [*([before] if follows else []), *([own] if own else []), *SYMBOLS, LATIN]
