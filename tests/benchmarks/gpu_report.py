"""What a part found: rows of figures, printed as a table and written as JSON; JSON files gathered in RESULTS.md."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.gpu_clock import Timing

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Row:
    """One thing timed. `tflop`: its counted work, 0 where nobody counted; `bar`: what it must reach, and whether it did
    (None where there is no bar)."""

    what: str
    timing: Timing
    tflop: float = 0.0
    found: str = ""
    bar: str = ""
    met: bool | None = None

    def facts(self, ceiling: float) -> dict[str, Any]:
        """As it is written down. `floor_share`: the time the counted work takes at the ceiling, of the time it took."""
        timing = self.timing
        timed = bool(timing.runs)
        rate = self.tflop / timing.seconds if timed else 0.0
        return {
            "what": self.what,
            "seconds": round(timing.seconds, 4) if timed else None,
            "runs": [round(run, 4) for run in timing.runs],
            "first_seconds": round(timing.first, 3),
            "tflop": round(self.tflop, 2),
            "tflop_per_second": round(rate, 1),
            "floor_share": round(rate / ceiling, 3) if ceiling else None,
            "peak_gib": round(timing.peak_bytes / 2**30, 2),
            "found": self.found,
            "bar": self.bar,
            "met": self.met,
        }


@dataclass
class Report:
    """A part's rows, and facts that are no times."""

    rows: list[Row] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def written(part: str, report: Report, machine: dict[str, Any], ceiling: float, seconds: float, small: bool) -> Any:
    """The whole of it, for JSON."""
    return {
        "part": part,
        "small": small,
        "machine": machine,
        "ceiling_tflop_per_second": round(ceiling, 1),
        "part_seconds": round(seconds, 1),
        "rows": [row.facts(ceiling) for row in report.rows],
        "facts": report.facts,
    }


def table(found: dict[str, Any]) -> str:
    """Markdown, as RESULTS.md has it; a machine's and a date's line above."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines = [
        f"### {found['part']}" + (" (small: only to see that it runs)" if found["small"] else ""),
        "",
        f"{machine['date']}, {machine['device']}, driver {machine.get('driver', 'none')}, {machine['cores']} cores; "
        f"{versions}. Matrix product {found['ceiling_tflop_per_second']:g} TFLOP/s; the part took "
        f"{found['part_seconds']:g} s.",
        "",
        "| what | seconds | first run | TFLOP/s | of the floor | peak GiB | found | must reach |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        met = {True: " (met)", False: " (missed)", None: ""}[row["met"]]
        cells = [
            row["what"],
            f"{row['seconds']:.3f}" if row["seconds"] is not None else "",
            f"{row['first_seconds']:.2f}" if row["first_seconds"] else "",
            f"{row['tflop_per_second']:.0f}" if row["tflop"] and row["seconds"] else "",
            f"{row['floor_share']:.0%}" if row["tflop"] and row["seconds"] and row["floor_share"] else "",
            f"{row['peak_gib']:.1f}" if row["peak_gib"] else "",
            row["found"],
            row["bar"] + met,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    shown = {name: value for name, value in found["facts"].items() if isinstance(value, str | int | float | bool)}
    lines += ["", *(f"- {name}: {value}" for name, value in shown.items())]
    for name, value in found["facts"].items():
        if isinstance(value, list):
            lines += [f"- {name}:", *(f"    - {item}" for item in value)]
    return "\n".join(lines).rstrip() + "\n"


def append_results(folder: Path, results: Path = RESULTS) -> int:
    """Append every measured part in `folder` (gpu-*.json) to RESULTS.md; how many. Small runs are not results."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("gpu-*.json"))]
    measured = [one for one in found if not one["small"]]
    if not measured:
        return 0
    machine = measured[0]["machine"]
    head = "" if results.is_file() else "# Measured on GPUs\n\nBy `python -m tests.benchmarks.gpu`, newest last.\n"
    section = f"\n## {machine['date'][:10]}, {machine['device']}\n\n" + "\n".join(table(one) for one in measured)
    with results.open("a", encoding="utf-8") as file:
        file.write(head + section)
    return len(measured)
