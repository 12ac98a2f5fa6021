"""Posters small enough to be in a page itself."""

from __future__ import annotations

import base64
import io
import logging
from typing import Final

from PIL import Image

from catalog.errors import CatalogError
from catalog.store import Store

SIDE_PX: Final = 176
MOST: Final = 400
"""Posters in one page, about 5 kB each; of more shots the first are shown."""

log = logging.getLogger("dailies.report")


def inlined(store: Store, poster: tuple[str, str]) -> str:
    """A poster (digest, place in the store) as a `data:` URL; "" where its file cannot be had."""
    try:
        with Image.open(store.path(*poster)) as picture:
            picture.draft("RGB", (SIDE_PX, SIDE_PX))
            picture.thumbnail((SIDE_PX, SIDE_PX))
            small = io.BytesIO()
            picture.convert("RGB").save(small, "JPEG", quality=62, optimize=True)
    except (CatalogError, OSError) as error:
        log.warning("poster %s: %s", poster[0][:12], error)
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(small.getvalue()).decode()}"
