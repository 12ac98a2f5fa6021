"""A look at every picture of a manifest: from the catalog where it has not changed, else decoded and measured once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from pathlib import Path

from catalog.catalog import Catalog
from catalog.knowledge import PictureFacts as Known
from catalog.knowledge import PictureKey
from manifests.ask import Ask
from manifests.errors import InputError, Problem
from manifests.source import ImageSource
from tasks.prepare import PROBE_VERSION, PictureFacts, look

KEPT_EVERY = 64
"""Pictures looked at between two writes of their facts: an interrupted survey loses no more than these."""


@dataclass(frozen=True)
class Sight:
    """One way of looking at one picture: what decides its facts."""

    path: Path
    mask: Path | None
    page: int | None
    product: str

    @classmethod
    def of(cls, ask: Ask) -> Sight:
        """What the ask looks at."""
        return cls._at(ask.source, ask)

    @classmethod
    def of_ending(cls, ask: Ask) -> Sight | None:
        """The picture that the ask's clip ends on, where it ends on another."""
        return cls._at(ask.svd.last, ask) if ask.svd.last else None

    @classmethod
    def all_of(cls, ask: Ask) -> list[Sight]:
        """Everything the ask looks at."""
        return [cls.of(ask), *([ending] if (ending := cls.of_ending(ask)) else [])]

    @classmethod
    def _at(cls, source: ImageSource, ask: Ask) -> Sight:
        return cls(source.path, source.mask, source.page, ask.product)

    @property
    def way(self) -> str:
        """The part of the question that is not the files': facts are kept under it."""
        return f"{self.product}:{'' if self.page is None else self.page}"


def survey(
    catalog: Catalog,
    asks: Iterable[Ask],
    *,
    max_pixels: int,
    workers: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[Sight, PictureFacts | Problem]:
    """Facts of every picture the asks name, or what is wrong with it.

    A picture whose file has not changed since it was last looked at (size, time and inode) is not opened.
    """
    seen: dict[Sight, PictureFacts | Problem] = {}
    keys: dict[Sight, PictureKey] = {}
    for sight in dict.fromkeys(chain.from_iterable(map(Sight.all_of, asks))):
        try:
            keys[sight] = PictureKey.of(sight.path, sight.mask, PROBE_VERSION)
        except OSError as error:
            seen[sight] = Problem("PICTURE_MISSING", f"the picture cannot be read: {error.strerror}", "check the path")
    known = catalog.picture_facts(list(dict.fromkeys(keys.values())))
    for sight, key in keys.items():
        if (found := known.get(key)) is not None and sight.way in found.facts:
            seen[sight] = PictureFacts.from_dict(found.facts[sight.way])

    missing = [sight for sight in keys if sight not in seen]
    fresh: dict[Sight, PictureFacts] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="look") as pool:
        looked = pool.map(partial(_look, max_pixels=max_pixels), missing)
        for done, (sight, facts) in enumerate(zip(missing, looked, strict=True), start=1):
            seen[sight] = facts
            if isinstance(facts, PictureFacts):
                fresh[sight] = facts
            progress(done, len(missing))
            if done % KEPT_EVERY == 0 or done == len(missing):
                _keep(catalog, fresh, keys, known)
                fresh = {}
    return seen


def _look(sight: Sight, *, max_pixels: int) -> PictureFacts | Problem:
    try:
        return look(
            sight.path,
            mask=sight.mask,
            page=sight.page,
            product=sight.product,  # type: ignore[arg-type]  # an Ask has checked it
            max_pixels=max_pixels,
        )
    except InputError as error:
        return error.problem


def _keep(
    catalog: Catalog, fresh: dict[Sight, PictureFacts], keys: dict[Sight, PictureKey], known: dict[PictureKey, Known]
) -> None:
    def by_key(sight: Sight) -> tuple[str, str]:
        return keys[sight].path, keys[sight].mask_path

    for _, group in groupby(sorted(fresh, key=by_key), key=by_key):
        sights = list(group)
        key, facts = keys[sights[0]], fresh[sights[0]]
        told = {sight.way: fresh[sight].as_dict() for sight in sights}
        known[key] = Known(facts.sha256, {**known[key].facts, **told} if key in known else told)
    catalog.put_picture_facts({keys[sight]: known[keys[sight]] for sight in fresh})
