"""A textured product drawn exactly where it is asked to be, on a backdrop that stays."""

from __future__ import annotations

import numpy as np

from models.fidelity.similarity import IDENTITY, Similarity

WIDTH, HEIGHT = 384, 224
RADIUS = (120.0, 80.0)


def at_home(similarity: Similarity) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) each: which point of the first frame every pixel shows, from the frame's centre."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    x, y = x - (WIDTH - 1) / 2 - similarity.dx, y - (HEIGHT - 1) / 2 - similarity.dy
    cos, sin = np.cos(similarity.roll) / similarity.scale, np.sin(similarity.roll) / similarity.scale
    return cos * x + sin * y, cos * y - sin * x


def draw(similarity: Similarity = IDENTITY, seed: int = 0, texture: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Frame (H, W, 3) and matte (H, W) uint8: waves 9 to 40 px long inside an ellipse that moves."""
    chance = np.random.default_rng(seed)
    x, y = at_home(similarity)
    waves = np.zeros((HEIGHT, WIDTH, 3))
    for _ in range(14):
        length, angle, phase = chance.uniform(9, 40), chance.uniform(0, np.pi), chance.uniform(0, 2 * np.pi)
        wave = np.sin(2 * np.pi / length * (x * np.cos(angle) + y * np.sin(angle)) + phase)
        waves += wave[..., None] * chance.uniform(4, 16, 3) * texture
    ellipse = np.hypot(x / RADIUS[0], y / RADIUS[1])
    share = np.clip((1 - ellipse) * min(RADIUS) / 2 + 0.5, 0, 1)[..., None]
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    backdrop = (200 + 20 * v / HEIGHT + 10 * np.sin(u / 23))[..., None]
    frame = np.rint(np.clip(share * (110 + waves) + (1 - share) * backdrop, 0, 255)).astype(np.uint8)
    return frame, np.rint(share[..., 0] * 255).astype(np.uint8)


def relit(frame: np.ndarray, seed: int = 1) -> np.ndarray:
    """Softer, darker to one side and grainy: what a network does to a frame."""
    import cv2

    soft = cv2.GaussianBlur(frame, (0, 0), 1.0).astype(float)
    light = 0.75 + 0.35 * np.arange(WIDTH)[None, :, None] / WIDTH
    grain = np.random.default_rng(seed).normal(0, 2.5, frame.shape)
    return np.clip(soft * light + grain, 0, 255).astype(np.uint8)
