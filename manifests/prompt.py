"""A prompt's words as keys of an ask, by a documented vocabulary; what it does not know is told, never dropped."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from manifests.vocabulary import Degree, Entry, Fills, Lexicon, Phrase, lexicon, spoken

_CLAUSE_END = re.compile(r"[.,;!?\n\r()|/\u2013\u2014\u3001\u3002\uff0c]|\s-+\s")
_ACROSS = 1
"""Words that are not known and may stand between a degree and what it measures: `slow cinematic push in`."""
_NEAR = 12
"""Words within which a phrase ends."""


class Mapped(NamedTuple):
    """What some words of the prompt fill."""

    words: str
    key: str
    value: str | bool | int | float


@dataclass(frozen=True)
class Reading:
    """A prompt as it was understood. `values`: dotted keys; `unmapped`: the words that fill nothing, in their order."""

    values: Mapping[str, str | bool | int | float]
    mapped: tuple[Mapped, ...]
    unmapped: tuple[str, ...]

    def layer(self) -> dict[str, Any]:
        """The values as a layer of an ask: all are keys of its parts."""
        nested: dict[str, Any] = {}
        for key, value in self.values.items():
            part, _, name = key.rpartition(".")
            nested.setdefault(part, {})[name] = value
        return nested


@functools.lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """What `text` says of camera, motion and light.

    The longest phrase wins and only whole words count. `no ...` denies what follows in its clause, `... not wanted`
    what stands before; a phrase that is denied fills nothing, or what the vocabulary says of it (`no light sweep`). Of
    two phrases for one key the first one counts, and the other is told among the unmapped.
    """
    said = _Said(text)
    for clause in _clauses(text):
        _read_clause(clause, said)
    unmapped = tuple(words for _, words in sorted(said.unmapped))
    return Reading(MappingProxyType(said.values), tuple(said.mapped), unmapped)


class _Word(NamedTuple):
    word: str
    start: int
    end: int


@dataclass
class _Said:
    """What has been understood so far."""

    text: str
    values: Fills = field(default_factory=dict[str, str | bool | int | float])
    mapped: list[Mapped] = field(default_factory=list[Mapped])
    unmapped: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def fill(self, start: int, end: int, fills: Fills) -> None:
        words = " ".join(self.text[start:end].split())
        for key, value in fills.items():
            if self.values.setdefault(key, value) == value:
                self.mapped.append(Mapped(words, key, value))
            else:
                self.unmapped.append((start, f"{words} ({key} is {self.values[key]} already)"))


@dataclass
class _Segment:
    """Some words of a clause that belong together; `entry` is None for a word nobody knows and for filler."""

    first: _Word
    last: _Word
    entry: Entry | None = None
    filler: bool = False
    told: bool = False

    @property
    def kind(self) -> str:
        return self.entry.kind if self.entry else "filler" if self.filler else "unknown"


def _clauses(text: str) -> Iterator[list[_Word]]:
    """The words between marks of punctuation; `but` and its like begin a new clause."""
    stops, clause, at = lexicon().stops, list[_Word](), 0
    for word, start, end in spoken(text):
        ended = _CLAUSE_END.search(text, at, start) is not None
        at = end
        if (ended or word in stops) and clause:
            yield clause
            clause = []
        if word not in stops:
            clause.append(_Word(word, start, end))
    if clause:
        yield clause


def _read_clause(clause: list[_Word], said: _Said) -> None:
    segments = _segments(clause, lexicon())
    denying: _Segment | None = None
    ending = lexicon().refused([word.word for word in clause if word.word not in lexicon().filler])
    if ending and len(clause) > 1 and not any(one.kind == "phrase" and one.last is clause[-1] for one in segments):
        _tell(said, segments)
        return
    for index, segment in enumerate(segments):
        if segment.kind == "negation":
            denying = denying or segment
        elif segment.kind == "phrase":
            _phrase(said, segments, index, denying)
        elif segment.kind == "degree" and denying is None:
            _degree(said, segments, index)
    _tell(said, segments)


def _segments(clause: list[_Word], known: Lexicon) -> list[_Segment]:
    """The clause cut into what the lexicon knows; a degree may stand inside a phrase: `push slowly in`."""
    segments: list[_Segment] = []
    waiting = list(clause)
    while waiting:
        near = waiting[:_NEAR]
        found = known.longest([word.word for word in near])
        rest = [word for word in near if not _is_degree(word, known)] if not _is_degree(near[0], known) else []
        loose = known.longest([word.word for word in rest])
        if loose and loose[1].kind == "phrase" and loose[0] > (found[0] if found else 0):
            taken = rest[: loose[0]]
            segments.append(_Segment(taken[0], taken[-1], loose[1]))
            waiting = [word for word in near if word not in taken] + waiting[_NEAR:]
        elif found:
            segments.append(_Segment(waiting[0], waiting[found[0] - 1], found[1]))
            waiting = waiting[found[0] :]
        else:
            segments.append(_Segment(waiting[0], waiting[0], None, waiting[0].word in known.filler))
            waiting = waiting[1:]
    return segments


def _is_degree(word: _Word, known: Lexicon) -> bool:
    entry = known.entries.get((word.word,))
    return entry is not None and entry.kind == "degree"


def _phrase(said: _Said, segments: list[_Segment], index: int, denying: _Segment | None) -> None:
    segment = segments[index]
    phrase = segment.entry.phrase if segment.entry else None
    assert phrase is not None
    way = _way_of(segments, index, phrase)
    degree = _light_degree(segments, index) if phrase.light else None
    parts = [one for one in (way, segment, degree) if one]
    fills: Fills = {**phrase.set, **(phrase.ways[way.entry.way] if way and way.entry else {})}
    if denying is not None:
        fills = {} if way or degree else phrase.denied
        parts = [denying, segment]
    elif degree is not None:
        fills |= _degree_of(degree).light
    if fills:
        said.fill(min(one.first.start for one in parts), max(one.last.end for one in parts), fills)
        for one in parts:
            one.told = True
    elif not phrase.ways and _is_filler(said.text[segment.first.start : segment.last.end]):
        segment.told = True


def _is_filler(text: str) -> bool:
    """Words of grammar, and words for what every shot shows, and no others."""
    return all(word in lexicon().filler for word, _, _ in spoken(text))


def _degree(said: _Said, segments: list[_Segment], index: int) -> None:
    """Lay a degree on the motion, where it is one of motion: beside a phrase, or in a clause that says nothing else."""
    segment = segments[index]
    if segment.told:
        return
    after = [one for one in segments[index + 1 :] if one.kind not in ("filler", "degree")]
    strangers = next((n for n, one in enumerate(after) if one.kind != "unknown"), len(after))
    ahead = after[strangers] if strangers < len(after) else None
    before = next((one for one in reversed(segments[:index]) if one.kind not in ("degree", "way")), None)
    follows = ahead is not None and ahead.kind == "phrase" and strangers <= _ACROSS
    if follows and strangers == 0 and ahead and ahead.entry and ahead.entry.phrase and ahead.entry.phrase.light:
        return  # the light's own: it is told with it
    alone = all(one.kind != "unknown" for one in segments)
    if follows or alone or (before is not None and before.kind == "phrase"):
        said.fill(segment.first.start, segment.last.end, _degree_of(segment).motion)
        segment.told = True


def _way_of(segments: list[_Segment], index: int, phrase: Phrase) -> _Segment | None:
    """The way that belongs to a phrase: the next one behind it, else the one right before it."""
    behind = next((one for one in segments[index + 1 :] if one.kind not in ("filler", "degree")), None)
    ahead = segments[index - 1] if index else None
    for one in (behind, ahead):
        if one and one.entry and one.kind == "way" and one.entry.way in phrase.ways and not one.told:
            return one
    return None


def _light_degree(segments: Sequence[_Segment], index: int) -> _Segment | None:
    """The degree right before a phrase of light."""
    before = next((one for one in reversed(segments[:index]) if one.kind != "filler"), None)
    return before if before is not None and before.kind == "degree" and not before.told else None


def _degree_of(segment: _Segment) -> Degree:
    assert segment.entry is not None and segment.entry.degree is not None
    return segment.entry.degree


def _tell(said: _Said, segments: Sequence[_Segment]) -> None:
    """What is left of a clause, words that stand together as one text; filler counts only between such words."""
    run: list[_Segment] = []
    for segment in [*segments, None]:
        if segment is not None and segment.kind == "filler":
            continue
        if segment is None or segment.told:
            if run:
                start, end = run[0].first.start, max(one.last.end for one in run)
                said.unmapped.append((start, " ".join(said.text[start:end].split())))
            run = []
        else:
            run.append(segment)
