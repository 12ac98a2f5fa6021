"""The asks of a manifest: layers merged, checked, and shared where they are equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from manifests.ask import BUILT_IN, LONGEST_LINE, Ask
from manifests.errors import Problem
from manifests.faults import Path, Place, nearest, problems_of, shortened
from manifests.keys import ask_schema, row_schema
from manifests.layers import Layer, Values, overlaid, place_of
from manifests.marked import Marked
from manifests.part import Part
from manifests.prompt import read
from manifests.variants import combinations, variable, variables

_PARTS = ("motion", "svd", "light", "place", "backdrop", "upscale", "render")
MOST_VALUES = 1_000
"""Of one key in a variants matrix."""
_STAND_IN = {"source": {"kind": "image", "path": "."}}
"""A source for layers that need none by themselves."""


class Asks:
    """Makes complete asks from a manifest's layers.

    Header, profiles and overrides are checked once and alone, so that a fault in a profile no row uses is told too; a
    faulty layer then says nothing, so that its fault is not told again by every row.
    """

    def __init__(self, written: Marked, file: str, kind: str, overrides: Layer, problems: list[Problem]) -> None:
        self.problems = problems
        self._shared: dict[Part, Part] = {}
        self._overrides = self._sound(overrides, "")
        defaults = self._layer(written.get("defaults"), "defaults", file, written.lines.get("defaults"))
        self.profiles: dict[str, Layer] = {}
        for name, profile, line in self._written_profiles(written, file):
            self.profiles[name] = self._layer(profile, f"profiles.{name}", file, line)
        built_in = Layer(BUILT_IN[kind], "built-in")
        self._below: dict[str | None, _Below] = {}
        for name in (None, *self.profiles):
            layers = [built_in, defaults, *([] if name is None else [self.profiles[name]])]
            self._below[name] = _Below(layers, _merged(layers, prompted=True), _merged(layers, prompted=False))

    def ask(self, row: Layer, profile: str | None) -> tuple[Values, Ask] | None:
        """A row's merged values and its ask; None, with its problems told, where they are no ask."""
        values = self._over(row, profile, {})
        place = _placer([*self._below[profile].layers, row, self._overrides], row)
        ask = self._validated(values, place)
        sound = self._sound_matrix(row.values.get("variants"), place, "")
        return (values, ask) if ask is not None and sound else None

    def varied(self, values: Values, layer: Values, row: Layer, profile: str | None) -> Ask | None:
        """The ask of one variant: `layer` over a row's merged `values`; a variant's prompt takes the others' place."""
        if layer.get("prompt") is not None:
            values = self._over(row, profile, layer)
        whole = {key: value for key, value in overlaid(values, layer).items() if key != "variants"}
        return self._validated(whole, lambda path: place_of(("variants",), [row], row))

    def _over(self, row: Layer, profile: str | None, top: Values) -> Values:
        """Everything below `top` merged with it."""
        below, upper = self._below[profile], [row, self._overrides, Layer(top)]
        if not any(layer.values.get("prompt") is not None for layer in upper):
            return overlaid(overlaid(below.merged, row.values), self._overrides.values)
        return _merged(upper, prompted=True, start=below.unprompted)

    def _validated(self, values: Values, place: Callable[[Path], Place]) -> Ask | None:
        try:
            ask = Ask.model_validate(values)
        except ValidationError as error:
            self.problems.extend(problems_of(error, values, row_schema(), place))
            return None
        # Ten thousand rows say the same few things: equal parts are kept once.
        parts = {name: self._shared.setdefault(part, part) for name in _PARTS if (part := getattr(ask, name))}
        return ask.model_copy(update=parts)

    def _layer(self, written: object, name: str, file: str, line: int | None) -> Layer:
        if isinstance(written, Marked):
            return self._sound(Layer(written, file), name)
        if written is not None:
            found = f"{name} is {shortened(written)}, wanted a mapping"
            self.problems.append(Problem("WRONG_TYPE", found, "write keys of an ask below it", file, line))
        return Layer({}, file)

    def _sound(self, layer: Layer, name: str) -> Layer:
        """The layer, or where it is faulty, its problems told and an empty one."""
        values = overlaid(_STAND_IN, layer.values)
        place = _placer([layer], layer)
        before = len(self.problems)
        try:
            Ask.model_validate(values)
        except ValidationError as error:
            self.problems.extend(problems_of(error, values, ask_schema(), place, name))
        self._sound_matrix(layer.values.get("variants"), place, name)
        return layer if len(self.problems) == before else Layer({}, layer.file)

    def _sound_matrix(self, matrix: object, place: Callable[[Path], Place], prefix: str) -> bool:
        """Whether every key of a variants matrix may vary, and takes each of its values."""
        before = len(self.problems)
        for key, choices in cast("Mapping[str, Any]", matrix).items() if isinstance(matrix, Mapping) else ():
            here = place(("variants", key))
            name = f"{prefix}.variants" if prefix else "variants"
            if not variable(key):
                near = nearest(key, variables())
                remedy = f"did you mean {near}?" if near else "dotted keys of an ask, such as seed or motion.move"
                self.problems.append(Problem("UNKNOWN_KEY", f"{name}: '{key}' cannot vary", remedy, *here))
                continue
            if isinstance(choices, list) and len(cast("list[Any]", choices)) > MOST_VALUES:
                found = f"{name}: '{key}' has {len(cast('list[Any]', choices))} values, at most {MOST_VALUES} are tried"
                self.problems.append(Problem("OUT_OF_RANGE", found, "fewer values, or more rows", *here))
                continue
            for _, setting in combinations({key: cast("list[Any]", choices)}) if isinstance(choices, list) else ():
                values = overlaid(_STAND_IN, setting)
                try:
                    Ask.model_validate(values)
                except ValidationError as error:
                    self.problems.extend(problems_of(error, values, ask_schema(), lambda path, at=here: at, name))
        return len(self.problems) == before

    def _written_profiles(self, written: Marked, file: str) -> list[tuple[str, Any, int]]:
        profiles = written.get("profiles")
        if isinstance(profiles, Marked):
            return [(name, profile, profiles.lines[name]) for name, profile in profiles.items()]
        if profiles is not None:
            remedy = "write profiles: and below it a name: with its keys"
            line = written.lines["profiles"]
            self.problems.append(Problem("WRONG_TYPE", "profiles: is no mapping", remedy, file, line))
        return []


@dataclass(frozen=True)
class _Below:
    """What lies below a row: the layers themselves, merged, and merged as if none of them had a prompt."""

    layers: Sequence[Layer]
    merged: Values
    unprompted: Values


def _merged(layers: Sequence[Layer], *, prompted: bool, start: Values | None = None) -> Values:
    """The layers, lowest first, over `start`. Of their prompts only the highest counts, just below its own layer."""
    prompts = [index for index, layer in enumerate(layers) if layer.values.get("prompt") is not None]
    merged: Values = start or {}
    for index, layer in enumerate(layers):
        if prompted and prompts and index == prompts[-1]:
            prompt = layer.values["prompt"]
            if isinstance(prompt, str) and len(prompt) <= LONGEST_LINE:  # else the ask refuses it
                merged = overlaid(merged, read(prompt).layer())
        merged = overlaid(merged, layer.values)
    return merged


def _placer(layers: Sequence[Layer], home: Layer) -> Callable[[Path], Place]:
    return lambda path: place_of(path, layers, home)
