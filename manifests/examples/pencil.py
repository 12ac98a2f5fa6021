# pyright: standard
"""Pencil on paper: wobbling strokes under pressure, hatching, washes and an eraser, on one 1280x720 sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

WIDTH, HEIGHT, FINE = 1280, 720, 2  # drawn FINE times larger, then reduced
Line = Sequence[tuple[float, float]]
Array = np.ndarray
FRAME: Line = [(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)]


def smooth(line: Line, rounds: int = 3) -> Array:
    """Corner cutting (Chaikin) of an open line; (N, 2)."""
    at = np.array(line, np.float64)
    for _ in range(rounds if len(at) > 2 else 0):
        a, b = at[:-1], at[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], 1).reshape(-1, 2)
        at = np.concatenate([at[:1], cut, at[-1:]])
    return at


def spread(line: Array, every: float = 5.0) -> Array:
    """The same line with a point about `every` px; (N, 2)."""
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(0, way[-1], max(int(way[-1] / every), 2))
    return np.stack([np.interp(at, way, line[:, 0]), np.interp(at, way, line[:, 1])], 1)


def oval(x: float, y: float, wide: float, high: float, start: float = 0, end: float = 360, tilt: float = 0) -> Line:
    """Points of an arc about (x, y), degrees clockwise from the right."""
    a, t = np.radians(np.linspace(start, end, 40)), np.radians(tilt)
    u, v = wide * np.cos(a), high * np.sin(a)
    return [(float(p), float(q)) for p, q in zip(x + u * np.cos(t) - v * np.sin(t), y + u * np.sin(t) + v * np.cos(t))]  # noqa: B905


def rays(x: float, y: float, near: float, far: float, degrees: Array) -> list[Line]:
    """Strokes that fly from a light, each second one longer by a quarter."""
    turns = enumerate(np.radians(degrees))
    ends = [(np.cos(a), np.sin(a), far * (1 + 0.25 * (i % 2))) for i, a in turns]
    return [[(x + near * c, y + near * s), (x + long * c, y + long * s)] for c, s, long in ends]


def grass(spots: Line, size: float, seed: int) -> list[Line]:
    """Tufts: five blades fanned from each spot."""
    random = np.random.default_rng(seed)
    blades: list[Line] = []
    for x, y in spots:
        for lean in np.linspace(-0.7, 0.9, 5):
            high = size * random.uniform(0.6, 1.2)
            blades.append([(x, y), (x + lean * high * 0.35, y - high * 0.6), (x + lean * high, y - high)])
    return blades


def points(text: str) -> Line:
    """A line as SVG's `points` writes it: "x,y x,y ..."."""
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in text.split())]


class Sheet:
    """A sheet that remembers how dark it is, 0 paper .. 1 black. One seed, one drawing."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._dark = np.zeros((HEIGHT * FINE, WIDTH * FINE), np.float32)
        tooth = self._random.standard_normal(self._dark.shape).astype(np.float32)
        tooth = cv2.GaussianBlur(tooth, (0, 0), 1.5)
        self._tooth = tooth / tooth.std()

    def _mask(self, shape: Line, soft: float = 0.8, rounded: bool = True) -> Array:
        mask = np.zeros(self._dark.shape, np.uint8)
        outline = smooth([*shape, shape[0]], 3 if rounded else 0)
        cv2.fillPoly(mask, [np.round(outline * FINE * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        if soft > 8:  # a blur this wide needs no pixels this small
            small = cv2.resize(mask, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
            mask = cv2.resize(cv2.GaussianBlur(small, (0, 0), soft * FINE / 8), mask.shape[::-1])
        else:
            mask = cv2.GaussianBlur(mask, (0, 0), soft * FINE)
        return mask.astype(np.float32) / 255

    def _lay(self, layer: Array, strength: float) -> None:
        self._dark = 1 - (1 - self._dark) * (1 - layer * strength)

    def _pull(self, layer: Array, line: Array, width: float, wobble: float, taper: bool) -> None:
        n = len(line)
        drift = cv2.GaussianBlur(self._random.standard_normal((n, 2)).astype(np.float64), (0, 0), 4) * 6 * wobble
        press = 1 + 0.25 * cv2.GaussianBlur(self._random.standard_normal((n, 1)), (0, 0), 6)[:, 0] * 3
        if taper:
            press = press * np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / max(n * 0.18, 1) + 0.35, 0, 1)
        spots = np.round((line + drift) * FINE * 16).astype(np.int32)
        for i in range(n - 1):
            wide = max(round(float(width * FINE * press[i])), 1)
            level = int(np.clip(255 * (0.62 + 0.38 * press[i]), 60, 255))
            cv2.line(layer, spots[i].tolist(), spots[i + 1].tolist(), level, wide, cv2.LINE_AA, 4)

    def line(self, *lines: Line, width: float = 2.0, dark: float = 0.85, wobble: float = 0.5, again: int = 2,
             rounded: bool = True) -> None:  # fmt: skip
        """Outlines, gone over `again` times as a hand does."""
        for turn in range(again):
            layer = np.zeros(self._dark.shape, np.uint8)
            for line in lines:
                course = spread(smooth(line) if rounded else np.array(line, np.float64))
                shift = self._random.normal(0, 0.7 * turn, 2)
                self._pull(layer, course + shift, width * (1 - 0.35 * turn), wobble * (1 + 0.6 * turn), True)
            self._lay(layer.astype(np.float32) / 255, dark * (1 - 0.3 * turn))

    def hatch(self, shape: Line, angle: float, gap: float = 7, dark: float = 0.5, width: float = 1.3,
              rounded: bool = True, curve: float = 0.0) -> None:  # fmt: skip
        """Parallel strokes inside a closed shape; `angle` in degrees, `curve` bends them (px at the middle)."""
        outline = np.array(shape, np.float64)
        reach = float(np.hypot(*(outline.max(0) - outline.min(0)))) / 2 + 20
        along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        over = np.array([-along[1], along[0]])
        middle = (outline.max(0) + outline.min(0)) / 2
        layer = np.zeros(self._dark.shape, np.uint8)
        for off in np.arange(-reach, reach, gap):
            start, end = -reach, reach
            while start < end:
                piece = self._random.uniform(90, 260)
                t = np.linspace(start, min(start + piece, end), max(int(piece / 14), 3))[:, None]
                bow = curve * (1 - (t / reach) ** 2)
                self._pull(
                    layer,
                    middle + along * t + over * (off + bow + self._random.normal(0, gap * 0.13)),
                    width,
                    0.35,
                    True,
                )
                start += piece * self._random.uniform(0.86, 1.0)
        self._lay(layer.astype(np.float32) / 255 * self._mask(shape, 0.9, rounded), dark)

    def wash(self, shape: Line, dark: float, soft: float = 1.2, rounded: bool = True) -> None:
        """A flat marker tone with its streaks."""
        streak = self._random.standard_normal((self._dark.shape[0] // 24, 3)).astype(np.float32)
        streak = cv2.resize(streak, self._dark.shape[::-1], interpolation=cv2.INTER_CUBIC)
        self._lay(self._mask(shape, soft, rounded) * np.clip(1 + 0.10 * streak, 0.6, 1.4), dark)

    def erase(self, shape: Line, strength: float = 1.0, soft: float = 0.8, rounded: bool = True) -> None:
        """Back to paper inside a shape."""
        self._dark = self._dark * (1 - strength * self._mask(shape, soft, rounded))

    def shine(self, x: float, y: float, radius: float, strength: float) -> None:
        """Rub out a soft glow about a light."""
        v, u = np.mgrid[0 : self._dark.shape[0], 0 : self._dark.shape[1]].astype(np.float32) / FINE
        self._dark = self._dark * (1 - strength * np.exp(-((u - x) ** 2 + (v - y) ** 2) / radius**2))

    def picture(self) -> Array:
        """The drawing on its paper, (720, 1280) uint8 in 32 greys."""
        grip = np.clip(0.84 + 0.26 * self._tooth, 0.15, 1.15)
        drawn = self._dark * (grip + (1 - grip) * self._dark**2)
        paper = 0.925 + 0.006 * self._tooth
        v, u = np.mgrid[-1 : 1 : drawn.shape[0] * 1j, -1 : 1 : drawn.shape[1] * 1j]
        paper = paper - 0.035 * (u * u + v * v) * 0.6
        tone = cv2.resize(
            (paper * (1 - 0.90 * drawn)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA
        )
        return (np.round(np.clip(tone, 0, 1) * 31) * (255 / 31)).astype(np.uint8)
