"""The words a prompt may be made of (`vocabulary.yaml`), looked up longest phrase first."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field

from manifests.part import Part

Fills = dict[str, str | bool | int | float]
"""Dotted keys of an ask, and the value each gets."""
Kind = Literal["phrase", "degree", "way", "negation", "refusal", "filler"]
Words = tuple[str, ...]
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


class Phrase(Part):
    """Words for one thing the engines can do (vocabulary.yaml says what each key means)."""

    say: tuple[str, ...]
    set: Fills = Field(default={})
    ways: dict[str, Fills] = Field(default={})
    denied: Fills = Field(default={})
    light: bool = False


class Degree(Part):
    """Words for how much."""

    say: tuple[str, ...]
    motion: Fills
    light: Fills


class Vocabulary(Part):
    """The whole file."""

    version: Literal[1]
    phrases: tuple[Phrase, ...]
    degrees: tuple[Degree, ...]
    ways: dict[str, tuple[str, ...]]
    negations: tuple[str, ...]
    refusals: tuple[str, ...]
    stops: tuple[str, ...]
    filler: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """What some words mean: their kind, and what stands behind them (a phrase, a degree, a way's name)."""

    kind: Kind
    phrase: Phrase | None = None
    degree: Degree | None = None
    way: str = ""


class Lexicon:
    """Tables of the vocabulary by words."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.entries: dict[Words, Entry] = {}
        """Everything but refusals and filler: these mean something only where nothing else does."""
        self.refusals = {words(text) for text in vocabulary.refusals}
        self.stops = {word for text in vocabulary.stops for word in words(text)}
        self.filler = {word for text in vocabulary.filler for word in words(text)}
        for phrase in vocabulary.phrases:
            self._add(phrase.say, Entry("phrase", phrase=phrase))
        for degree in vocabulary.degrees:
            self._add(degree.say, Entry("degree", degree=degree))
        for way, said in vocabulary.ways.items():
            self._add(said, Entry("way", way=way))
        self._add(vocabulary.negations, Entry("negation"))
        self._longest = max(map(len, self.entries))

    def longest(self, said: Sequence[str]) -> tuple[int, Entry] | None:
        """How many of the first words of `said` make the longest known phrase, and what it means."""
        for length in range(min(self._longest, len(said)), 0, -1):
            if entry := self.entries.get(tuple(said[:length])):
                return length, entry
        return None

    def refused(self, said: Sequence[str]) -> int:
        """How many words at the end of `said` refuse all before them; 0 where none do."""
        return next((n for n in range(min(3, len(said)), 0, -1) if tuple(said[-n:]) in self.refusals), 0)

    def _add(self, said: Sequence[str], entry: Entry) -> None:
        for text in said:
            key = words(text)
            if key in self.entries or not key:
                raise ValueError(f"vocabulary.yaml: '{text}' stands there twice, or holds no word")
            self.entries[key] = entry


@functools.cache
def lexicon() -> Lexicon:
    """The vocabulary that ships."""
    text = (Path(__file__).parent / "vocabulary.yaml").read_text(encoding="utf-8")
    return Lexicon(vocabulary(text))


def vocabulary(text: str) -> Vocabulary:
    """The vocabulary written in YAML."""
    return Vocabulary.model_validate(yaml.safe_load(text))


def spoken(text: str) -> Iterator[tuple[str, int, int]]:
    """The words of `text` as they are looked up, with where each begins and ends in it."""
    for found in _WORD.finditer(text):
        yield _folded(found[0]), found.start(), found.end()


def words(text: str) -> Words:
    """`Don't push-in` -> `dont`, `push`, `in`."""
    return tuple(word for word, _, _ in spoken(text))


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold().replace("'", "").replace("’", "")
