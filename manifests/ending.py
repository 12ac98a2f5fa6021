"""Which picture a clip ends on (`svd.until`): a file of its own, or that of the row after its own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from manifests.ask import Ask
from manifests.errors import Problem
from manifests.paths import Pictures
from manifests.source import ImageSource


def follows(ask: Ask) -> bool:
    """Whether the clip ends on the next row's picture."""
    return ask.svd.until == "next"


def ending_on(ask: Ask, picture: ImageSource) -> Ask:
    """`ask`, ending on `picture`."""
    return ask.model_copy(update={"svd": ask.svd.model_copy(update={"until": picture})})


def found(source: ImageSource, pictures: Pictures) -> ImageSource | Problem:
    """`source` with absolute, checked paths, or what is wrong with one of them."""
    located: dict[str, object] = {}
    for name in ("path", "mask"):
        if (written := getattr(source, name)) is None:
            continue
        answer = pictures.find(str(written))
        if isinstance(answer, Problem):
            told = "its mask: " if name == "mask" else ""
            return dataclasses.replace(answer, message=f"{told}{answer.message}")
        located[name] = answer
    return source.model_copy(update=located)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row as its neighbours see it: who it is, and what it asks for, if that could be read."""

    told: str
    """`'b' in line 7`"""
    scene: str = ""
    ask: Ask | None = None


@dataclass
class Followed:
    """The rows after a row, told from the last to the first: `before` answers for the row that comes before them all.

    `next` is the row right after it; of a row in a scene the next one of that scene. One that could not be read may be
    of any scene, so it is the next of all of them: a clip that ends on the wrong picture is worse than none.
    """

    pictures: Pictures
    _next: Neighbour | None = None
    _of_scene: dict[str, Neighbour] = field(default_factory=dict[str, Neighbour])
    _unread: Neighbour | None = None

    def add(self, row: Neighbour) -> None:
        """The row that comes before all that were added."""
        self._next = row
        if row.ask is None:
            self._of_scene, self._unread = {}, row
        elif row.scene:
            self._of_scene[row.scene] = row

    def before(self, scene: str) -> ImageSource | Problem:
        """The picture of the next row, for one in `scene` ("": in none); NO_NEXT_ROW where there is none."""
        after = self._of_scene.get(scene, self._unread) if scene else self._next
        if after is None:
            where = f" in scene '{scene}'" if scene else ""
            return _no_next(f"no row follows{where}", "name a picture, or write svd.until: none in this row")
        if after.ask is None:
            return _no_next(f"the next row, {after.told}, cannot be read", "mend that row, or name a picture")
        picture = found(after.ask.source, self.pictures)
        if isinstance(picture, Problem):
            return _no_next(f"of the next row, {after.told}: {picture.message}", "mend that row, or name a picture")
        return picture


def _no_next(why: str, remedy: str) -> Problem:
    return Problem("NO_NEXT_ROW", f"svd.until is next, but {why}", remedy)
