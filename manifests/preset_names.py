"""The name of a delivery preset, as any key may hold it: known, or refused with the nearest one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from manifests.presets import CUT, nearest_preset, presets

CATALOGUED = {"catalogued": True}
"""Context of asks that a run keeps: shots of a scene are delivered in presets of its own, which nobody may ask for."""


def _known(name: str, told: ValidationInfo) -> str:
    if (name.removesuffix(CUT) if told.context == CATALOGUED else name) not in presets():
        near = nearest_preset(name)
        raise PydanticCustomError(
            "UNKNOWN_PRESET",
            "{found} is no delivery preset",
            {"found": repr(name), "remedy": f"did you mean {near}?" if near else "presets: " + ", ".join(presets())},
        )
    return name


PresetName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*sorted(presets())]})]
