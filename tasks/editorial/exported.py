"""The timeline as it was exported, kept in the editor folder: an edit that comes back is held against that one, since
names are given by order and the manifest may have moved on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from manifests.errors import InputError, Problem
from tasks.scene.timeline import Event, Into, Timeline

INDEX = "dailies.json"


def timeline_values(timeline: Timeline) -> dict[str, Any]:
    """The timeline as JSON values."""
    events = [
        {**asdict(event), "text": dict(event.text), "meta": dict(event.meta), "into": asdict(event.into)}
        for event in timeline.events
    ]
    return {**asdict(timeline), "rate": str(timeline.rate), "events": events}


def exported_timeline(folder: Path) -> Timeline:
    """The timeline that was last exported to `folder`. Raises InputError (`NOT_EXPORTED`) where there is none."""
    path = folder / INDEX
    try:
        return _timeline(json.loads(path.read_text(encoding="utf-8"))["timeline"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ZeroDivisionError) as broken:
        message = f"{folder} holds no timeline that was exported: {broken}"
        raise InputError(Problem("NOT_EXPORTED", message, "name the folder of the export", str(path))) from broken


def _timeline(values: Mapping[str, Any]) -> Timeline:
    events = tuple(Event(**{**event, "into": Into(**event["into"])}) for event in values["events"])
    return Timeline(**{**values, "rate": Fraction(values["rate"]), "events": events})
