"""An edited timeline file read back, whichever of the three formats it is in. Nothing in it is trusted."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from manifests.errors import InputError
from manifests.textfile import UnreadableError, read_text
from tasks.editorial.edit import Edit
from tasks.editorial.read_edl import read_edl
from tasks.editorial.read_fcp7 import read_fcp7

LARGEST = 64 * 1024 * 1024
"""Bytes of a timeline file."""


def read_edit(path: Path, rate: Fraction) -> Edit:
    """The edit in an `.otio`, CMX 3600 `.edl` or Final Cut Pro 7 `.xml`, told apart by how it begins.

    `rate` is the scene's; lists do not say theirs, and the others must have it. Raises InputError with a stable code:
    those of `read_edl`, `read_fcp7`, `read_otio`, and `FILE_MISSING`, `NOT_A_FILE`, `TOO_LARGE`, `BAD_ENCODING`.
    """
    text = _text(path)
    match text.lstrip()[:1]:
        case "{" | "[":
            from tasks.editorial.read_otio import read_otio  # the library is loaded where it is needed only

            return read_otio(text, str(path), rate)
        case "<":
            return read_fcp7(text, str(path), rate)
        case _:
            return read_edl(text, str(path), rate)


def _text(path: Path) -> str:
    try:
        return read_text(path, str(path), LARGEST)
    except UnreadableError as error:
        problem = error.problem
        if problem.code == "BAD_ENCODING" and path.suffix.lower() == ".edl":
            return path.read_bytes().decode("latin-1")  # older editors; what matters in a list is ASCII
        if problem.code == "TOO_LARGE":
            problem = replace(problem, remedy="export the one cut sequence, without its media")
        elif problem.code == "BAD_ENCODING":
            problem = replace(problem, remedy="export it as UTF-8")
        raise InputError(problem) from error
