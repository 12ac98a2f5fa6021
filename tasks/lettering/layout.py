"""A text broken into lines of a given width, each as pieces from left to right that one font draws."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from tasks.lettering.bidi import base_level, levels, visual_order
from tasks.lettering.fonts import CJK, LATIN, Face, Weight, coverage, opened
from tasks.lettering.runs import Cluster, cleaned, clusters

# Nothing of these begins a line, nothing of those ends one (JIS X 4051, the common part of it).
_NEVER_FIRST = frozenset("、。，．・：；？！）」』】〕〉》］｝’”…‥ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.:;?!)]}%")
_NEVER_LAST = frozenset("（「『【〔〈《［｛‘“([{")
_NEVER_BEFORE_ELLIPSIS = frozenset(" ,;:.…،؛、。")

_NARROWEST = 0.12
"""No letter with ink is narrower, in em: bounds how many are measured for a line."""


@dataclass(frozen=True)
class Piece:
    """Letters of one direction in one face. `start_px` is where they begin, from the line's left end."""

    text: str
    face: Face
    rtl: bool
    start_px: float


@dataclass(frozen=True)
class Line:
    """Pieces from left to right, `width_px` wide together; `rtl` where its paragraph is read from the right."""

    pieces: tuple[Piece, ...]
    width_px: float
    rtl: bool = False


@dataclass(frozen=True)
class _Paragraph:
    """Clusters in reading order with the level of each."""

    clusters: tuple[Cluster, ...]
    levels: tuple[int, ...]
    base: int

    def line(self, start: int, end: int, size_px: int, weight: Weight, tail: Cluster | None = None) -> Line:
        """Clusters `start` to `end`, without the spaces at its ends, and `tail` after them."""
        while end > start and self.clusters[end - 1].is_space:
            end -= 1
        while start < end and self.clusters[start].is_space:
            start += 1
        shown, shown_levels = list(self.clusters[start:end]), list(self.levels[start:end])
        if tail is not None:
            shown.append(tail)
            shown_levels.append(self.base)
        merged: list[tuple[str, Face]] = []
        merged_levels: list[int] = []
        for one, level in zip(shown, shown_levels, strict=True):
            if merged and merged_levels[-1] == level and merged[-1][1] == one.face:
                merged[-1] = (merged[-1][0] + one.text, one.face)
            else:
                merged.append((one.text, one.face))
                merged_levels.append(level)
        order = visual_order(list(zip(merged, merged_levels, strict=True)), merged_levels)
        pieces: list[Piece] = []
        x = 0.0
        for (text, face), level in order:
            pieces.append(Piece(text, face, level % 2 == 1, x))
            x += advance_px(text, face, level % 2 == 1, size_px, weight)
        return Line(tuple(pieces), x, self.base == 1)

    def may_break(self, at: int) -> bool:
        """Whether a line may end before cluster `at`: after a space or dash, and around Han characters and kana."""
        before, after = self.clusters[at - 1], self.clusters[at]
        if before.is_space or after.is_space:
            return True
        if after.text[0] in _NEVER_FIRST or before.text[-1] in _NEVER_LAST:
            return False
        if before.text in ("-", "–", "—", "/") and unicodedata.category(after.text[0]).startswith("L"):
            return True
        return any(one.face in CJK and not "\uac00" <= one.text[0] <= "\ud7a3" for one in (before, after))


def lay_out(text: str, size_px: int, width_px: int, lines: int = 1, weight: Weight = "Regular") -> tuple[Line, ...]:
    """The text in at most `lines` lines of `width_px`; what does not fit is cut and ends with an ellipsis.

    Line breaks in the text are kept where there is more than one line, and are spaces on a single one. A word that is
    longer than a line is broken. Every line has a direction, that of its paragraph's first letter. Raises FontMissing.
    """
    parts = cleaned(text)
    if lines == 1:
        parts = (" ".join(part for part in parts if part),)
    made: list[Line] = []
    for number, part in enumerate(parts):
        paragraph = _paragraph(part)
        more = any(parts[number + 1 :])
        start, total = 0, len(paragraph.clusters)
        if not total and made and more:
            made.append(Line((), 0.0))
        while start < total:
            last = len(made) == lines - 1
            end = _longest(paragraph, start, size_px, width_px, weight)
            if last and (end < total or more):
                made.append(_cut(paragraph, start, end, size_px, width_px, weight))
                return tuple(made)
            if end < total:
                end = _broken(paragraph, start, end)
            made.append(paragraph.line(start, end, size_px, weight))
            start = end
            while start < total and paragraph.clusters[start].is_space:
                start += 1
        if len(made) >= lines:
            break
    return tuple(made[:lines])


def _paragraph(text: str) -> _Paragraph:
    found = clusters(text)
    joined = "".join(one.text for one in found)
    base = base_level(joined)
    each = levels(joined, base)
    firsts: list[int] = []
    at = 0
    for one in found:
        firsts.append(each[at])
        at += len(one.text)
    return _Paragraph(tuple(found), tuple(firsts), base)


@lru_cache(maxsize=4096)
def advance_px(text: str, face: Face, rtl: bool, size_px: int, weight: Weight) -> float:
    """How far the shaped text moves on, in pixels."""
    return opened(face, size_px, weight).getlength(text, direction="rtl" if rtl else "ltr")


def _longest(
    paragraph: _Paragraph, start: int, size_px: int, width_px: int, weight: Weight, tail: Cluster | None = None
) -> int:
    """The furthest end of a line that begins at `start` and fits; one cluster on, where nothing does."""
    fits, total = start, len(paragraph.clusters)
    step = max(1, round(width_px / size_px))
    beyond = min(total, start + int(width_px / (_NARROWEST * size_px)) + 2)
    while fits < beyond:  # in steps first: a long text is never measured whole
        end = min(beyond, fits + step)
        if paragraph.line(start, end, size_px, weight, tail).width_px > width_px:
            break
        fits = end
    else:
        return fits
    low, high = fits, min(beyond, fits + step)
    while high - low > 1:
        middle = (low + high) // 2
        if paragraph.line(start, middle, size_px, weight, tail).width_px <= width_px:
            low = middle
        else:
            high = middle
    return low if tail is not None else max(low, start + 1)


def _broken(paragraph: _Paragraph, start: int, end: int) -> int:
    """The last good place to break at or before `end`; `end` itself inside a word longer than the line."""
    return next((at for at in range(end, start, -1) if paragraph.may_break(at)), end)


def _cut(paragraph: _Paragraph, start: int, end: int, size_px: int, width_px: int, weight: Weight) -> Line:
    """What fits together with an ellipsis after it; the ellipsis in the face before it where that has one."""
    before = paragraph.clusters[end - 1].face
    tail = Cluster("…", before if ord("…") in coverage(before) and before not in CJK else LATIN)
    fitting = _longest(paragraph, start, size_px, width_px, weight, tail)
    while fitting > start + 1 and paragraph.clusters[fitting - 1].text in _NEVER_BEFORE_ELLIPSIS:
        fitting -= 1
    return paragraph.line(start, fitting, size_px, weight, tail)
