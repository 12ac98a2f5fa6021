# pyright: standard
"""The third board, close: the lantern at the door."""

from __future__ import annotations

import numpy as np
from pencil import FRAME, HEIGHT, WIDTH, Array, Line, Sheet, oval, points, rays


def lantern() -> Array:
    """3, close: a gloved hand brings the lantern to the keeper's door."""
    s = Sheet(13)
    s.wash(FRAME, 0.30, rounded=False)
    for i, x in enumerate(range(-20, WIDTH, 132)):
        plank: Line = [(x, 0), (x + 130, 0), (x + 130, HEIGHT), (x, HEIGHT)]
        s.hatch(plank, 88 + (i % 3) * 1.5, 9 + i % 2 * 2, 0.5, rounded=False)
        s.line([(x, 0), (x + 2, 360), (x, 720)], width=3.2, dark=0.9)
        s.line(oval(x + 66, 120 + 173 * (i % 4), 9, 26), oval(x + 66, 120 + 173 * (i % 4), 17, 46), width=1.5, dark=0.5)
    s.hatch(
        [(0, 0), (WIDTH, 0), (WIDTH, 720), (1050, 720), (1000, 200), (300, 120), (200, 720), (0, 720)],
        -40,
        11,
        0.5,
        rounded=False,
    )
    s.shine(640, 470, 360, 0.80)
    strap: Line = points("860,88 1280,76 1280,142 860,134 826,112")
    s.erase(strap)
    s.wash(strap, 0.68)
    s.hatch(strap, 8, 7, 0.5)
    s.line([*strap, strap[0]], width=3)
    for x in (900, 1020, 1150, 1250):
        s.erase(oval(x, 110, 12, 12))
        s.line(oval(x, 110, 12, 12), width=2.4)
    s.line(*rays(640, 480, 230, 300, np.arange(-40, 225, 12.5)), width=2.0, dark=0.42, again=1)
    s.line(oval(640, 352, 150, 176, 170, 370), width=6, dark=0.95)
    s.line(oval(640, 352, 140, 166, 174, 366), width=1.8, dark=0.8)
    glass: Line = points("548,388 732,388 768,480 738,596 542,596 512,480")
    s.erase(glass)
    s.wash(points("700,392 732,392 768,480 738,594 712,594 740,480"), 0.2)
    s.hatch(points("716,396 736,396 768,480 738,594 720,594 746,480"), 80, 7, 0.45)
    s.line(points("548,388 506,480 542,596"), points("732,388 774,480 738,596"), width=3.4, dark=0.95)
    s.line(points("566,420 546,480 560,560"), width=3, dark=0.35, again=1)
    s.line([(600, 388), (596, 596)], [(684, 388), (688, 596)], oval(640, 492, 138, 14, 0, 180), width=2.6, dark=0.8)
    flame: Line = points("640,580 612,548 622,506 644,452 660,510 668,548")
    s.line([*flame, flame[0]], width=2.6, dark=0.8)
    s.line(points("640,574 630,548 642,510 650,548 640,574"), width=1.6, dark=0.6)
    roof: Line = points("520,392 560,340 604,322 610,292 670,292 676,322 720,340 760,392")
    base: Line = points("520,596 760,596 782,640 776,690 504,690 498,640")
    for shape in (roof, base):
        s.erase(shape, rounded=False)
        s.wash(shape, 0.46, rounded=False)
    s.hatch(points("650,296 670,292 676,322 720,340 760,392 664,392"), 66, 6, 0.72, rounded=False)
    s.hatch(points("520,392 560,340 600,326 580,392"), 110, 8, 0.5, rounded=False)
    s.hatch(points("660,596 760,596 782,640 776,690 670,690"), 82, 6, 0.72, rounded=False)
    s.hatch(points("498,640 782,640 776,690 504,690"), 2, 9, 0.4, rounded=False)
    s.line(
        [*roof, roof[0]],
        [*base, base[0]],
        [(498, 640), (782, 640)],
        [(560, 340), (720, 340)],
        [(604, 322), (676, 322)],
        width=3.6,
        dark=0.97,
        wobble=0.3,
        rounded=False,
    )
    for x in (492, 788):
        s.erase(oval(x, 372, 13, 13))
        s.line(oval(x, 372, 13, 13), width=3.2)
    sleeve: Line = points("0,-40 330,-40 520,70 500,216 400,250 180,190 0,170")
    cuff: Line = points("470,52 548,84 530,226 440,236 420,150")
    palm: Line = points("520,92 570,78 640,82 704,104 722,140 712,176 664,206 600,218 536,216 510,160")
    s.erase(sleeve)
    s.wash(sleeve, 0.42)
    s.hatch(sleeve, 28, 8, 0.6)
    s.hatch(points("0,90 200,130 420,190 500,216 400,250 180,190 0,170"), 55, 7, 0.7)
    s.line([*sleeve, sleeve[0]], width=3.8, dark=0.97)
    s.line(points("300,0 360,90 330,180"), points("200,30 250,100 236,170"), width=2.4)
    s.erase(cuff)
    s.wash(cuff, 0.14)
    s.line([*cuff, cuff[0]], width=3.4, dark=0.95)
    ribs = [[(478 + 8 * i, 66 + 5 * i), (470 + 8 * i, 150), (452 + 10 * i, 228)] for i in range(1, 8)]
    s.line(*ribs, width=2.0, dark=0.6, again=1)
    s.erase(palm)
    s.wash(palm, 0.16)
    s.line([*palm, palm[0]], width=3.4, dark=0.97)
    for i, (x, long) in enumerate(((574, 78), (616, 88), (658, 84), (698, 68))):
        finger = [
            (x - 22, 128 + 3 * i),
            (x - 24, 186),
            (x - 16, 152 + long),
            (x + 8, 158 + long),
            (x + 21, 140 + long),
            (x + 22, 180),
            (x + 18, 126 + 4 * i),
            (x - 2, 112 + 3 * i),
        ]
        s.erase(finger)
        s.wash(finger, 0.10)
        s.hatch([(x + 4, 130), (x + 24, 130), (x + 24, 150 + long), (x + 2, 160 + long)], 74, 6, 0.5)
        s.line([*finger, finger[0]], width=3.2, dark=0.97)
        s.line([(x - 18, 182), (x, 188), (x + 16, 182)], [(x - 16, 192), (x, 197), (x + 12, 193)], width=1.7, dark=0.7)
    thumb: Line = points("524,190 548,222 596,262 650,270 668,256 654,238 606,222 570,186")
    s.erase(thumb)
    s.wash(thumb, 0.10)
    s.hatch(points("540,214 590,256 650,270 664,262 600,246 560,214"), 20, 5, 0.5)
    s.line([*thumb, thumb[0]], width=3.4, dark=0.97)
    s.line(points("632,246 646,250 656,258"), width=1.8)
    return s.picture()
