"""Rows become items and shots; ids, pictures and output names are checked on the way."""

from __future__ import annotations

import dataclasses
import math
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from manifests.ask import Ask
from manifests.asks import Asks
from manifests.errors import Problem
from manifests.faults import nearest, shortened
from manifests.header import Limits
from manifests.layers import Layer, place_of
from manifests.manifest import Item, Manifest, Shot
from manifests.paths import Pictures
from manifests.rows import Row
from manifests.variants import combinations

LONGEST_ID = 200


class Items:
    """Collects items and shots row by row, telling every problem with the row's id and line."""

    def __init__(self, asks: Asks, pictures: Pictures, limits: Limits, profile: str | None) -> None:
        self.asks = asks
        self.pictures = pictures
        self.limits = limits
        self.profile = profile if profile in asks.profiles else None
        self.problems = asks.problems
        self.items: list[Item] = []
        self.shots: list[Shot] = []
        self._rows = 0
        self._seen: dict[str, Row] = {}

    def add(self, row: Row) -> bool:
        """Take a row; False once there are too many to go on."""
        self._rows += 1
        if self._rows > self.limits.max_rows:
            found = f"more than {self.limits.max_rows} rows"
            remedy = "cut it into several manifests, or raise limits.max_rows"
            self.problems.append(Problem("TOO_MANY_ROWS", found, remedy, row.file, row.line))
            return False
        item = self._id(row)
        layer = Layer(row.ask, row.file, item or "")
        profile = self._profile(row, item or "")
        asked = self.asks.ask(layer, profile)
        ask = asked and self._located(asked[1], layer)
        if item is None or asked is None or ask is None:
            return True
        values, _ = asked
        self.items.append(Item(item, row.line, row.file, ask))
        count = math.prod(len(choices) for choices in ask.variants.values())
        if count == 0 or len(self.shots) + count > self.limits.max_shots:
            found = f"variants make {count} shots" + (f", all together over {self.limits.max_shots}" if count else "")
            remedy = "fewer values, or raise limits.max_shots" if count else "give every key a value, or leave it out"
            self.problems.append(
                Problem("TOO_MANY_SHOTS" if count else "NO_SHOTS", found, remedy, row.file, row.line, item)
            )
            return count == 0
        for name, settings in combinations(ask.variants):
            shot_ask = ask
            if name:
                varied = self.asks.varied(values, settings, layer, profile)
                if varied is None:
                    break
                shot_ask = varied.model_copy(update={"source": ask.source})
            key = f"{item}#{name}" if name else item
            self.shots.append(Shot(key, item, name, row.line, shot_ask))
        return True

    def finish(self, file: str, line: int | None) -> None:
        """Tell that there were too few rows, where nothing else explains it."""
        if self._rows < self.limits.min_rows and not self.problems:
            found = f"{self._rows or 'no'} rows, at least {self.limits.min_rows} wanted"
            remedy = "add rows, look at where:, or set limits.min_rows: 0"
            self.problems.append(Problem("NO_ROWS", found, remedy, file, line))

    def clashes(self, manifest: Manifest) -> Iterator[Problem]:
        """Two deliveries with one file name, told with both rows; letters' case does not part names everywhere."""
        taken: dict[str, Shot] = {}
        files = {item.id: item.file for item in self.items}
        for shot in self.shots:
            # A preset named twice is delivered once.
            for preset in dict.fromkeys(shot.ask.deliver):
                name = manifest.output(shot, preset)
                first = taken.get(name.casefold())
                if first is None:
                    taken[name.casefold()] = shot
                    continue
                other = (
                    "the same row" if first.item_id == shot.item_id else f"item '{first.item_id}' in line {first.line}"
                )
                remedy = "change an id, or add {id}, {variant} or {preset} to out.template"
                found = f"the output {name} is also that of {other}"
                yield Problem("DUPLICATE_OUTPUT", found, remedy, files[shot.item_id], shot.line, shot.item_id)

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
        first = self._seen.setdefault(text, row)
        if first is not row:
            found = f"the id is also that of line {first.line}"
            self.problems.append(
                Problem("DUPLICATE_ID", found, "give one of them another id", row.file, row.line, text)
            )
            return None
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
        found: dict[str, Path] = {}
        for name in ("path", "mask"):
            written: Path | None = getattr(ask.source, name)
            if written is None:
                continue
            answer = self.pictures.find(str(written))
            if isinstance(answer, Problem):
                place = place_of(("source", name), [layer], layer)
                message = f"{'source' if name == 'path' else 'source.mask'}: {answer.message}"
                told = dataclasses.replace(answer, message=message, file=place.file, line=place.line, item=place.item)
                self.problems.append(told)
            else:
                found[name] = answer
        if len(found) != 1 + (ask.source.mask is not None):
            return None
        return ask.model_copy(update={"source": ask.source.model_copy(update=found)})
