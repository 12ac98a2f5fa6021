"""Reading weights again: are they still the bytes that were published, or that came?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tasks.weights.checksum import sums_of
from tasks.weights.download import Told
from tasks.weights.known import Known, parts_of
from tasks.weights.pull import wanted_of
from tasks.weights.record import line_of, read_record, write_record

State = Literal["good", "recorded", "wrong", "missing"]


@dataclass(frozen=True)
class Checked:
    """One file: `good` has the digest that is known or was recorded, `recorded` had none and has one from now on."""

    name: str
    place: str
    state: State
    found: str = ""
    wanted: str = ""


def verify(known: Known, weights_dir: Path, told: Told = lambda what, done, total: None) -> list[Checked]:
    """Hash every file of some weights and hold it to what is known of it; what was found good is written down."""
    checked: list[Checked] = []
    for part in parts_of(known):
        path, wanted = weights_dir / part.place, wanted_of(part, weights_dir)
        if not path.is_file():
            checked.append(Checked(known.name, part.place, "missing", wanted=str(wanted)))
            continue
        sums = sums_of(path, lambda done, total, path=path: told(f"checking {path.name}", done, total))
        if not sums.are(wanted):
            found = f"SHA-256 {sums.sha256}, {sums.bytes} bytes"
            checked.append(Checked(known.name, part.place, "wrong", found, str(wanted)))
            continue
        line = line_of(part, known.name, sums)
        before = read_record(weights_dir / part.folder).get(part.file.place)
        if before is not None and before.sha256 == sums.sha256:
            line = before.model_copy(update={"verified_at": line.verified_at})
        write_record(weights_dir / part.folder, {part.file.place: line})
        checked.append(Checked(known.name, part.place, "good" if wanted.by_digest else "recorded", sums.sha256))
    return checked
