"""Views over time: what the camera sees at every frame, known before any picture is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from models.camera.errors import CameraError
from models.camera.move import Floats, Move, times
from models.camera.trajectory import Trajectory, trajectory
from models.clip import Clip

ROUNDING = 1e-9
"""A subject that touches a view's edge is in it; shares of home."""
TOUCHING = 1e-5
"""Room this small is none: a fiftieth of a pixel in 1080p."""


class Box(NamedTuple):
    """A rectangle in home-frame units: 0, 0, 1, 1 is the home frame."""

    left: float
    top: float
    right: float
    bottom: float


class View(NamedTuple):
    """One window on the picture: centre, size (1 = the home frame's) and roll in radians, clockwise in the picture."""

    cx: float
    cy: float
    w: float
    roll: float


@dataclass(frozen=True)
class Views:
    """A window per frame: (N,) float64 each, in home-frame units; `roll` in radians."""

    cx: Floats
    cy: Floats
    w: Floats
    roll: Floats

    def __len__(self) -> int:
        return len(self.w)

    def __getitem__(self, frame: int) -> View:
        return View(float(self.cx[frame]), float(self.cy[frame]), float(self.w[frame]), float(self.roll[frame]))

    @cached_property
    def upright(self) -> bool:
        """No view rolls: most moves. Planning thousands of shots, what follows is three times as fast for it."""
        return not self.roll.any()

    def bounds(self, aspect: float) -> Box:
        """The smallest upright rectangle around every view; `aspect` is the frame's width over height."""
        half_x = half_y = self.w / 2.0
        if not self.upright:
            cos, sin = np.abs(np.cos(self.roll)), np.abs(np.sin(self.roll))
            half_x, half_y = half_x * (cos + sin / aspect), half_y * (cos + sin * aspect)
        return Box(
            float((self.cx - half_x).min()),
            float((self.cy - half_y).min()),
            float((self.cx + half_x).max()),
            float((self.cy + half_y).max()),
        )

    def margin(self, box: Box, aspect: float) -> float:
        """The least room between `box` and an edge of any view, as a share of home; negative where a view cuts it."""
        if self.upright:
            across = np.maximum(self.cx - box.left, box.right - self.cx)
            down = np.maximum(self.cy - box.top, box.bottom - self.cy)
            return float((self.w / 2.0 - np.maximum(across, down)).min())
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        # Every corner at once, (4, N)
        dx = (np.array([[box.left], [box.right], [box.left], [box.right]]) - self.cx) * aspect
        dy = np.array([[box.top], [box.top], [box.bottom], [box.bottom]]) - self.cy
        across, down = (dx * cos + dy * sin) / aspect, dy * cos - dx * sin
        return float((self.w / 2.0 - np.maximum(np.abs(across), np.abs(down)).max(axis=0)).min())


@dataclass(frozen=True)
class Path:
    """A move flown over a clip.

    `move` is what is flown: its amount is the asked one times `kept`, which is below 1 when the subject would have
    been cut. Flying `move` again without a subject gives this path. `plate` holds the views of the picture (or of the
    backdrop behind a product layer), `layer` those of the product layer; None where it would move with the plate.
    """

    move: Move
    clip: Clip
    plate: Views
    layer: Views | None
    kept: float

    @property
    def aspect(self) -> float:
        """Width over height of the frame."""
        return self.clip.width / self.clip.height

    @property
    def bounds(self) -> Box:
        """The smallest upright rectangle around every view of every layer, in home-frame units."""
        boxes = [views.bounds(self.aspect) for views in (self.plate, self.layer) if views is not None]
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return Box(min(lefts), min(tops), max(rights), max(bottoms))


def path(move: Move, clip: Clip, *, subject: Box | None = None) -> Path:
    """Lay `move` over `clip`; with `subject`, every view shows the whole of it.

    A subject the move would cut makes the move smaller: the largest amount that keeps it in every view is flown.
    Raises CameraError where the subject is not inside the home frame, or the clip has no frames.
    """
    if clip.frames < 1 or clip.width < 1 or clip.height < 1:
        raise CameraError(
            f"camera: clip is {clip.width}x{clip.height}, {clip.frames} frames; wanted at least one of each"
        )
    whole = _fly(move, clip, 1.0)
    if subject is None or (over := _margin(whole, subject)) >= -ROUNDING:
        return whole
    still = _fly(move, clip, 0.0)
    if (room := _margin(still, subject)) < -ROUNDING:
        raise CameraError(
            f"camera: subject {tuple(round(edge, 4) for edge in subject)} is not inside the home frame (0, 0, 1, 1)",
            remedy="place the subject inside the frame, or give no subject",
            code="CAMERA_SUBJECT",
        )
    # Regula falsi, Illinois rule: the room shrinks almost in proportion to the amount, so a few steps are enough.
    best, low, high = still, 0.0, 1.0
    for _ in range(30):
        if high - low < 1e-6:
            break
        tried = low + (high - low) * min(max(room / (room - over), 0.0), 1.0)
        tried = min(max(tried, low + (high - low) * 1e-3), high - (high - low) * 1e-3)
        flown = _fly(move, clip, tried)
        found = _margin(flown, subject)
        if found >= -ROUNDING:
            if found < TOUCHING:
                return flown
            best, low, room, over = flown, tried, max(found, 0.0), over / 2.0
        else:
            high, over, room = tried, found, room / 2.0
    return best


def extent(flown: Path) -> tuple[float, float, float, float]:
    """How far (left, top, right, bottom) the camera looks beyond home: shares of its width or height, >= 0."""
    left, top, right, bottom = flown.bounds
    return max(0.0, -left), max(0.0, -top), max(0.0, right - 1.0), max(0.0, bottom - 1.0)


def _margin(flown: Path, subject: Box) -> float:
    return min(views.margin(subject, flown.aspect) for views in (flown.plate, flown.layer) if views is not None)


def _fly(move: Move, clip: Clip, kept: float) -> Path:
    flown = move if kept == 1.0 else replace(move, amount=move.amount * kept)
    way = trajectory(flown, times(clip.frames, loop=move.loop), clip.seconds)
    plate, layer = _views(way, move), None
    if move.parallax > 0.0:
        near, far = way, _further(way, 1.0 + move.parallax)
        if move.move == "orbit":  # turning about a pivot: what lies at the pivot stays, what is behind it slides
            near = way._replace(dx=way.dx * (1.0 - move.parallax), dy=way.dy * (1.0 - move.parallax))
            far = way
        plate, layer = _views(far, move), _views(near, move)
    made = Path(flown, clip, plate, layer, kept)
    return _inside_home(made) if move.base == "widest" else made


def _views(way: Trajectory, move: Move) -> Views:
    """Zooming by w about the focus p puts the centre at p + (c0 - p) * w; the slide comes on top."""
    px, py = move.focus
    return Views(px + (0.5 - px) * way.w + way.dx, py + (0.5 - py) * way.w + way.dy, way.w, way.roll)


def _further(way: Trajectory, depth: float) -> Trajectory:
    """The same camera as seen by something `depth` times as far away: it slides and grows less."""
    return way._replace(dx=way.dx / depth, dy=way.dy / depth, w=way.w ** (1.0 / depth))


def _inside_home(made: Path) -> Path:
    """Shrink the whole flight until all of it is inside home; room to spare on an axis goes by the focus."""
    left, top, right, bottom = made.bounds
    scale = 1.0 / max(right - left, bottom - top, 1.0)
    px, py = made.move.focus
    origin_x = px * (1.0 - scale * (right - left))
    origin_y = py * (1.0 - scale * (bottom - top))

    def shrunk(views: Views) -> Views:
        cx = origin_x + (views.cx - left) * scale
        cy = origin_y + (views.cy - top) * scale
        return Views(cx, cy, views.w * scale, views.roll)

    return replace(made, plate=shrunk(made.plate), layer=shrunk(made.layer) if made.layer is not None else None)
