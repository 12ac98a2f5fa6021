"""Camera moves in a board's notes: only what is said of the camera counts, and said as camera people say it.

Notes hold anything: what an actor does, what a light does, what to ask the director. So a clause counts only if all of
it has this shape, in this order:

    [how much] [the camera | cam | shot [is, should ...]] [how much] MOVE [which way] [how much] [REST] [how much]

- With the camera named, or after a label (`CAM:`), MOVE is any move of the vocabulary (`drifts`, `moves closer`).
- Without it, MOVE is one of `BARE`: words that mean a camera, as an order or a noun. Each says which words REST may
  begin with. `Push in on her hand` counts; `push in the drawer` does not, nor do `pushes in` or `move closer`.
- REST is empty, or an object behind a preposition, or a time (`as she turns`). It is never read for moves.

A clause of nothing but degrees (`slow`) belongs to the move before it. Quotations, questions, and lines behind other
labels (`KEEPER:`, `Sound:`) are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from manifests.prompt import read
from manifests.vocabulary import lexicon, spoken, words

_LABELS = {"camera", "cam", "camera move", "camera moves", "camera movement", "camera motion", "camera notes", "move"}
_LABEL = re.compile(r"\s*([^\s:.,;!?()][^:.,;!?()\n]{0,40}):(?!\d)")
_QUOTED = re.compile(r"\"[^\"]*(?:\"|$)|“[^”]*(?:”|$)|«[^»]*(?:»|$)|„[^“”]*(?:[“”]|$)|(?<!\w)'[^']*'(?!\w)")
_CLAUSE = re.compile(r"[^.,;!?()|/–—\n]+")
_SUBJECTS = {"camera", "cam", "shot"}
_ARTICLES = {"the", "a", "our"}
_AUXILIARIES = {"is", "be", "should", "must", "will", "can", "to", "then", "starts", "begins", "gently", "just"}
_TIMES = ("as", "while", "when", "until", "till", "before", "after", "during", "throughout")
_TO = ("to", "towards", "toward", "onto", "on", "across", "over", "along", "past", "with", "from", "around", "through")
_AND = ("and reveal", "and hold", "to reveal", "to show", "to include", "to see", "revealing")
_CAMERA_NOUNS = ("camera", "shot", "cam", "frame", "move", "movement")
_SLIDES = ("to", "towards", "toward", "onto", "across", "over", "along", "past", "from", "with the", "with her",
           "with him", "with them", "with it", "following")  # fmt: skip
_WAYS = ("left", "right", "up", "down")

_IN = ("on", "to", "towards", "toward", "onto", "across", "over", "past", "from", "through")
_OUT = ("to", "from", "past", "across", "over", "through", "until", "and reveal")
BARE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("push in", "dolly in", "dolly forward", "track in", "truck in", "zoom in"), _IN),
    **dict.fromkeys(("push", "push towards", "zoom"), ()),
    **dict.fromkeys(("pull back", "pull out", "pullback", "dolly out", "dolly back", "zoom out", "track out"), _OUT),
    **{f"pan {way}": _SLIDES for way in (*_WAYS, "from left to right", "from right to left")},
    **{f"{slide} {way}": _SLIDES for slide in ("tilt", "crane", "pedestal") for way in ("up", "down")},
    **{f"boom {way}": ("to", "over", "past") for way in ("up", "down")},
    **{f"truck {way}": ("across", "along", "past") for way in ("left", "right")},
    "pan": ("across", "over", "along", "to the", "from the", "past", "with the", "with her", "with him", "with them"),
    **dict.fromkeys(("tracking shot", "crane shot", "slider shot", "arc shot"), _TO),
    **dict.fromkeys(("orbit", "orbit left", "orbit right"), ("around", "about")),
    **{f"arc {way}": ("around", "about", "towards", "toward", "to") for way in ("left", "right")},
    "arc around": ("the", "her", "him", "them", "it", "a", "an"),
    **dict.fromkeys(("handheld camera", "handheld", "hand held camera"), ()),
    **dict.fromkeys(("static shot", "static camera", "fixed camera", "locked camera", "camera at rest"), ("on",)),
    **dict.fromkeys(("locked off", "lock off", "camera still", "still camera", "tripod shot"), ("on",)),
    **dict.fromkeys(("no camera movement", "no camera motion", "no camera move", "no camera moves"), ()),
    **dict.fromkeys(("drift", "drift left", "drift right"), ()),
    "hold": ("on the", "on her", "on his", "on him", "on them", "on it", "on their", "on this"),
}
"""Moves that need no camera beside them, and what may begin the rest of their clause (times may always)."""
_LONGEST = max(len(move.split()) for move in BARE) + 2
_SHOUTED = {"push", "zoom", "drift"}
"""Alone and without a degree these may be a shout or a sound: `slow push` counts, `Push!` does not."""
_NOT_HELD = {"second", "sec", "minute", "moment", "rope", "phone", "line"}
"""`Hold on the phone` is no camera."""


@dataclass(frozen=True)
class CameraWords:
    """A motion from the notes. `motion`: keys of `motion:`; `said`: the words; `unknown`: those that fill nothing."""

    motion: dict[str, Any]
    said: str
    unknown: tuple[str, ...]

    def comment(self) -> str:
        """What stands behind the row's `motion:`."""
        told = f'from the notes: "{_short(self.said)}"'
        missed = ", ".join(f'"{_short(text)}"' for text in self.unknown)
        return f"{told}; not understood: {missed}" if missed else told


def camera_words(notes: str) -> CameraWords | None:
    """What the notes say of the camera; None where nothing in them is surely said of it."""
    known: list[str] = []
    said: list[str] = []
    unknown: list[str] = []
    last = False
    for clause, labelled in _clauses(notes):
        found = _counted(clause, labelled)
        if found is not None:
            known.append(found[0])
            unknown.extend(found[1:])
        elif last and _only_degrees(clause):
            known.append(clause)
        last = found is not None or (last and _only_degrees(clause))
        if last:
            said.append(" ".join(clause.split()))
    reading = read(", ".join(known))
    motion = {key.removeprefix("motion."): value for key, value in reading.values.items() if key.startswith("motion.")}
    if "move" not in motion:
        return None
    if motion.get("easing") == "smooth":  # as every motion is that says nothing
        del motion["easing"]
    order = [key for key in ("move", "amount", "direction") if key in motion]
    ordered = {key: motion[key] for key in [*order, *(key for key in motion if key not in order)]}
    return CameraWords(ordered, ", ".join(said), (*unknown, *reading.unmapped))


def _clauses(notes: str) -> Iterator[tuple[str, bool]]:
    """The clauses that may be read, and whether a camera's label stands before them."""
    for line in notes.splitlines():
        text = _QUOTED.sub(" ~ ", line)
        label = _LABEL.match(text)
        if label:
            if " ".join(words(label[1])) not in _LABELS:
                continue
            text = text[label.end() :]
        for clause in _CLAUSE.finditer(text):
            asked = text[clause.end() : clause.end() + 1] == "?"
            for part in re.split(r"\s-+\s", clause[0]):
                if words(part) and not asked and "~" not in part and ":" not in part:
                    yield part.strip(), label is not None


def _counted(clause: str, labelled: bool) -> tuple[str, ...] | None:
    """The words of a clause that move the camera, then what else it says; None where the clause does not count."""
    found = list(spoken(clause))
    said = [word for word, _, _ in found]
    at = _after_degrees(said, 0)
    if said[at : at + 1] and said[at] in _ARTICLES and at + 1 < len(said) and (said[at + 1] in _SUBJECTS or at == 0):
        at += 1
        at = _after_degrees(said, at)
    named = labelled
    if at + 1 < len(said) and said[at] in _SUBJECTS and not _bare(said[at:]):
        named, at = True, at + 1
        while at < len(said) and said[at] in _AUXILIARIES:
            at += 1
        at = _after_degrees(said, at)
    rest, allowed = _move(said, at, named)
    if rest == at:
        return None
    rest = _after_degrees(said, rest)
    end = _before_degrees(said, rest)
    tail = said[rest:end]
    if tail and not _begins(tail, (*allowed, *_TIMES)):
        return None
    if not named and ((said[at] == "hold" and _NOT_HELD & set(tail)) or said in [[word] for word in _SHOUTED]):
        return None
    pieces = [clause[: found[rest][1]] if rest < len(found) else clause]
    if end < len(found):
        pieces.append(clause[found[end][1] :])
    known = " ".join(piece.strip() for piece in pieces)
    return (known, clause[found[rest][1] : found[end - 1][2]]) if tail else (known,)


def _move(said: Sequence[str], at: int, named: bool) -> tuple[int, tuple[str, ...]]:
    """Where the move that begins at `at` ends, and what may follow it; `at` itself where none begins there."""
    if bare := _bare(said[at:]):
        length, allowed = bare
        return at + length, (*allowed, *_TO, *_AND) if named else allowed and (*allowed, *_AND)
    if not named:
        return at, ()
    inside = [index for index in range(at, len(said)) if not _degree(said[index])]
    phrase = lexicon().longest([said[index] for index in inside])
    if phrase is None or phrase[1].phrase is None or not _moves(phrase[1].phrase.set, phrase[1].phrase.ways):
        return at, ()
    end = inside[phrase[0] - 1] + 1
    after = _after_degrees(said, end)
    way = lexicon().longest(said[after:])
    if way and way[1].kind == "way":
        end = after + way[0]
    elif not phrase[1].phrase.set:  # `moves` alone says no more than that
        return at, ()
    return end, (*_TO, *_AND)


def _bare(said: Sequence[str]) -> tuple[int, tuple[str, ...]] | None:
    """How many of the first words are the longest of `BARE`, a degree inside it counted, and what may follow."""
    inside = [index for index, word in enumerate(said[: _LONGEST + 1]) if not _degree(word) or index == 0]
    for length in range(min(_LONGEST, len(inside)), 0, -1):
        move = " ".join(said[index] for index in inside[:length])
        if move in BARE:
            end = inside[length - 1] + 1
            if end < len(said) and said[end] in _CAMERA_NOUNS:  # `pan left shot`, `handheld camera move`
                end += 1
            return end, BARE[move]
    return None


def _moves(fills: dict[str, Any], ways: dict[str, dict[str, Any]]) -> bool:
    return any("motion.move" in one for one in (fills, *ways.values()))


def _begins(said: Sequence[str], allowed: Sequence[str]) -> bool:
    return any(tuple(said[: len(first)]) == first for first in map(words, allowed)) and len(said) > 1


def _degree(word: str) -> bool:
    entry = lexicon().entries.get((word,))
    return entry is not None and entry.kind == "degree"


def _degree_length(said: Sequence[str]) -> int:
    found = lexicon().longest(said)
    if found and found[1].kind == "degree":
        return found[0]
    more = next((at for at, word in enumerate(said) if word != "very"), len(said))
    rest = _degree_length(said[more:]) if more else 0
    return more + rest if rest else 0


def _after_degrees(said: Sequence[str], at: int) -> int:
    while at < len(said) and (length := _degree_length(said[at:])):
        at += length
    return at


def _before_degrees(said: Sequence[str], start: int) -> int:
    """Where the degrees at the very end begin, not before `start`."""
    return next((at for at in range(start, len(said)) if _after_degrees(said, at) == len(said)), len(said))


def _only_degrees(clause: str) -> bool:
    said = [word for word in words(clause) if word not in ("and", "but")]
    return bool(said) and _after_degrees(said, 0) == len(said)


def _short(text: str) -> str:
    plain = " ".join(text.split()).replace('"', "'")
    return plain if len(plain) <= 120 else plain[:119] + "…"
