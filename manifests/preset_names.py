"""The name of a delivery preset, as any key may hold it: known, or refused with the nearest one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from manifests.presets import CUT, nearest_preset, presets


def _known(name: str) -> str:
    if name.removesuffix(CUT) not in presets():
        near = nearest_preset(name)
        raise PydanticCustomError(
            "UNKNOWN_PRESET",
            "{found} is no delivery preset",
            {"found": repr(name), "remedy": f"did you mean {near}?" if near else "presets: " + ", ".join(presets())},
        )
    return name


PresetName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*sorted(presets())]})]
