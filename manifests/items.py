"""Rows become items and shots; ids, pictures and output names are checked on the way."""

from __future__ import annotations

import dataclasses
import math
import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from manifests.ask import Ask
from manifests.asks import Asks
from manifests.ending import Followed, Neighbour, ending_on, follows, found
from manifests.errors import Problem
from manifests.faults import Place, nearest, shortened
from manifests.header import Limits
from manifests.layers import Layer, place_of
from manifests.manifest import Item, Manifest, Refused, Shot
from manifests.paths import Pictures
from manifests.rows import Row
from manifests.source import ImageSource
from manifests.variants import combinations

LONGEST_ID = 200
_FILES = (("source", "path", "source"), ("source", "mask", "source.mask"), ("sound", "path", "sound"))
"""Where an ask names files, and how its problems tell that."""


@dataclass(slots=True)
class _Entry:
    """A row as far as it came: its id, what it is to make, and what is wrong with it."""

    id: str | None
    line: int
    file: str
    problems: list[Problem]
    ask: Ask | None = None
    """As asked, and located once its files were found."""
    shots: tuple[Shot, ...] = ()


class Items:
    """Collects items and shots row by row. A row's problems stay the row's own; `problems` gets those of the whole."""

    def __init__(
        self, asks: Asks, pictures: Pictures, limits: Limits, profile: str | None, scenes: Collection[str] = ()
    ) -> None:
        self.asks = asks
        self.pictures = pictures
        self.limits = limits
        self.scenes = scenes
        self.profile = profile if profile in asks.profiles else None
        self.problems = asks.problems
        self._entries: list[_Entry] = []
        self._shots = 0
        self._places: dict[str, list[int]] = {}

    def add(self, row: Row) -> bool:
        """Take a row; False once there are too many to go on."""
        if len(self._entries) >= self.limits.max_rows:
            found = f"more than {self.limits.max_rows} rows"
            remedy = "cut it into several manifests, or raise limits.max_rows"
            self.problems.append(Problem("TOO_MANY_ROWS", found, remedy, row.file, row.line))
            return False
        before = len(self.problems)
        entry = _Entry(None, row.line, row.file, [])
        self._entries.append(entry)
        excess = None
        if row.id is not None or not row.problems:
            excess = self._read(row, entry)
        entry.problems = list(dict.fromkeys([*row.problems, *self.problems[before:]]))
        del self.problems[before:]
        self._shots += len(entry.shots)
        if excess is not None:
            self.problems.append(excess)
        return excess is None

    def finish(self, file: str, line: int | None) -> None:
        """Tell that there were too few rows, where nothing else explains it."""
        rows = len(self._entries)
        if rows < self.limits.min_rows and not self.problems:
            found = f"{rows or 'no'} rows, at least {self.limits.min_rows} wanted"
            remedy = "add rows, look at where:, or set limits.min_rows: 0"
            self.problems.append(Problem("NO_ROWS", found, remedy, file, line))

    def collected(self, manifest: Manifest) -> Manifest:
        """`manifest` with the items and shots of all good rows, and the others refused.

        Rows that are good by themselves are held against each other first: of two that share an id or the name of an
        output neither can be trusted to be the one that was meant, so both are refused, each naming the other.
        Clips that end on the next row's picture are told which that is.
        """
        self._follow(manifest)
        self._tell_shared_ids()
        self._tell_shared_keys()
        self._tell_shared_outputs(manifest)
        good = [entry for entry in self._entries if not entry.problems]
        items = tuple(Item(entry.id, entry.line, entry.file, entry.ask) for entry in good if entry.id and entry.ask)
        shots = tuple(shot for entry in good for shot in entry.shots)
        taken = {shot.key for shot in shots}
        refused: list[Refused] = []
        for entry in self._entries:
            if not entry.problems:
                continue
            name = entry.id or f"line {entry.line}"
            key = name if len(self._places.get(name, ())) < 2 else f"{name} (line {entry.line})"
            while key in taken:  # rows in flow style share a line
                key += "'"
            taken.add(key)
            refused.append(Refused(key, name, entry.line, entry.file, tuple(entry.problems), entry.ask))
        return dataclasses.replace(manifest, items=items, shots=shots, refused=tuple(refused))

    def _read(self, row: Row, entry: _Entry) -> Problem | None:
        """Fill `entry` from its row; what is wrong with the row goes to `problems`. Returns why not to go on."""
        entry.id = item = self._id(row)
        layer = Layer(row.ask, row.file, item or "")
        profile = self._profile(row, item or "")
        asked = self.asks.ask(layer, profile)
        entry.ask = asked[1] if asked else None
        ask = asked and self._located(asked[1], layer)
        if asked and asked[1].scene and asked[1].scene not in self.scenes:
            self.problems.append(self._no_scene(asked[1].scene, layer))
        if item is None or asked is None or ask is None:
            return None
        count = math.prod(len(choices) for choices in ask.variants.values())
        if count == 0:
            remedy = "give every key a value, or leave it out"
            self.problems.append(Problem("NO_SHOTS", "variants make 0 shots", remedy, row.file, row.line, item))
            return None
        if self._shots + count > self.limits.max_shots:
            found = f"variants make {count} shots, all together over {self.limits.max_shots}"
            remedy = "fewer values, or raise limits.max_shots"
            return Problem("TOO_MANY_SHOTS", found, remedy, row.file, row.line, item)
        shots: list[Shot] = []
        for name, settings in combinations(ask.variants):
            shot_ask = ask
            if name:
                varied = self.asks.varied(asked[0], settings, layer, profile)
                if varied is None:
                    return None
                own = varied.model_copy(update={"source": ask.source, "sound": ask.sound})
                if (ended := self._ended(own, lambda: place_of(("variants",), [layer], layer))) is None:
                    return None
                shot_ask = ended
            shots.append(Shot(f"{item}#{name}" if name else item, item, name, row.line, shot_ask))
        entry.ask, entry.shots = ask, tuple(shots)
        return None

    def _tell_shared_ids(self) -> None:
        for item, places in self._places.items():
            for place in places if len(places) > 1 else ():
                entry = self._entries[place]
                others = _lines(self._entries[other].line for other in places if other != place)
                remedy = "give each row an id of its own"
                found = f"the id is also that of {others}"
                entry.problems.append(Problem("DUPLICATE_ID", found, remedy, entry.file, entry.line, item))

    def _tell_shared_keys(self) -> None:
        """`a#seed=1` may be an id, and a variant of `a`."""
        first: dict[str, _Entry] = {}
        for entry, shot in self._good_shots():
            other = first.setdefault(shot.key, entry)
            if other is not entry:
                for one, two in ((entry, other), (other, entry)):
                    found = f"the shot {shortened(shot.key)} is also one of item '{two.id}' in line {two.line}"
                    remedy = "give one of them another id"
                    one.problems.append(Problem("DUPLICATE_ID", found, remedy, one.file, one.line, one.id or ""))

    def _tell_shared_outputs(self, manifest: Manifest) -> None:
        """Two deliveries with one file name, or with one poster's; letters' case does not part names everywhere."""
        taken: dict[str, tuple[_Entry, Shot, str]] = {}
        for entry, shot in self._good_shots():
            # A preset named twice is delivered once.
            for preset in dict.fromkeys(shot.ask.deliver):
                name = manifest.output(shot, preset)
                first, other, there = taken.setdefault(name.rpartition(".")[0].casefold(), (entry, shot, name))
                # Files of one shot differ in their extension, and may share its poster.
                if other is shot and (there is name or there != name):
                    continue
                remedy = "change an id, or add {id}, {variant} or {preset} to out.template"
                pairs = ((entry, first),) if first is entry else ((entry, first), (first, entry))
                for one, two in pairs:
                    whose = "the same row" if two is one else f"item '{two.id}' in line {two.line}"
                    found = f"the output {name} is also that of {whose}"
                    problem = Problem("DUPLICATE_OUTPUT", found, remedy, one.file, one.line, one.id or "")
                    if problem not in one.problems:
                        one.problems.append(problem)

    def _good_shots(self) -> list[tuple[_Entry, Shot]]:
        return [(entry, shot) for entry in self._entries if not entry.problems for shot in entry.shots]

    def _id(self, row: Row) -> str | None:
        if row.id is None or row.id == "":
            self.problems.append(
                Problem("MISSING_ID", "the row has no id", "every row needs an id of its own", row.file, row.line)
            )
            return None
        text = unicodedata.normalize("NFC", str(row.id).strip())
        fault = ""
        if isinstance(row.id, bool | list | dict):
            fault = "is no text"
        elif not 1 <= len(text) <= LONGEST_ID:
            fault = f"has {len(text)} characters"
        elif not text.isprintable():
            fault = "holds a line break or another unprintable character"
        if fault:
            found = f"the id {shortened(text)!r} {fault}"
            remedy = f"1 to {LONGEST_ID} printable characters of any script"
            self.problems.append(Problem("BAD_ID", found, remedy, row.file, row.line))
            return None
        self._places.setdefault(text, []).append(len(self._entries) - 1)
        return text

    def _profile(self, row: Row, item: str) -> str | None:
        if not row.profile:
            return self.profile
        if row.profile in self.asks.profiles:
            return row.profile
        near = nearest(row.profile, self.asks.profiles)
        remedy = (
            f"did you mean {near}?" if near else "profiles: " + (", ".join(self.asks.profiles) or "none are written")
        )
        found = f"there is no profile '{shortened(row.profile)}'"
        self.problems.append(Problem("UNKNOWN_PROFILE", found, remedy, row.file, row.line, item))
        return self.profile

    def _located(self, ask: Ask, layer: Layer) -> Ask | None:
        """The ask with absolute, checked paths."""
        found: dict[tuple[str, str], Path] = {}
        for part, name, told in _FILES:
            written: Path | None = getattr(getattr(ask, part), name)
            if written is None:
                continue
            answer = self.pictures.find(str(written))
            if isinstance(answer, Problem):
                place = place_of((part, name), [layer], layer)
                fault = missing_sound(answer) if part == "sound" else answer
                message = f"{told}: {fault.message}"
                self.problems.append(
                    dataclasses.replace(fault, message=message, file=place.file, line=place.line, item=place.item)
                )
            else:
                found[part, name] = answer
        if len(found) != sum(getattr(getattr(ask, part), name) is not None for part, name, _ in _FILES):
            return None
        source = {name: path for (part, name), path in found.items() if part == "source"}
        located = ask.model_copy(update={"source": ask.source.model_copy(update=source)})
        if path := found.get(("sound", "path")):
            located = located.model_copy(update={"sound": ask.sound.model_copy(update={"path": path})})
        return self._ended(located, lambda: place_of(("svd", "until"), [layer], layer))

    def _ended(self, ask: Ask, place: Callable[[], Place]) -> Ask | None:
        """The ask with the absolute, checked path of the picture it ends on, where it names one."""
        if ask.svd.last is None:
            return ask
        answer = found(ask.svd.last, self.pictures)
        if isinstance(answer, Problem):
            at = place()
            message = f"svd.until: {answer.message}"
            self.problems.append(dataclasses.replace(answer, message=message, file=at.file, line=at.line, item=at.item))
            return None
        return ending_on(ask, answer)

    def _follow(self, manifest: Manifest) -> None:
        """Name the next row's picture to every good row that ends on it; without one that row is refused."""
        after = Followed(self.pictures)
        for entry in reversed(self._entries):
            scene = manifest.scene_of(entry.ask) if entry.ask else ""
            if not entry.problems and any(follows(shot.ask) for shot in entry.shots):
                self._end_on(entry, after.before(scene))
            name = f"'{entry.id}' in line {entry.line}" if entry.id else f"line {entry.line}"
            after.add(Neighbour(name, scene, entry.ask))

    @staticmethod
    def _end_on(entry: _Entry, picture: ImageSource | Problem) -> None:
        if isinstance(picture, Problem):
            entry.problems.append(dataclasses.replace(picture, file=entry.file, line=entry.line, item=entry.id or ""))
            return
        entry.shots = tuple(
            dataclasses.replace(shot, ask=ending_on(shot.ask, picture)) if follows(shot.ask) else shot
            for shot in entry.shots
        )
        if entry.ask and follows(entry.ask):
            entry.ask = ending_on(entry.ask, picture)

    def _no_scene(self, name: str, layer: Layer) -> Problem:
        near = nearest(name, self.scenes)
        remedy = f"did you mean {near}?" if near else "scenes: " + (", ".join(self.scenes) or "none are written")
        place = place_of(("scene",), [layer], layer)
        found = f"there is no scene '{shortened(name)}'"
        return Problem("UNKNOWN_SCENE", found, remedy, place.file, place.line, place.item)


def missing_sound(problem: Problem) -> Problem:
    """What is wrong with a file that is no picture, in its own words."""
    if problem.code != "PICTURE_MISSING":
        return problem
    return dataclasses.replace(problem, code="SOUND_MISSING", remedy=problem.remedy.replace("picture", "sound"))


def _lines(lines: Iterable[int]) -> str:
    """`line 4`, `lines 4, 9 and 12`, the first three of many."""
    told = list(dict.fromkeys(lines))
    shown = [str(line) for line in told[:3]] + ([f"{len(told) - 3} more"] if len(told) > 3 else [])
    return f"line {shown[0]}" if len(shown) == 1 else f"lines {', '.join(shown[:-1])} and {shown[-1]}"
