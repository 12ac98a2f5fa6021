# pyright: standard
"""A bookshelf loudspeaker and a wristwatch."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from studio import Array, Camera, Scene, Surface, decode, join
from tableware import box2, look_up, noise, spaced, turn

# --- loudspeaker -------------------------------------------------------------------------------------------------

WOOFER, TWEETER = (-0.20, 0.275), (0.335, 0.135)  # (height over the middle, radius)


def _turned(outline: list[tuple[float, float]]) -> Array:
    """Height over the baffle at radii 0..1 (of 1024 steps), from points of a lathe outline, corners eased."""
    radii, heights = np.array(outline, np.float32).T
    profile = np.interp(np.linspace(0, 1, 1024), radii, heights)
    return np.convolve(
        np.pad(profile, 6, mode="edge"), np.hanning(15)[1:-1] / np.hanning(15).sum(), mode="valid"
    ).astype(np.float32)


def _arch(start: float, end: float, high: float) -> list[tuple[float, float]]:
    """A half roll between two radii."""
    return [(start + (end - start) * i / 12, high * float(np.sin(np.pi * i / 12))) for i in range(13)]


def _walnut(p: Array, rings: Array, pores: Array) -> Array:
    """Oiled walnut, the grain along y; (3, N)."""
    across = p[0] * 0.9 + p[2] * 1.0
    bend = look_up(rings, across * 0.25, p[1] * 0.08)
    band = 0.5 + 0.5 * np.sin(across * 46 + 3.2 * bend + 0.7 * p[1])
    fine = look_up(pores, across * 2.6, p[1] * 0.10)
    light, dark = decode((0.60, 0.40, 0.26))[:, None], decode((0.34, 0.20, 0.125))[:, None]
    tone = np.clip(0.50 + 0.34 * (band - 0.5) + 0.16 * bend + 0.11 * fine, 0, 1)
    return dark + (light - dark) * tone


def speaker() -> Scene:
    """A walnut loudspeaker with a charcoal baffle, a woven cone and a dome tweeter."""
    cone = _turned(
        [(0, -0.030), (0.10, -0.036), (0.22, -0.062), (0.26, -0.088), (0.68, -0.004), *_arch(0.70, 0.86, 0.040),
         (0.875, 0.006), (0.88, 0.016), (0.985, 0.016), (1.0, 0.0)]
    )  # fmt: skip
    dome = _turned(
        [(0, 0.022), (0.12, 0.019), (0.22, 0.008), (0.28, -0.006), (0.32, -0.006), (0.36, -0.024), (0.80, -0.004),
         (0.83, 0.010), (0.98, 0.010), (1.0, 0.0)]
    )  # fmt: skip
    rings, pores = noise(512, 18, 5), noise(1024, 1.3, 6)
    yaw, wide, high, deep = 27.0, 0.37, 0.60, 0.36

    def radii(x: Array, y: Array) -> tuple[Array, Array]:
        return (np.hypot(x, y - 0.62 - WOOFER[0]) / WOOFER[1], np.hypot(x, y - 0.62 - TWEETER[0]) / TWEETER[1])

    def distance(p: Array) -> Array:
        x, y, z = turn(p, yaw)
        low, top = radii(x, y)
        relief = np.where(low < 1, cone[np.minimum(low * 1023, 1023).astype(np.intp)], 0)
        relief = np.where(top < 1, dome[np.minimum(top * 1023, 1023).astype(np.intp)], relief)
        front = z - deep - relief
        front = front - 0.010 * (box2(x, y - 0.62, wide - 0.028, high - 0.028, 0.02) > 0)
        qx, qy = np.abs(x) - (wide - 0.022), np.abs(y - 0.62) - (high - 0.022)
        qz = np.maximum(front, -z - deep) + 0.022
        cabinet = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2 + np.maximum(qz, 0) ** 2)
        cabinet = cabinet + np.minimum(np.maximum(np.maximum(qx, qy), qz), 0) - 0.022
        feet = np.hypot(np.abs(x) - wide + 0.09, np.abs(z) - deep + 0.09)
        feet = np.maximum(feet - 0.04, np.abs(y - 0.015) - 0.015)
        near = (z > deep - 0.12) & (z < deep + 0.09)
        return np.where(near, 0.62, 0.95) * np.minimum(cabinet, feet)

    def surface(p: Array, normal: Array, ray: Array) -> Surface:
        q = turn(p, yaw)
        x, y, z = q
        low, top = radii(x, y)
        baffle = (z > deep - 0.1) & (box2(x, y - 0.62, wide - 0.028, high - 0.028, 0.02) < 0)
        albedo = _walnut(q, rings, pores)
        gloss, metal = np.full_like(y, 0.42), np.zeros_like(y)

        def put(where: Array, colour: tuple[float, float, float] | Array, shine: float, metallic: float = 0) -> None:
            nonlocal albedo, gloss, metal
            paint = decode(colour)[:, None] if isinstance(colour, tuple) else colour
            albedo, gloss = np.where(where, paint, albedo), np.where(where, np.float32(shine), gloss)
            metal = np.where(where, np.float32(metallic), metal)

        put(baffle, (0.155, 0.16, 0.17), 0.34)
        dx, dy = x, y - 0.62 - WOOFER[0]
        weave = 0.72 + 0.28 * np.sin((dx + dy) * 330) * np.sin((dx - dy) * 330)
        put(baffle & (low < 0.69), decode((0.86, 0.63, 0.25))[:, None] * weave, 0.38)
        put(baffle & (low < 0.26), (0.10, 0.10, 0.11), 0.80)
        put(baffle & (low >= 0.69) & (low < 0.868), (0.09, 0.09, 0.095), 0.45)
        put(baffle & (low >= 0.868) & (low < 0.995), (0.80, 0.80, 0.81), 0.66, 1)
        put(baffle & (top < 0.995), (0.80, 0.80, 0.81), 0.66, 1)
        put(baffle & (top < 0.82), (0.12, 0.12, 0.125), 0.5)
        put(baffle & (top < 0.285), (0.86, 0.80, 0.70), 0.78, 1)
        around = np.arctan2(dy, dx)
        bolt = np.hypot((np.mod(around + np.pi / 6, np.pi / 3) - np.pi / 6) * low, low - 0.932) * WOOFER[1]
        put(baffle & (bolt < 0.0095), (0.30, 0.30, 0.31), 0.6, 1)
        put(baffle & (bolt < 0.0045), (0.03, 0.03, 0.03), 0.2)
        badge = baffle & (np.abs(x) < 0.055) & (np.abs(y - 0.085) < 0.009)
        put(badge, (0.84, 0.82, 0.78), 0.6, 1)
        put(y < 0.03, (0.07, 0.07, 0.07), 0.2)
        return Surface(albedo, gloss, metal)

    return Scene(distance, surface, Camera(aim=0.54, width=1.86, above=9), 1.02)


# --- watch -------------------------------------------------------------------------------------------------------


def _dial() -> Array:
    """The dial: minute track, batons, a small seconds dial, hands at ten past ten; (H, W, 3) linear."""
    art = Image.new("RGB", (1600, 1600), (24, 44, 74))
    pen = ImageDraw.Draw(art)
    silver, cream = (226, 228, 230), (250, 246, 234)

    def radial(
        turns: float, start: float, end: float, width: int, colour: object, at: tuple[int, int] = (800, 800)
    ) -> None:
        s, c = np.sin(2 * np.pi * turns), -np.cos(2 * np.pi * turns)
        ends = (at[0] + s * start, at[1] + c * start, at[0] + s * end, at[1] + c * end)
        pen.line(ends, fill=colour, width=width)  # pyright: ignore[reportArgumentType]

    pen.ellipse((28, 28, 1572, 1572), outline=silver, width=7)
    for i in range(60):
        radial(i / 60, 690, 755, 20 if i % 5 == 0 else 9, cream)
    for i in range(12):
        if i != 6:
            radial(i / 12, 505, 655, 58, silver)
            radial(i / 12, 520, 640, 30, cream)
    pen.ellipse((600, 990, 1000, 1390), fill=(16, 32, 56), outline=silver, width=10)
    for i in range(12):
        radial(i / 12, 150, 186, 10, cream, (800, 1190))
    radial(0.66, -40, 150, 14, (235, 96, 52), (800, 1190))
    spaced(pen, 800, 470, "ADRET", 104, 18, cream, 2)
    spaced(pen, 800, 545, "AUTOMATIC", 50, 10, silver)
    for shift, lume, steel in (((14, 18), (10, 20, 36), (10, 20, 36)), ((0, 0), cream, silver)):
        at = (800 + shift[0], 800 + shift[1])
        radial(10.15 / 12, -90, 420, 62, steel, at)
        radial(10.15 / 12, 120, 395, 28, lume, at)
        radial(9.2 / 60, -100, 620, 48, steel, at)
        radial(9.2 / 60, 140, 590, 20, lume, at)
    pen.ellipse((752, 752, 848, 848), fill=silver, outline=(120, 124, 130), width=8)
    return decode(np.asarray(art, np.float32) / 255)


def watch() -> Scene:
    """A steel watch on a tan strap, hung facing the camera."""
    dial, hide = _dial(), noise(512, 2.2, 8)
    middle = 1.0

    def parts(p: Array) -> tuple[Array, Array, Array]:
        x, y, z = turn(p, -12)
        y = y - middle
        r = np.hypot(x, y)
        case = box2(r, z, 0.49, 0.085, 0.05)
        bezel = np.hypot(r - 0.445, z - 0.085) - 0.034
        well = np.maximum(r - 0.425, 0.088 - z)
        case = np.maximum(join(case, bezel, 0.01), -well)
        lug = box2(np.abs(x) - 0.285, np.abs(y) - 0.40, 0.042, 0.175, 0.036)
        lug = np.maximum(lug, np.abs(z + 0.03 + 0.5 * np.maximum(np.abs(y) - 0.4, 0)) - 0.055) - 0.012
        case = join(case, lug, 0.03)
        crown = np.maximum(
            box2(np.hypot(y, z), x - 0.535, 0.062, 0.045, 0.012) - 0.003 * np.cos(np.arctan2(y, z) * 24), 0.49 - x
        )
        hang = np.abs(y) - 0.46
        bend = z + 0.05 + 0.55 * np.maximum(hang, 0) ** 2
        strap = box2(x, bend, 0.235 - 0.05 * np.maximum(hang, 0), 0.035, 0.03)
        strap = np.maximum(strap, np.abs(np.abs(y) - 0.72) - 0.27)
        return np.minimum(case, crown), strap, r

    def distance(p: Array) -> Array:
        steel, strap, _ = parts(p)
        return 0.8 * np.minimum(steel, strap)

    def surface(p: Array, normal: Array, ray: Array) -> Surface:
        steel, strap, r = parts(p)
        x, y, z = turn(p, -12)
        y = y - middle
        leather = strap < steel
        face = ~leather & (r < 0.424) & (z < 0.1)
        albedo = np.where(
            face, look_up(dial, np.clip(x / 0.86 + 0.5, 0.001, 0.999), np.clip(0.5 - y / 0.86, 0.001, 0.999)), 0.62
        )
        tan = decode((0.55, 0.33, 0.19))[:, None] * (1 + 0.10 * look_up(hide, x, y))
        edge = 0.235 - 0.05 * np.maximum(np.abs(y) - 0.46, 0)
        stitch = (np.abs(np.abs(x) - edge + 0.032) < 0.009) & (np.mod(y, 0.05) < 0.034)
        tan = np.where(stitch, decode((0.93, 0.86, 0.74))[:, None], tan)
        albedo = np.where(leather, tan, albedo)
        gloss = np.where(leather, 0.30, np.where(face, 0.45, 0.90)).astype(np.float32)
        return Surface(albedo, gloss, (~leather & ~face).astype(np.float32))

    return Scene(distance, surface, Camera(aim=middle, width=2.5, above=4), 1.15)
