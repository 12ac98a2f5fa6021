"""Scenes: shots in the order of their rows, cut together into one file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from manifests.part import Part
from manifests.preset_names import PresetName
from manifests.rates import Rate

Text = Annotated[str, StringConstraints(max_length=200)]
SequenceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Position = Literal["top_left", "top", "top_right", "bottom_left", "bottom", "bottom_right"]
Burned = Literal["shot", "panel", "timecode", "frame", "dialogue", "date", "note", "title"]
SceneRate = Annotated[Rate, Field(json_schema_extra={"examples": [24, 25, 23.976, 29.97, 30]})]


class Transition(Part):
    """How a shot begins."""

    kind: Literal["cut", "dissolve", "dip", "morph"] = Field(
        default="cut",
        description="cut; dissolve: out of the shot before; dip: through black; morph: what both pictures show moves "
        "from one to the other, a dissolve where they have too little in common.",
    )
    seconds: float = Field(
        default=0.5, ge=0.08, le=5, description="Length of a transition, half of it on each side of the cut."
    )


class Sound(Part):
    """A sound file: WAV, FLAC, MP3, AAC, Ogg. Relative to one of the manifest's roots; absolute after loading."""

    path: Path | None = Field(default=None, description="The sound, in one of the manifest's roots.")
    gain: float = Field(default=0.0, ge=-60, le=24, description="Decibels louder or quieter.")
    at: float = Field(default=0.0, ge=0, le=600, description="Seconds after the start of its shot or scene.")


class Scene(Part):
    """One assembled file: its rows' shots in order, with slate, burn-ins, sound and subtitles."""

    title: Text = Field(default="", description="What the slate says; the scene's own name if left out.")
    sequence: SequenceName = Field(default="SQ010", description="Begins the shots' names: SQ010_SH0010, SQ010_SH0020.")
    preset: PresetName = Field(
        default="web_1080p", description="Delivery preset of the assembled file; its shots are delivered in it too."
    )
    rate: SceneRate = Field(default=Fraction(24), description="Frames per second: 23.976, 24, 25, 29.97, 30.")
    start: Annotated[str, StringConstraints(pattern=r"^\d\d:\d\d:\d\d[:;]\d\d$")] = Field(
        default="01:00:00:00", description="Timecode of the first frame after the leader; ; before frames drops frames."
    )
    first_frame: int = Field(default=1001, ge=0, le=1_000_000, description="Number of the first frame of each shot.")
    seconds: Annotated[float, Field(ge=0.5, le=7200)] | None = Field(
        default=None,
        description="Length of all shots together: each is made longer or shorter in proportion.",
    )
    transition: Transition = Field(default=Transition.model_construct(), description="How shots begin that do not say.")
    speed: Literal["draft", "normal", "best"] = Field(default="normal", description="The encoder's effort.")
    leader: float = Field(default=2.0, ge=0, le=30, description="Seconds of slate before the first shot; 0 is none.")
    burn_in: dict[Position, Burned] = Field(
        default={},
        description="What is written over the picture: top_left, top, top_right, bottom_left, bottom, bottom_right, "
        "each shot, panel, timecode, frame, dialogue, date, note or title.",
    )
    sheet: Literal[1, 3, 6] = Field(default=3, description="Panels on a page of the PDF beside the file.")
    subtitles: bool = Field(default=True, description="Dialogue as a track that players switch, and as SRT and VTT.")
    sound: Sound = Field(default=Sound.model_construct(), description="One sound under the whole scene.")
    loudness: Literal["off"] | Annotated[float, Field(ge=-40, le=-5)] = Field(
        default=-16.0, description="LUFS the mixed sound is brought to (EBU R 128); off: as it is."
    )
