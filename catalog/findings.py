"""What a check found to be wrong, told so that a person knows what it means and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.ledger import Ledger
from catalog.queries.damage import served_by


@dataclass(frozen=True)
class Finding:
    """`who`: the file, row, shot or delivery. `code` is stable; `sha256` names the artifact, where there is one."""

    code: str
    who: str
    found: str
    wanted: str
    remedy: str
    sha256: str = ""
    run_id: str = ""

    def __str__(self) -> str:
        return f"{self.who}: found {self.found}, wanted {self.wanted}; {self.remedy} [{self.code}]"


def damage(catalog: Ledger, code: str, sha256: str, kind: str, found: str) -> Finding:
    """A damaged or missing file, and what it takes to have it again; to be asked after it was marked."""
    served = served_by(catalog, sha256)
    if served:
        run_id = max(one.run_id for one in served)
        who = f"{kind} {sha256[:12]} ({served[0].slot}{f' and {len(served) - 1} more' if served[1:] else ''})"
        remedy = f"`dailies resume {run_id}` makes it again"
    else:
        run_id, who = "", f"{kind} {sha256[:12]}"
        remedy = (
            "put the original where it was: it is taken in again when a shot needs it, and no delivery is missing"
            if kind == "source"
            else "nothing needs rebuilding: no delivery is missing, and it is made again when one needs it"
        )
    return Finding(code, who, found, f"the bytes that hash to {sha256[:12]}", remedy, sha256, run_id)
