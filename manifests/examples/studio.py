# pyright: standard
"""A photo studio in numpy: products are distance fields, marched and lit by soft boxes over a floor.

Points and directions are (3, N) float32 arrays, y up, the camera on the +z side; colours are (3, N) linear light.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np

Array = np.ndarray
HIT = 6e-4
CHUNK = 1 << 15  # rays per piece: a piece's rows stay in the processor's cache


@dataclass(frozen=True)
class Surface:
    """What the light meets: `albedo` and own `glow` (3, N); `gloss` 0 matte .. 1 mirror and `metal` 0..1 (N,)."""

    albedo: Array
    gloss: Array
    metal: Array
    glow: Array | float = 0.0


@dataclass(frozen=True)
class Camera:
    """Looks at (0, `aim`, 0) from `away`, `above` degrees over the floor, and sees `width` scene units there."""

    aim: float
    width: float
    above: float
    away: float = 6.0

    def rays(self, u: Array, v: Array, aspect: float) -> tuple[Array, Array]:
        """Picture places `u`, `v` in -0.5..0.5 (right, down) -> the eye (3, 1) and unit directions (3, N)."""
        tilt = np.radians(self.above)
        back = np.array([0, np.sin(tilt), np.cos(tilt)], np.float32)
        up = np.array([0, np.cos(tilt), -np.sin(tilt)], np.float32)
        eye = np.array([0, self.aim, 0], np.float32) + back * self.away
        ray = -back[:, None] * self.away + up[:, None] * (-v * self.width / aspect)
        ray[0] += u * self.width
        return eye[:, None].astype(np.float32), unit(ray.astype(np.float32))


@dataclass(frozen=True)
class Scene:
    """A product standing on y = 0 within `reach` of (0, `camera.aim`, 0)."""

    distance: Callable[[Array], Array]
    surface: Callable[[Array, Array, Array], Surface]
    camera: Camera
    reach: float


@dataclass(frozen=True)
class SoftBox:
    """A lit rectangle far away: `toward` it, its half size as seen from the product, and its strength."""

    toward: tuple[float, float, float]
    wide: float
    high: float
    power: float


LIGHTS = (
    SoftBox((-0.72, 0.62, 0.62), 0.50, 0.85, 2.1),  # key, left and above
    SoftBox((0.93, 0.22, 0.12), 0.20, 1.10, 1.5),  # strip, right: draws the far edge
    SoftBox((0.10, 1.00, -0.15), 0.90, 0.55, 1.0),  # overhead
    SoftBox((-0.90, 0.15, -0.45), 0.14, 1.20, 1.2),  # strip, left and behind
)


def unit(v: Array) -> Array:
    """Directions of length one."""
    return v / np.maximum(np.sqrt((v * v).sum(0)), 1e-9)


def dot(a: Array, b: Array) -> Array:
    """(3, N) . (3, N) -> (N,)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def step(low: float | Array, high: float | Array, x: Array) -> Array:
    """Hermite step from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def join(a: Array, b: Array, k: float) -> Array:
    """Union of two distance fields with a fillet of radius about `k` (polynomial smooth minimum)."""
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - h * h * (k / 4)


def carve(a: Array, b: Array, k: float) -> Array:
    """`a` without `b`, the edge rounded by about `k`."""
    return -join(-a, b, k)


def march(scene: Scene, start: Array, ray: Array, near: Array, far: Array, steps: int = 90) -> Array:
    """Sphere tracing: how far along each ray the surface is, infinite where it is missed."""
    far = np.broadcast_to(far, ray.shape[1:])
    t = np.where(near < far, near, np.inf).astype(np.float32)
    alive = np.flatnonzero(near < far)
    for _ in range(steps):
        if not alive.size:
            break
        d = scene.distance(start[:, alive] + ray[:, alive] * t[alive])
        t[alive] += d
        t[alive[t[alive] > far[alive]]] = np.inf
        alive = alive[(d > HIT) & np.isfinite(t[alive])]
    return t


def openness(scene: Scene, start: Array, toward: Array, spread: float, far: float, steps: int = 16) -> Array:
    """How much of a light of half size `spread` (tangent) is seen, 0..1: the narrowest gap on the way to it."""
    t = np.full(start.shape[1], 0.012, np.float32)
    seen = np.ones_like(t)
    for _ in range(steps):
        d = scene.distance(start + toward * t)
        seen = np.minimum(seen, 0.5 + 0.5 * d / (spread * t))
        t = t + np.clip(d, 0.015, far / 8)
    return step(0, 1, np.clip(seen, 0, 1))


def room(ray: Array, gloss: Array) -> Array:
    """Radiance (N,) that the studio sends from direction `ray`, blurred as a surface of that `gloss` sees it."""
    soft = 0.02 + 0.7 * (1 - gloss) ** 1.5
    light = 0.20 + 0.24 * step(-0.9, 0.9, ray[1])
    for box in LIGHTS:
        to = unit(np.array(box.toward, np.float32)[:, None])
        side = unit(np.cross(np.array([0, 1, 0.01], np.float32), to[:, 0])[:, None])
        top = np.cross(to[:, 0], side[:, 0])[:, None]
        ahead = dot(to, ray)
        depth = np.maximum(ahead, 0.05)
        x, y = np.abs(dot(side, ray)) / depth, np.abs(dot(top, ray)) / depth
        lit = (1 - step(box.wide - soft, box.wide + soft, x)) * (1 - step(box.high - soft, box.high + soft, y))
        spread = box.wide * box.high / ((box.wide + soft * 0.6) * (box.high + soft * 0.6))
        light = light + box.power * 1.7 * lit * spread * (ahead > 0.05)
    return light


def shade(scene: Scene, at: Array, ray: Array) -> Array:
    """The colour (3, N) of surface points seen along `ray`."""
    e = 1.2e-3
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    normal = unit(np.sum([c[:, None] * scene.distance(at + e * c[:, None]) for c in corners], axis=0))
    coat = scene.surface(at, normal, ray)
    lifted = at + normal * 0.004
    occluded = sum(0.62**i * (h - scene.distance(at + normal * h)) / h for i, h in enumerate((0.03, 0.08, 0.18, 0.36)))
    ambient = np.clip(1 - 0.42 * np.maximum(occluded, 0), 0.08, 1) * (0.55 + 0.45 * step(-0.25, 0.5, normal[1] + at[1]))
    lit = (0.26 + 0.20 * normal[1]) * ambient
    for i, box in enumerate(LIGHTS):
        to = unit(np.array(box.toward, np.float32)[:, None])
        falling = np.clip((dot(to, normal) + 0.25) / 1.25, 0, 1) ** 1.4
        seen = openness(scene, lifted, to, 0.35, 1.6) if i == 0 else ambient
        lit = lit + 0.52 * box.power * min(box.wide * box.high * 2.4, 1) * falling * seen
    facing = np.clip(-dot(ray, normal), 0, 1)
    bounced = ray + 2 * facing * normal
    base = 0.04 * (1 - coat.metal) + coat.albedo * coat.metal
    grazing = (1 - facing) ** 5 * (0.25 + 0.75 * coat.gloss)
    fresnel = base + (1 - base) * grazing
    mirror = room(bounced, coat.gloss) * (0.35 + 0.65 * ambient) * (0.35 + 0.65 * step(-0.7, 0.1, bounced[1]))
    return coat.albedo * (1 - coat.metal) * lit + fresnel * mirror * (0.25 + 0.75 * coat.gloss) + coat.glow


def film(light: Array) -> Array:
    """Linear light -> linear 0..1: straight below 0.55, then a shoulder that never clips."""
    knee = 0.55
    return np.where(light < knee, light, 1 - (1 - knee) * np.exp(-(light - knee) / (1 - knee)))


def encode(linear: Array) -> Array:
    """Linear 0..1 -> sRGB 0..1 (IEC 61966-2-1)."""
    x = np.clip(linear, 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.power(np.maximum(x, 1e-9), 1 / 2.4) - 0.055)


def decode(srgb: Array | tuple[float, ...]) -> Array:
    """SRGB 0..1 -> linear 0..1."""
    x = np.asarray(srgb, np.float32)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _pieces(work: Callable[[Array, Array], Array], u: Array, v: Array) -> Array:
    """`work` over picture places in cache-sized pieces, on all cores; (N,) x 2 -> (C, N)."""
    cuts = range(0, u.size, CHUNK)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(lambda i: work(u[i : i + CHUNK], v[i : i + CHUNK]), cuts)), axis=1)


def _bounds(scene: Scene, start: Array, ray: Array) -> tuple[Array, Array]:
    """Where each ray enters and leaves the ball that holds the product (near > far: never)."""
    to = start - np.array([[0], [scene.camera.aim], [0]], np.float32)
    b = dot(to, ray)
    gap = b * b - (dot(to, to) - scene.reach**2)
    half = np.sqrt(np.maximum(gap, 0))
    near = np.where(gap > 0, np.maximum(-b - half, 0), 1).astype(np.float32)
    return near, np.where(gap > 0, -b + half, 0).astype(np.float32)


def _seen(scene: Scene, start: Array, ray: Array) -> Array:
    """Premultiplied RGBA (4, N) of the product along rays."""
    t = march(scene, np.broadcast_to(start, ray.shape), ray, *_bounds(scene, start, ray))
    hit = np.flatnonzero(np.isfinite(t))
    rgba = np.zeros((4, ray.shape[1]), np.float32)
    if hit.size:
        rgba[:3, hit] = film(shade(scene, (start + ray * np.where(np.isfinite(t), t, 0))[:, hit], ray[:, hit]))
        rgba[3, hit] = 1
    return rgba


def _grid(width: int, height: int) -> tuple[Array, Array]:
    v, u = np.mgrid[0:height, 0:width].astype(np.float32)
    return ((u + 0.5) / width - 0.5).ravel(), ((v + 0.5) / height - 0.5).ravel()


def product(scene: Scene, width: int, height: int, samples: int = 3) -> Array:
    """The product alone, premultiplied linear RGBA (H, W, 4); pixels with contrast get `samples`^2 rays."""
    aspect = width / height

    def look(u: Array, v: Array) -> Array:
        return _seen(scene, *scene.camera.rays(u, v, aspect))

    u, v = _grid(width, height)
    rgba = _pieces(look, u, v).reshape(4, height, width).transpose(1, 2, 0).copy()
    tone = np.sqrt(np.maximum(rgba, 0))
    kernel = np.ones((3, 3), np.uint8)
    busy = np.flatnonzero((cv2.dilate(tone, kernel) - cv2.erode(tone, kernel)).max(-1) > 0.06)
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    total = np.zeros((4, busy.size), np.float32)
    for dy in offsets:
        for dx in offsets:
            total += _pieces(look, u[busy] + np.float32(dx / width), v[busy] + np.float32(dy / height))
    rgba.reshape(-1, 4)[busy] = (total / samples**2).T
    return rgba


def _floor(scene: Scene, u: Array, v: Array, aspect: float) -> tuple[Array, Array]:
    """Where rays meet the floor, (3, N), and the rays; rays over the horizon meet it very far away."""
    eye, ray = scene.camera.rays(u, v, aspect)
    return eye + ray * (eye[1] / np.maximum(-ray[1], 1e-3)), ray


def shadow(scene: Scene, width: int, height: int, reduced: int = 4) -> Array:
    """How much light the product keeps from the floor, (H, W) in 0..1: 26 directions of sky and the key's soft box."""
    golden = np.pi * (3 - np.sqrt(5))
    sky = [(np.sqrt(1 - y * y) * np.cos(i * golden), y, np.sqrt(1 - y * y) * np.sin(i * golden)) for i in range(20)
           for y in [0.97 - 0.82 * (i + 0.5) / 20]]  # fmt: skip
    key = unit(np.array(LIGHTS[0].toward, np.float32)[:, None])

    def dark(u: Array, v: Array) -> Array:
        at, _ = _floor(scene, u, v, width / height)
        inside = np.hypot(at[0], at[2]) < scene.reach * 2.2
        at = at[:, inside]
        weight = sum(y for _, y, _ in sky)
        lit = sum(y / weight * openness(scene, at, np.array([[x], [y], [z]], np.float32), 0.42, 2.2) for x, y, z in sky)
        lit = 0.62 * lit + 0.38 * openness(scene, at, key, 0.34, 2.4, 20)
        out = np.zeros((1, u.size), np.float32)
        out[0, inside] = 1 - lit
        return out

    small = (max(width // reduced, 8), max(height // reduced, 8))
    map_ = _pieces(dark, *_grid(*small)).reshape(small[1], small[0])
    map_ = cv2.resize(cv2.GaussianBlur(map_, (0, 0), 1.2), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(map_, 0, 1)


def reflection(scene: Scene, width: int, height: int) -> Array:
    """The product mirrored in the floor, premultiplied linear RGBA (H, W, 4), half as sharp as the product."""

    def look(u: Array, v: Array) -> Array:
        at, ray = _floor(scene, u, v, width / height)
        return _seen(scene, at, ray * np.array([[1], [-1], [1]], np.float32))

    small = _pieces(look, *_grid(width // 2, height // 2)).reshape(4, height // 2, width // 2).transpose(1, 2, 0)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), width / 700), (width, height), interpolation=cv2.INTER_LINEAR)
