"""In which order letters stand on a line: right-to-left words, left-to-right words and numbers between each other.

Unicode Standard Annex #9 without explicit embeddings, which are dropped from every text before: rules P2-P3, W1-W7,
N0-N2, I1-I2, L1 and L2. A level is even for left-to-right, odd for right-to-left.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TypeVar

_Any = TypeVar("_Any")

_PAIRS = dict(
    zip(
        "([{⁅⁽₍〈❨❪❬❮❰❲❴⟦⟨⟪⦃⦅〈《「『【〔〖〘〚（［｛｟｢",
        ")]}⁆⁾₎〉❩❫❭❯❱❳❵⟧⟩⟫⦄⦆〉》」』】〕〗〙〛）］｝｠｣",
        strict=True,
    )
)
_CLOSERS = {closer: opener for opener, closer in _PAIRS.items()}
_NEUTRAL = frozenset({"B", "S", "WS", "ON"})
_MOST_OPEN = 63  # UAX #9, BD16: more open brackets than this, and none are paired


def base_level(text: str) -> int:
    """1 where the first letter is written right to left, else 0."""
    for one in text:
        kind = unicodedata.bidirectional(one)
        if kind == "L":
            return 0
        if kind in ("R", "AL"):
            return 1
    return 0


def levels(text: str, base: int) -> list[int]:
    """The embedding level of every character of one paragraph whose own level is `base` (0 or 1)."""
    edge = "R" if base else "L"
    kinds = _weak([unicodedata.bidirectional(one) or "L" for one in text], edge)
    _brackets(text, kinds, edge)
    _neutral(kinds, edge)
    found = [_level(kind, base) for kind in kinds]
    end = len(found)
    while end and unicodedata.bidirectional(text[end - 1]) in ("WS", "B", "S"):  # L1
        end -= 1
        found[end] = base
    return found


def visual_order(items: Sequence[_Any], item_levels: Sequence[int]) -> list[_Any]:
    """The items of one line from left to right (rule L2), given the level of each."""
    order = list(range(len(items)))
    for level in range(max(item_levels, default=0), 0, -1):
        at = 0
        while at < len(order):
            end = at
            while end < len(order) and item_levels[order[end]] >= level:
                end += 1
            order[at:end] = reversed(order[at:end])
            at = end + 1
    return [items[index] for index in order]


def _level(kind: str, base: int) -> int:
    if base == 0:
        return {"R": 1, "AN": 2, "EN": 2}.get(kind, 0)
    return 1 if kind == "R" else 2


def _weak(kinds: list[str], edge: str) -> list[str]:
    """W1-W7: marks take after their letters, numbers after the letters before them."""
    before, strong = edge, edge
    for at, kind in enumerate(kinds):
        if kind in ("NSM", "BN"):
            kind = before  # W1
        if kind in ("L", "R", "AL"):
            strong = kind
        if kind == "EN" and strong == "AL":
            kind = "AN"  # W2
        kinds[at] = before = kind
    kinds = ["R" if kind == "AL" else kind for kind in kinds]  # W3
    for at in range(1, len(kinds) - 1):  # W4
        left, kind, right = kinds[at - 1 : at + 2]
        if left == right and ((kind == "CS" and left in ("EN", "AN")) or (kind == "ES" and left == "EN")):
            kinds[at] = left
    at = 0
    while at < len(kinds):  # W5: a currency or per cent sign belongs to its number
        end = at
        while end < len(kinds) and kinds[end] == "ET":
            end += 1
        if end > at and "EN" in (kinds[at - 1] if at else "", kinds[end] if end < len(kinds) else ""):
            kinds[at:end] = ["EN"] * (end - at)
        at = end + 1
    strong = edge
    for at, kind in enumerate(kinds):
        if kind in ("L", "R"):
            strong = kind
        if kind in ("ES", "ET", "CS"):
            kinds[at] = "ON"  # W6
        elif kind == "EN" and strong == "L":
            kinds[at] = "L"  # W7
    return kinds


def _side(kind: str) -> str:
    """How a number or letter counts for neutrals beside it."""
    return "R" if kind in ("R", "EN", "AN") else "L" if kind == "L" else ""


def _brackets(text: str, kinds: list[str], edge: str) -> None:
    """N0: both brackets of a pair go the way of what is between them."""
    pairs: list[tuple[int, int]] = []
    waiting: list[tuple[str, int]] = []
    for at, one in enumerate(text):
        if kinds[at] != "ON":
            continue
        if one in _PAIRS:
            if len(waiting) == _MOST_OPEN:
                return
            waiting.append((one, at))
        elif one in _CLOSERS:
            for depth in range(len(waiting) - 1, -1, -1):
                if waiting[depth][0] == _CLOSERS[one]:
                    pairs.append((waiting[depth][1], at))
                    del waiting[depth:]
                    break
    for opener, closer in sorted(pairs):
        inside = {_side(kind) for kind in kinds[opener + 1 : closer]} - {""}
        if not inside:
            continue
        other = "L" if edge == "R" else "R"
        context = next((side for kind in reversed(kinds[:opener]) if (side := _side(kind))), edge)
        way = edge if edge in inside or context != other else other
        for bracket in (opener, closer):
            kinds[bracket] = way
            after = bracket + 1
            while after < len(text) and unicodedata.bidirectional(text[after]) == "NSM":  # its accents go with it
                kinds[after] = way
                after += 1


def _neutral(kinds: list[str], edge: str) -> None:
    """N1 and N2: spaces and signs between two words of one direction go with them, otherwise with the paragraph."""
    at = 0
    while at < len(kinds):
        end = at
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        if end > at:
            left = _side(kinds[at - 1]) if at else edge
            right = _side(kinds[end]) if end < len(kinds) else edge
            kinds[at:end] = [left if left == right else edge] * (end - at)
        at = end + 1
