"""What is told of one panel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PanelCell:
    """One panel of a storyboard.

    `picture` is a PNG, JPEG, WebP or TIFF file. `missing` says why there is none to show: a grey box with these words
    takes its place, and the file is not opened. `time` is where the panel begins, as it is to be read; `seconds` how
    long it lasts. Empty texts are left out.
    """

    picture: Path
    name: str
    shot: str = ""
    panel: str = ""
    time: str = ""
    seconds: float = 0.0
    dialogue: str = ""
    action: str = ""
    notes: str = ""
    missing: str = ""

    @property
    def said(self) -> tuple[tuple[str, str], ...]:
        """Heading and text of what is written under the picture."""
        told = (("Dialogue", self.dialogue), ("Action", self.action), ("Notes", self.notes))
        return tuple((heading, text) for heading, text in told if text.strip())

    @property
    def place(self) -> str:
        """Shot and panel, as far as they are known."""
        parts = (f"shot {self.shot}" if self.shot else "", f"panel {self.panel}" if self.panel else "")
        return ", ".join(part for part in parts if part)

    @property
    def timing(self) -> str:
        """When it begins and how long it lasts."""
        length = f"{self.seconds:.2f}".rstrip("0").rstrip(".") + " s" if self.seconds > 0 else ""
        return "   ".join(part for part in (self.time, length) if part)
