# pyright: standard
"""The second board, medium: the keeper on the path."""

from __future__ import annotations

import numpy as np
from pencil import FRAME, WIDTH, Array, Line, Sheet, grass, oval, points, rays


def keeper() -> Array:
    """2, medium: the keeper climbs against the wind, lantern ahead."""
    s = Sheet(12)
    s.wash(FRAME, 0.12, rounded=False)
    s.wash([(0, 0), (WIDTH, 0), (WIDTH, 260), (0, 330)], 0.28, soft=50, rounded=False)
    s.hatch([(0, 0), (WIDTH, 0), (WIDTH, 500), (0, 560)], -16, 10, 0.34, rounded=False)
    s.hatch(points("0,0 700,0 420,320 0,420"), -34, 11, 0.38)
    hill: Line = points("0,600 260,560 620,520 960,440 1280,370 1280,720 0,720")
    tower: Line = points("1068,430 1100,0 1250,0 1290,430")
    s.erase(tower, rounded=False)
    s.wash(points("1080,270 1092,110 1258,110 1272,270"), 0.5, rounded=False)
    s.hatch(points("1170,430 1175,0 1250,0 1290,430"), 90, 7, 0.55, rounded=False)
    s.line([(1068, 430), (1100, 0)], [(1250, 0), (1290, 430)], width=3.2, wobble=0.3)
    door: Line = points("1124,440 1124,318 1136,296 1152,288 1168,296 1180,318 1180,440")
    s.erase(door, rounded=False)
    s.wash(door, 0.72, rounded=False)
    s.line(door, width=2.6, rounded=False, wobble=0.2)
    s.line([(1138, 436), (1138, 300)], [(1152, 436), (1152, 294)], [(1166, 436), (1166, 300)], width=1.6)
    s.erase(hill, rounded=False)
    s.wash(hill, 0.24, rounded=False)
    s.hatch(hill, -13, 10, 0.45, rounded=False)
    s.line(hill[:5], width=3.0)
    path: Line = points("140,720 480,600 800,520 1060,440 1130,408 1180,402 1150,450 1000,540 800,640 640,720")
    s.erase(path, 0.9, soft=1.5)
    s.line(path[:6], path[6:], width=2.2)
    s.shine(800, 400, 150, 0.72)
    s.hatch(points("250,700 560,610 640,640 420,720"), -14, 8, 0.6)
    back_leg: Line = points("520,520 566,530 540,600 512,660 528,676 482,676 470,664 496,590")
    fore_leg: Line = points("576,520 632,512 664,580 672,640 712,650 708,664 644,664 634,590")
    coat: Line = points(
        "560,236 516,268 496,350 462,470 420,556 470,566 540,552 600,560 662,546 650,460 654,350 646,272 612,236"
    )
    for shape in (back_leg, fore_leg):
        s.erase(shape)
        s.wash(shape, 0.62)
        s.hatch(shape, 70, 6, 0.6)
        s.line([*shape, shape[0]], width=2.8, dark=0.95)
    s.erase(coat)
    s.wash(coat, 0.34)
    s.hatch(points("560,240 516,268 496,350 462,470 420,556 500,560 548,470 556,350"), 74, 7, 0.72)
    s.hatch(points("556,300 520,300 462,470 430,550 500,560 530,430"), 112, 9, 0.6)
    s.hatch(points("600,420 650,440 660,545 590,556"), 80, 10, 0.4)
    s.line([*coat, coat[0]], width=3.4, dark=0.97)
    s.line(
        points("612,250 618,350 606,450 604,556"),
        points("540,430 560,470 556,548"),
        points("500,420 486,490 466,560"),
        points("520,392 580,404 652,394"),
        points("522,408 580,420 652,410"),
        width=2.2,
    )
    sleeve: Line = points("596,266 640,270 690,320 746,330 744,362 684,362 620,330")
    s.erase(sleeve)
    s.wash(sleeve, 0.24)
    s.hatch(points("620,318 684,350 744,352 744,364 684,364 612,334"), 20, 6, 0.6)
    s.line([*sleeve, sleeve[0]], width=3.0, dark=0.95)
    fist: Line = points("742,328 770,326 788,338 786,358 764,366 742,362")
    s.erase(fist)
    s.line([*fist, fist[0]], [(770, 330), (776, 360)], [(758, 328), (764, 362)], width=2.4)
    head: Line = points("570,172 586,146 622,142 644,160 646,178 658,198 646,206 646,224 630,238 600,240 578,222")
    s.erase(head)
    s.hatch(points("572,176 600,180 604,236 578,224"), 70, 6, 0.5)
    s.line([*head, head[0]], width=2.6, dark=0.95)
    s.line([(628, 186), (638, 184)], [(634, 218), (646, 217)], [(622, 178), (640, 175)], width=2.2)
    s.line(oval(604, 198, 7, 11), width=1.8)
    beard: Line = points("606,214 622,212 646,216 644,240 626,254 604,240")
    s.hatch(beard, 80, 4, 0.7)
    cap: Line = points("560,176 562,142 590,118 628,116 650,140 676,158 674,168 640,164 600,168")
    s.erase(cap)
    s.wash(cap, 0.6)
    s.hatch(cap, 30, 6, 0.6)
    s.line([*cap, cap[0]], width=3.0, dark=0.97)
    scarf: Line = points(
        "574,226 606,246 646,238 652,262 606,274 556,258 470,250 400,212 372,236 384,196 440,206 520,226"
    )
    s.erase(scarf)
    s.wash(scarf, 0.12)
    s.line([*scarf, scarf[0]], width=2.8, dark=0.95)
    s.line(
        [(420, 208), (414, 230)],
        [(440, 216), (434, 242)],
        [(500, 234), (496, 256)],
        [(520, 238), (516, 258)],
        width=4,
        dark=0.6,
        again=1,
    )
    s.line(oval(778, 378, 26, 34, 180, 360), width=2.4)
    glass: Line = points("752,390 804,390 810,452 746,452")
    s.erase(glass, rounded=False)
    s.wash(points("746,390 762,372 794,372 810,390"), 0.75, rounded=False)
    s.wash(points("742,452 814,452 818,470 738,470"), 0.75, rounded=False)
    s.line(
        [*glass, glass[0]],
        points("746,390 762,372 794,372 810,390"),
        [(738, 470), (818, 470)],
        width=2.6,
        rounded=False,
        wobble=0.2,
    )
    s.line(points("778,446 766,428 778,404 790,428 778,446"), width=2.0)
    s.line(*rays(778, 424, 66, 92, np.arange(-80, 250, 22)), width=1.7, dark=0.5, again=1)
    random = np.random.default_rng(5)
    wind = [
        [(x, y), (x - 60, y + 6), (x - 140 - 60 * random.random(), y + 2)]
        for x, y in random.uniform((150, 40), (1240, 660), (26, 2))
    ]
    s.line(*wind, width=1.2, dark=0.4, again=1)
    s.line(
        *grass(points("60,660 180,610 330,590 860,660 960,600 1080,660 1200,560 900,700 1240,680"), 40, 4),
        width=1.5,
        dark=0.7,
        again=1,
    )
    return s.picture()
