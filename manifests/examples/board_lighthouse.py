# pyright: standard
"""The first board, wide: the keeper's headland at dusk."""

from __future__ import annotations

from pencil import FRAME, WIDTH, Array, Line, Sheet, grass, oval, points


def lighthouse() -> Array:
    """1, wide: dusk, a lighthouse on its headland, a path, somebody small with a light."""
    s = Sheet(11)
    s.wash(FRAME, 0.10, rounded=False)
    sky: Line = [(0, 0), (WIDTH, 0), (WIDTH, 420), (0, 420)]
    s.wash([(0, 0), (WIDTH, 0), (WIDTH, 150), (0, 190)], 0.34, soft=40, rounded=False)
    s.hatch(sky, -24, 9, 0.34, rounded=False)
    s.hatch([(0, 0), (WIDTH, 0), (WIDTH, 130), (600, 190), (0, 240)], -38, 10, 0.36)
    for cloud in (
        points("60,180 200,140 380,150 480,190 330,206 160,204"),
        points("300,285 420,262 560,272 600,292 450,300"),
    ):
        s.erase(cloud, 0.75, soft=7)
        s.line(cloud[:4], width=1.4, dark=0.45)
    s.erase(points("852,148 0,60 0,262 852,166"), 0.80, soft=5, rounded=False)
    s.line(points("846,150 420,106 0,62"), points("846,164 420,208 0,256"), width=1.2, dark=0.35, again=1)
    sea: Line = points("0,420 760,420 640,560 420,640 0,690")
    s.erase(sea, rounded=False)
    s.wash(sea, 0.22, rounded=False)
    s.hatch(sea, 1.0, 8, 0.42, rounded=False)
    s.hatch(points("0,424 700,424 640,470 0,462"), 0.5, 5, 0.4, rounded=False)
    s.erase(points("60,500 330,494 520,505 300,516"), 0.7, soft=4)
    s.line([(0, 420), (700, 420)], width=1.6, dark=0.8, wobble=0.2)
    land: Line = points(
        "560,720 520,640 600,560 585,520 660,470 655,430 735,392 790,372 960,366 1120,392 1280,420 1280,720"
    )
    front: Line = points("-200,900 -200,690 0,655 160,622 360,625 520,605 640,590 900,600 1280,560 1500,530 1500,900")
    s.erase(land, rounded=False)
    s.wash(land, 0.16, rounded=False)
    cliff: Line = points("560,720 520,640 600,560 585,520 660,470 655,430 735,392 770,440 735,520 700,600 690,720")
    s.wash(cliff, 0.42, rounded=False)
    s.hatch(cliff, 72, 8, 0.62, rounded=False)
    s.hatch(cliff, 100, 13, 0.5, rounded=False)
    s.line(land[:-1], width=2.8, dark=0.92, rounded=False)
    s.line(points("770,440 740,520 705,590"), points("690,470 672,520 640,560"), width=1.8)
    s.hatch(points("960,372 1280,425 1280,600 1010,560 1080,470"), 20, 10, 0.40)
    s.hatch(land, 14, 12, 0.30, rounded=False)
    s.erase(front)
    s.wash(front, 0.30)
    s.hatch(front, -8, 9, 0.48, curve=-14)
    s.line(front[1:-1], width=2.4)
    path: Line = points(
        "330,720 470,655 640,612 800,575 860,530 830,480 850,430 884,380 "
        "908,380 890,430 880,478 930,530 900,590 760,640 640,680 590,720"
    )
    s.erase(path, 0.94, soft=1.2)
    s.line(path[:8], path[8:], width=2.0, dark=0.75)
    s.hatch(points("470,690 640,640 800,600 880,560 900,590 760,640 590,720 420,720"), 12, 13, 0.22)
    tower: Line = points("846,380 862,196 918,196 934,380")
    s.erase(tower, rounded=False)
    for low, high in ((0.20, 0.40), (0.62, 0.82)):
        band = [
            (846 + 16 * t + side * (88 - 32 * t), 380 - 184 * t)
            for t, side in ((low, 0), (high, 0), (high, 1), (low, 1))
        ]
        s.wash(band, 0.55, rounded=False)
    s.hatch(points("896,380 898,196 918,196 934,380"), 90, 5, 0.6, rounded=False)
    s.line([(846, 380), (862, 196)], [(918, 196), (934, 380)], width=2.6, dark=0.95, wobble=0.25)
    s.erase(points("868,190 868,140 912,140 912,190"), rounded=False)
    s.erase(points("862,140 890,106 918,140"), rounded=False)
    s.wash(points("862,140 890,106 918,140"), 0.7, rounded=False)
    s.line(
        [(852, 194), (928, 194)],
        [(854, 184), (926, 184)],
        [(868, 186), (868, 140)],
        [(912, 186), (912, 140)],
        [(882, 186), (882, 140)],
        [(898, 186), (898, 140)],
        [(858, 141), (922, 141)],
        points("862,140 890,106 918,140"),
        [(890, 106), (890, 88)],
        width=2.0,
        dark=0.95,
        wobble=0.15,
        rounded=False,
    )
    s.line(
        points("884,240 884,262 896,262 896,240 884,240"),
        points("886,316 886,336 898,336 898,316 886,316"),
        width=2,
        rounded=False,
        wobble=0.1,
    )
    house: Line = points("960,386 960,336 1076,336 1076,394")
    roof: Line = points("948,340 980,298 1060,298 1090,340")
    s.erase(house, rounded=False)
    s.erase(roof, rounded=False)
    s.erase(points("1040,300 1040,276 1054,276 1054,300"), rounded=False)
    s.wash(roof, 0.62, rounded=False)
    s.hatch(roof, 68, 6, 0.6, rounded=False)
    s.hatch(points("1030,392 1030,338 1076,338 1076,394"), -60, 6, 0.5, rounded=False)
    s.line(
        [*house, house[0]],
        [*roof, roof[0]],
        points("1040,298 1040,276 1054,276 1054,298"),
        width=2.2,
        wobble=0.2,
        rounded=False,
    )
    s.wash(points("984,376 984,352 1004,352 1004,376"), 0.85, rounded=False)
    for x, y in ((962, 545), (1015, 536), (1075, 530), (1140, 528), (1212, 524)):
        s.line([(x, y + 26), (x + 2, y - 16)], width=3.2, wobble=0.15)
    s.line(points("962,538 1075,524 1212,518"), points("962,552 1075,538 1212,532"), width=1.5)
    s.shine(652, 604, 46, 0.75)
    coat: Line = points("606,634 612,592 622,576 634,592 640,634")
    s.erase(coat)
    s.wash(coat, 0.85)
    s.wash(oval(624, 570, 8, 9), 0.9)
    s.line(
        [(614, 634), (610, 654)],
        [(632, 634), (638, 652)],
        [(632, 592), (650, 596)],
        [(650, 596), (652, 612)],
        width=3,
        wobble=0.1,
    )
    s.erase(oval(652, 616, 6, 7))
    s.line(oval(652, 616, 6, 7), width=1.6)
    s.line(
        *grass(points("70,690 190,664 250,705 700,690 800,668 960,640 1060,672 1180,620 1240,690"), 30, 3),
        width=1.5,
        dark=0.7,
        again=1,
    )
    s.line(
        *[
            [(x, y), (x + 12, y - 7), (x + 22, y), (x + 33, y - 8), (x + 44, y - 1)]
            for x, y in ((500, 330), (560, 352), (448, 356))
        ],
        width=1.7,
        again=1,
    )
    return s.picture()
