"""Debian's Chromium, in front of a dashboard that really listens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.dashboard.server import listening as listening

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 60_000
"""A busy machine takes its time; whatever is waited for comes in a second on an idle one."""

CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [R, G, B] = [r, g, b].map((v) => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * R + 0.7152 * G + 0.0722 * B; };
  const ground = (element) => { for (let at = element; at; at = at.parentElement) {
    const color = rgba(getComputedStyle(at).backgroundColor); if (color[3] === 255) return color; }
    return rgba(getComputedStyle(document.documentElement).backgroundColor); };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility({opacityProperty: true}) || element.closest('svg, .hidden, .skip')) continue;
    const style = getComputedStyle(element), color = rgba(style.color), behind = ground(element);
    const [high, low] = [light(color), light(behind)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) found.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)} ${element.textContent.trim().slice(0, 30)}`);
  }
  return [...new Set(found)];
}"""  # noqa: E501
"""Texts whose contrast to what is behind them is less than WCAG AA's 4.5."""


@contextmanager
def opened(folder: Path, **context: Any) -> Iterator[Page]:
    """A page of a browser of its own; what it complains of is in `page.complaints`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(**({"viewport": {"width": 1360, "height": 900}} | context)).new_page()
        page.set_default_timeout(PATIENCE_MS)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        page.on("dialog", lambda dialog: dialog.accept())
        page.complaints = complaints  # type: ignore[attr-defined]
        try:
            yield page
        finally:
            browser.close()
