"""Whether the fonts that lettering draws with are on this machine."""

from __future__ import annotations

import pytest

from tasks.lettering.fonts import REMEDY, SHAPING_REMEDY, missing_fonts, shaping_missing

needs_fonts = pytest.mark.skipif(
    bool(missing_fonts()) or shaping_missing(),
    reason=f"fonts or shaping are not installed: {REMEDY}; {SHAPING_REMEDY}",
)
