"""What the camera refuses."""

from __future__ import annotations

from models.errors import EngineError


class CameraError(EngineError, ValueError):
    """The move, the scene or the two together cannot be rendered as asked; trying again changes nothing.

    Codes: `CAMERA_MOVE` (a value of the move, the sweep or the clip is out of range), `CAMERA_SUBJECT` (the subject is
    not inside the home frame), `CAMERA_SCENE` (scene, path and options do not fit together), `CAMERA_LEAVES_PLATE` (the
    path looks beyond the plate).
    """

    code = "CAMERA_MOVE"
