# pyright: standard
"""A glazed mug and an amber bottle."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from studio import Array, Camera, Scene, Surface, carve, decode, dot, join, room, step


def box2(x: Array, y: Array, wide: float, high: float, round_: float) -> Array:
    """Distance to a rounded rectangle about the origin, half sizes `wide` and `high`."""
    qx, qy = np.abs(x) - (wide - round_), np.abs(y) - (high - round_)
    return np.hypot(np.maximum(qx, 0), np.maximum(qy, 0)) + np.minimum(np.maximum(qx, qy), 0) - round_


def turn(p: Array, degrees: float) -> Array:
    """Points about the y axis."""
    c, s = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))
    return np.stack([c * p[0] + s * p[2], p[1], c * p[2] - s * p[0]])


def noise(size: int, grain: float, seed: int) -> Array:
    """A square (size, size) of smooth noise about 0 with unit deviation; `grain` is its blur in pixels; it wraps."""
    field = np.random.default_rng(seed).standard_normal((size, size)).astype(np.float32)
    wide = int(grain * 4) + 1
    field = cv2.GaussianBlur(np.pad(field, wide, mode="wrap"), (0, 0), grain)[wide:-wide, wide:-wide]
    return field / field.std()


def look_up(map_: Array, x: Array, y: Array) -> Array:
    """`map_` (H, W) or (H, W, C) at places 0..1 (right, down), bilinear, wrapping."""
    h, w = map_.shape[:2]
    spots = ((x % 1) * w - 0.5).astype(np.float32)[None], ((y % 1) * h - 0.5).astype(np.float32)[None]
    found = cv2.remap(map_, *spots, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    return found.T if map_.ndim == 3 else found


def spaced(pen: ImageDraw.ImageDraw, middle: float, y: float, text: str, size: float, gap: float, fill: object,
           heavy: int = 0) -> None:  # fmt: skip
    """A centred line of letter-spaced type in the font that Pillow carries."""
    font = ImageFont.load_default(size)
    widths = [font.getlength(c) + gap for c in text]
    x = middle - (sum(widths) - gap) / 2
    for c, w in zip(text, widths, strict=True):
        pen.text((x, y), c, font=font, fill=fill, stroke_width=heavy, stroke_fill=fill, anchor="ls")  # pyright: ignore
        x += w


# --- mug ---------------------------------------------------------------------------------------------------------

GLAZE, CREAM, CLAY = decode((0.13, 0.33, 0.38)), decode((0.95, 0.925, 0.87)), decode((0.76, 0.57, 0.43))


def _mug_mark() -> Array:
    """The print: a sun over three waves and a name; (H, W) 0..1."""
    art = Image.new("L", (1000, 1000), 0)
    pen = ImageDraw.Draw(art)
    pen.pieslice((290, 190, 710, 610), 180, 360, fill=255)
    for i in range(9):
        a = np.pi * (i + 0.5) / 9
        c, s = np.cos(a), np.sin(a)
        pen.line((500 - 245 * c, 400 - 245 * s, 500 - 320 * c, 400 - 320 * s), fill=255, width=20)
    for row in range(3):
        xs = np.linspace(150 + row * 60, 850 - row * 60, 200)
        wave = [(x, 450 + row * 58 + 15 * np.sin(x / 35 + row)) for x in xs]
        pen.line(wave, fill=255, width=20, joint="curve")
    spaced(pen, 500, 770, "MORNING", 112, 26, 255, 3)
    spaced(pen, 500, 850, "STONEWARE  No. 4", 52, 12, 255, 1)
    return np.asarray(art, np.float32) / 255


def mug() -> Scene:
    """A stoneware mug: dipped glaze over raw clay, a cream inside, a print in front."""
    mark, mottle, specks = _mug_mark(), noise(512, 22, 1), noise(1024, 1.6, 2)
    angle = -24.0

    def distance(p: Array) -> Array:
        x, y, z = turn(p, angle)
        r = np.hypot(x, z) + 0.05 * (0.5 - y)
        wall = box2(r, y - 0.5, 0.42, 0.5, 0.07)
        ring = np.abs(box2(x - 0.44, y - 0.52, 0.27, 0.27, 0.21)) - 0.012
        handle = np.hypot(np.maximum(ring, 0), np.maximum(np.abs(z) - 0.035, 0)) - 0.042
        bowl = box2(r, y - 0.66, 0.375, 0.59, 0.09)
        return 0.92 * carve(join(wall, handle, 0.07), bowl, 0.03)

    def surface(p: Array, normal: Array, ray: Array) -> Surface:
        x, y, z = turn(p, angle)
        r = np.hypot(x, z) + 0.05 * (0.5 - y)
        around = np.arctan2(p[0], p[2])
        inner = step(0.397, 0.402, -r + 0.797) * step(0.06, 0.09, y)
        inner = np.maximum(inner, step(0.982, 0.995, y))
        wander = look_up(mottle, around / 6.2832, y * 0.3)
        raw = 1 - step(0.0, 0.004, y - 0.17 - 0.012 * wander - 0.01 * np.sin(around * 5))
        raw = np.where(r > 0.46, 0, raw) * (1 - inner)
        flecks = step(2.0, 2.5, look_up(specks, around / 1.6, y / 1.6))
        printed = np.where(
            (np.abs(around) < 0.62) & (np.abs(y - 0.57) < 0.26) & (r < 0.44),
            look_up(
                mark, np.clip(around * 0.42 / 0.52 + 0.5, 0.001, 0.999), np.clip(0.5 - (y - 0.56) / 0.52, 0, 0.999)
            ),
            0,
        ) * (1 - inner)
        glaze = GLAZE[:, None] * (1 + 0.10 * wander) * (1 - 0.55 * flecks)
        glaze = glaze + printed * (CREAM[:, None] * 0.92 - glaze)
        clay = CLAY[:, None] * (1 + 0.05 * wander) * (1 - 0.35 * flecks)
        cream = CREAM[:, None] * (1 - 0.25 * flecks * (1 - step(0.97, 0.98, y)))
        albedo = glaze + raw * (clay - glaze)
        albedo = albedo + inner * (cream - albedo)
        return Surface(albedo, 0.86 - 0.72 * raw - 0.12 * printed, np.zeros_like(y))

    return Scene(distance, surface, Camera(aim=0.44, width=1.78, above=21), 0.95)


# --- bottle ------------------------------------------------------------------------------------------------------


def _bottle_label() -> Array:
    """Paper label, (H, W, 3) linear."""
    art = Image.new("RGB", (1800, 1300), (241, 236, 224))
    pen = ImageDraw.Draw(art)
    ink, accent = (38, 34, 30), (178, 84, 44)
    pen.rectangle((0, 0, 1800, 70), fill=accent)
    pen.rectangle((0, 1230, 1800, 1300), fill=accent)
    for i in range(6):
        pen.ellipse((900 - 150 + i * 25, 150 + i * 25, 1050 - i * 25, 450 - i * 25), outline=accent, width=7)
    spaced(pen, 900, 650, "ALDER", 190, 34, ink, 5)
    spaced(pen, 900, 760, "& OAK", 92, 22, ink, 2)
    pen.line((620, 820, 1180, 820), fill=accent, width=6)
    spaced(pen, 900, 910, "COLD BREW COFFEE", 66, 12, ink, 1)
    spaced(pen, 900, 990, "slow steeped, 18 hours", 50, 4, (96, 88, 78))
    spaced(pen, 900, 1130, "500 ml", 62, 8, ink, 1)
    return decode(np.asarray(art, np.float32) / 255)


def bottle() -> Scene:
    """An amber glass bottle of cold brew: paper label, ribbed black cap."""
    label, paper = _bottle_label(), noise(512, 1.2, 3)
    radius, low, high = 0.27, 0.16, 0.74

    def distance(p: Array) -> Array:
        x, y, z = p
        r = np.hypot(x, z)
        body = np.minimum(box2(r, y - 0.40, radius, 0.40, 0.05), box2(r, y - 0.65, radius, 0.35, 0.17))
        neck = box2(r, y - 1.25, 0.10, 0.25, 0.02)
        glass = join(join(body, neck, 0.20), box2(r, y - 1.372, 0.122, 0.02, 0.018), 0.02)
        ribs = 0.0028 * np.cos(np.arctan2(x, z) * 60) * step(1.43, 1.45, y) * (1 - step(1.63, 1.65, y))
        cap = box2(r + ribs, y - 1.535, 0.128, 0.135, 0.018)
        return 0.9 * np.minimum(glass, cap)

    def surface(p: Array, normal: Array, ray: Array) -> Surface:
        x, y, z = p
        around, r = np.arctan2(x, z), np.hypot(x, z)
        cap = step(1.398, 1.402, y)
        edge = 0.0035
        on = step(low - edge, low, y) * (1 - step(high, high + edge, y)) * (np.abs(around) < 2.3) * (r > radius - 0.01)
        paint = look_up(
            label, np.clip(around * radius / 0.9 + 0.5, 0.001, 0.999), np.clip((high - y) / (high - low), 0, 0.999)
        )
        paint = paint * (1 + 0.012 * look_up(paper, around, y))
        # Glass: the light behind, bent by the wall and drunk by the way through the liquid (Beer and Lambert).
        facing = np.clip(-dot(ray, normal), 0, 1)
        through = ray - 0.55 * normal * (1 - facing)[None]
        through = through / np.sqrt(dot(through, through))
        filled = 1 - step(1.01, 1.03, y)
        liquid = np.array([[5.0], [10.5], [20.0]], np.float32) * (r * facing * filled)
        walls = np.array([[0.05], [0.17], [0.60]], np.float32) / np.maximum(facing, 0.13)
        behind = 0.42 + 0.70 * step(0.0, 0.8, np.abs(through[0]) * 1.7) + 0.25 * room(through, np.full_like(y, 0.75))
        level = 1 - 0.55 * np.exp(-(((y - 1.02) / 0.007) ** 2))
        glow = np.exp(-2 * walls - liquid) * behind * level * (1 - cap) * (1 - on)
        glow = glow * (0.30 + 0.80 * step(0.05, 0.5, facing))
        dark = np.array([[0.012], [0.006], [0.003]], np.float32)
        albedo = dark * (1 - on) + paint * on
        albedo = albedo * (1 - cap) + cap * 0.018
        gloss = 0.97 * (1 - on) + 0.15 * on
        return Surface(albedo, gloss * (1 - cap) + 0.5 * cap, np.zeros_like(y), glow)

    return Scene(distance, surface, Camera(aim=0.80, width=0.96, above=7), 0.98)
