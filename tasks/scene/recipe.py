"""What is made of a scene, piece by piece: segments of picture, mixed sound, and the file they are joined into."""

from __future__ import annotations

from typing import Literal

from manifests.scene import Position
from tasks.recipe import EncodeRecipe, Recipe

Points = tuple[tuple[Position, str], ...]


class PartRecipe(Recipe):
    """What one shot gives to a segment: its clip from frame `first` on, or a card where it has none."""

    clip: str
    """Role of the input it is read from; "" for a card."""
    first: int
    card: tuple[str, ...]
    """Lines on the card, the first one large."""
    start: int
    """The shot's own first frame in the scene: frame numbers count from there."""
    texts: Points
    """Burned in for as long as this shot is the one that counts."""


class SegmentRecipe(Recipe):
    """Some frames of a scene between two cuts, or the frames of one transition: a closed piece of the file."""

    kind: Literal["whole", "dissolve", "dip", "morph"]
    parts: tuple[PartRecipe, ...]
    """One, or what goes and what comes."""
    first: int
    """Scene frame of the first one, negative in the leader; 0 where nothing counts frames, as `start` and
    `first_frame` are and the parts' `start`."""
    cut: int
    """Frame of this segment with which the second part counts."""
    counters: Points
    """`timecode` and `frame`, where they are burned in."""
    start: str
    first_frame: int
    encode: EncodeRecipe


class TrackRecipe(Recipe):
    """One sound in a mix: its role among the inputs, decibels, and where it begins, in samples of 48 kHz."""

    sound: str
    gain: float
    sample: int


class MixRecipe(Recipe):
    """All sound of a scene as one AAC track; silence where there is none. `loudness`: LUFS, None as it is."""

    tracks: tuple[TrackRecipe, ...]
    samples: int
    loudness: float | None
    bitrate: int


class CueRecipe(Recipe):
    """One subtitle, in frames of the file."""

    first: int
    frames: int
    text: str


class AssembleRecipe(Recipe):
    """Segments and sound joined without being encoded again. `cues`: the track of subtitles; none, no track."""

    encode: EncodeRecipe
    segments: tuple[int, ...]
    """Frames of each."""
    cues: tuple[CueRecipe, ...]
    poster_at: int
