"""What an editor made of a scene: its shots in their new order, with where they lie and what they show, in frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import PurePath

from manifests.errors import InputError, Problem

_EXTENSIONS = frozenset({".mov", ".mp4", ".mxf", ".mkv", ".avi"})


@dataclass(frozen=True)
class Cut:
    """One shot in an edit. Record frames are numbers of the edit's timecode, source frames those of the shot's file.

    They lie between cuts: of a dissolve of `dissolve` frames that the shot begins with, `before` lie before
    `record_in`. `split_guessed`: the file does not say where in the dissolve the cut is, the middle was taken.
    """

    name: str
    record_in: int
    record_out: int
    source_in: int
    source_out: int
    key: str = ""
    """The row's id, where the file carries it."""
    reel: str = ""
    dissolve: int = 0
    before: int = 0
    split_guessed: bool = False
    sourced: bool = True
    """The file says the source's own frame numbers; else they are counted from the source's start."""
    retimed: bool = False
    """It plays at another speed than it was made."""
    gap: bool = False
    """There is no clip: it was missing when the timeline was written."""

    @property
    def frames(self) -> int:
        """From cut to cut."""
        return self.record_out - self.record_in

    def cut_later(self, frames: int) -> Cut:
        """The same with its first cut so many frames later (negative: earlier), over the same source."""
        return replace(
            self,
            record_in=self.record_in + frames,
            source_in=self.source_in + frames,
            before=self.before + frames,
        )

    def ends_later(self, frames: int) -> Cut:
        """The same with the cut after it so many frames later (negative: earlier)."""
        return replace(self, record_out=self.record_out + frames, source_out=self.source_out + frames)


@dataclass(frozen=True)
class Edit:
    """An edited timeline file. `unread` are sentences about what is in it and is no shot on its first video track."""

    file: str
    rate: Fraction
    cuts: tuple[Cut, ...]
    unread: tuple[str, ...] = ()


def refused(file: str, code: str, message: str, remedy: str, line: int | None = None) -> InputError:
    """The error for an edit that cannot be read."""
    return InputError(Problem(code, message, remedy, file, line))


def clip_name(text: str) -> str:
    """A shot's name from a clip's or a file's: without folder and extension."""
    name = PurePath(text.strip().replace("\\", "/")).name
    path = PurePath(name)
    return path.stem if path.suffix.lower() in _EXTENSIONS else name


def check_rate(file: str, found: Fraction, wanted: Fraction) -> None:
    """Raises InputError (`EDIT_RATE`) where an edit is at another rate than the scene."""
    if abs(found - wanted) > Fraction(1, 200):
        raise refused(
            file,
            "EDIT_RATE",
            f"the edit runs at {float(found):.6g} frames per second, the scene at {float(wanted):.6g}",
            "set the sequence to the scene's rate in the editor, and export it again",
        )


def check_cuts(file: str, cuts: Sequence[Cut]) -> tuple[Cut, ...]:
    """The cuts in the order they are seen. Raises InputError: `EDIT_EMPTY`, `EDIT_LENGTH` for one of no length."""
    if not cuts:
        raise refused(file, "EDIT_EMPTY", "there is no shot on its first video track", "export the cut sequence")
    for cut in cuts:
        if cut.frames <= 0:
            raise refused(
                file,
                "EDIT_LENGTH",
                f"{cut.name or 'a shot'} is {cut.frames} frames long",
                "remove it from the edit, or let it last, and export again",
            )
    return tuple(sorted(cuts, key=lambda cut: cut.record_in))
