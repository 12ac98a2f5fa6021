"""The note in the editor folder: what lies there, and how to open it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.editorial.cutting import Media, Track, on_one_line, scene_counting
from tasks.scene.timeline import Timeline

_OPEN = """\
Open one of the timelines; they find their files beside them, wherever this folder is moved.

  .otio  OpenTimelineIO, with everything: DaVinci Resolve 18.5 and later, and other tools that read it
  .xml   Final Cut Pro 7 XML: Premiere Pro, DaVinci Resolve. Where the editor asks for the files, show it the first one
  .edl   CMX 3600, one track: all others. Relink by reel and timecode, or by the clip names in its comments

A dip to black is a dissolve named so in .otio, "Dip to Color Dissolve" in .xml, and two dissolves through black in
.edl. The slate before the first shot is left out.
"""


def readme_text(
    timeline: Timeline, media: Mapping[str, Media], tracks: Sequence[Track], said: Sequence[str], handles: int
) -> str:
    """The text of `README.txt`."""
    counted = scene_counting(timeline)
    rate = f"{float(timeline.rate):.6g}"
    lines = [
        on_one_line(timeline.title or timeline.name),
        "",
        f"{len(timeline.events)} shot{'s' * (len(timeline.events) != 1)}, {timeline.frames} frames at {rate} a second, "
        f"{'drop-frame' if counted.drop else 'non-drop-frame'} timecode from {timeline.start}.",
        "",
        *_OPEN.splitlines(),
        "",
        f"Shots are ProRes 422 HQ. The first and the last {handles} frames of each file are handles, and more beside a",
        "longer dip: its first and its last picture, held. Files carry timecode and reel. The frame at a shot's cut is",
        f"number {timeline.first_frame}, which is its timecode as well.",
        "",
    ]
    for event in timeline.events:
        if one := media.get(event.key):
            handle = f"handles {one.handle_in} and {one.handle_out}"
            lines.append(
                f"  {one.path}  {one.frames} frames from {counted.label(one.first)}, number {one.first}; {handle}"
            )
    lines += [f"  {track.path}  {track.frames} frames from frame {track.start}" for track in tracks]
    if said:
        lines += ["", *said]
    return "\n".join(lines) + "\n"
