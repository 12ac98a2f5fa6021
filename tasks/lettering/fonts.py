"""Which font writes which script, and where Debian puts it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from PIL import ImageFont, features

from models.errors import EngineError

FOLDERS = (Path("/usr/share/fonts/truetype/noto"), Path("/usr/share/fonts/opentype/noto"))
"""Where the packages `fonts-noto-core` and `fonts-noto-cjk` put their files."""
REMEDY = "apt-get install fonts-noto-core fonts-noto-cjk"
SHAPING_REMEDY = "apt-get install libfribidi0"

Weight = Literal["Regular", "Bold"]


class FontMissing(EngineError, LookupError):
    """A font that a text needs is not on this machine (`FONT_MISSING`), or what joins letters (`SHAPING_MISSING`)."""

    code = "FONT_MISSING"


@dataclass(frozen=True)
class Face:
    """One face of a font file: `{stem}-{weight}{suffix}`, and its number in a collection."""

    stem: str
    suffix: str = ".ttf"
    number: int = 0

    def path(self, weight: Weight = "Regular") -> Path:
        """Its file; the regular one where it has no bold. Raises FontMissing."""
        for name in (f"{self.stem}-{weight}{self.suffix}", f"{self.stem}-Regular{self.suffix}"):
            for folder in FOLDERS:
                if (folder / name).is_file():
                    return folder / name
        raise FontMissing(
            f"lettering: found no {self.stem}-Regular{self.suffix}, wanted it in {' or '.join(map(str, FOLDERS))}",
            remedy=REMEDY,
        )


LATIN = Face("NotoSans")
ARABIC, HEBREW, DEVANAGARI, THAI = (Face(f"NotoSans{name}") for name in ("Arabic", "Hebrew", "Devanagari", "Thai"))
# The collection's own numbers: the same characters, drawn as each country writes them.
JAPANESE, KOREAN, SIMPLIFIED, TRADITIONAL = (Face("NotoSansCJK", ".ttc", number) for number in range(4))
CJK = (JAPANESE, KOREAN, SIMPLIFIED, TRADITIONAL)
SYMBOLS = (Face("NotoSansSymbols2"), Face("NotoSansSymbols"), Face("NotoSansMath"), SIMPLIFIED)
"""Asked in this order for what no script's own font has."""
NEEDED = (LATIN, ARABIC, HEBREW, DEVANAGARI, THAI, SIMPLIFIED, *SYMBOLS[:3])

# First code point of each stretch of Unicode and the font that writes it, up to the next one; "" is nobody's.
_STRETCHES: tuple[tuple[int, str], ...] = (
    (0x0000, "NotoSans"),
    (0x0530, "NotoSansArmenian"),
    (0x0590, "NotoSansHebrew"),
    (0x0600, "NotoSansArabic"),
    (0x0700, "NotoSansSyriac"),
    (0x0750, "NotoSansArabic"),
    (0x0780, "NotoSansThaana"),
    (0x07C0, "NotoSansNKo"),
    (0x0800, ""),
    (0x0860, "NotoSansArabic"),
    (0x0900, "NotoSansDevanagari"),
    (0x0980, "NotoSansBengali"),
    (0x0A00, "NotoSansGurmukhi"),
    (0x0A80, "NotoSansGujarati"),
    (0x0B00, "NotoSansOriya"),
    (0x0B80, "NotoSansTamil"),
    (0x0C00, "NotoSansTelugu"),
    (0x0C80, "NotoSansKannada"),
    (0x0D00, "NotoSansMalayalam"),
    (0x0D80, "NotoSansSinhala"),
    (0x0E00, "NotoSansThai"),
    (0x0E80, "NotoSansLao"),
    (0x0F00, "NotoSerifTibetan"),
    (0x1000, "NotoSansMyanmar"),
    (0x10A0, "NotoSansGeorgian"),
    (0x1100, "NotoSansCJK"),
    (0x1200, "NotoSansEthiopic"),
    (0x13A0, "NotoSansCherokee"),
    (0x1400, "NotoSansCanadianAboriginal"),
    (0x1680, ""),
    (0x1780, "NotoSansKhmer"),
    (0x1800, "NotoSansMongolian"),
    (0x18B0, ""),
    (0x1C80, "NotoSans"),
    (0x1C90, "NotoSansGeorgian"),
    (0x1CC0, "NotoSans"),
    (0x2E80, "NotoSansCJK"),
    (0xA000, ""),
    (0xA640, "NotoSans"),
    (0xA840, ""),
    (0xA8E0, "NotoSansDevanagari"),
    (0xA900, ""),
    (0xA960, "NotoSansCJK"),
    (0xA980, ""),
    (0xAB30, "NotoSans"),
    (0xAB70, ""),
    (0xAC00, "NotoSansCJK"),
    (0xD800, ""),
    (0xF900, "NotoSansCJK"),
    (0xFB00, "NotoSans"),
    (0xFB13, "NotoSansArmenian"),
    (0xFB1D, "NotoSansHebrew"),
    (0xFB50, "NotoSansArabic"),
    (0xFE00, "NotoSans"),
    (0xFE30, "NotoSansCJK"),
    (0xFE70, "NotoSansArabic"),
    (0xFF00, "NotoSansCJK"),
    (0xFFF0, "NotoSans"),
    (0x10000, ""),
    (0x20000, "NotoSansCJK"),
    (0x323B0, ""),
)
_FIRSTS = [first for first, _ in _STRETCHES]


def script_face(character: str, cjk: Face) -> Face | None:
    """The font of the character's script, `cjk` for Chinese, Japanese and Korean; None where it has none."""
    stem = _STRETCHES[bisect_right(_FIRSTS, ord(character)) - 1][1]
    if stem == cjk.stem:
        return cjk
    return Face(stem) if stem else None


def face_for_cjk(text: str) -> Face:
    """How the text's Han characters are drawn: as in Japan beside kana, as in Korea beside hangul, else simplified."""
    if any("\u3041" <= one <= "\u30ff" or "\uff66" <= one <= "\uff9f" for one in text):
        return JAPANESE
    if any("\uac00" <= one <= "\ud7a3" or "\u1100" <= one <= "\u11ff" for one in text):
        return KOREAN
    return TRADITIONAL if any("\u3105" <= one <= "\u312f" for one in text) else SIMPLIFIED


@lru_cache(maxsize=128)
def coverage(face: Face) -> Container[int]:
    """The code points that a face has a glyph for; none where it is not installed."""
    import uharfbuzz  # reads a table of 45,000 characters in 5 ms; not wanted before there is a text

    try:
        path = face.path()
    except FontMissing:
        return frozenset[int]()
    blob = uharfbuzz.Blob.from_file_path(str(path))  # pyright: ignore[reportAttributeAccessIssue]
    return uharfbuzz.Face(blob, face.number).unicodes  # pyright: ignore[reportAttributeAccessIssue]


@lru_cache(maxsize=256)
def opened(face: Face, size_px: int, weight: Weight = "Regular") -> ImageFont.FreeTypeFont:
    """The face at a size of `size_px` pixels per em, shaped by Raqm. Raises FontMissing."""
    if shaping_missing():
        raise FontMissing(
            "lettering: Pillow found no libfribidi.so.0, wanted it to join and order letters",
            remedy=SHAPING_REMEDY,
            code="SHAPING_MISSING",
        )
    return ImageFont.truetype(face.path(weight), size_px, face.number, layout_engine=ImageFont.Layout.RAQM)


def missing_fonts() -> list[str]:
    """The font files of the usual scripts that are not on this machine; `REMEDY` brings them. Empty is well."""
    missing: list[str] = []
    for face in NEEDED:
        try:
            face.path()
        except FontMissing:
            missing.append(f"{face.stem}-Regular{face.suffix}")
    return missing


def shaping_missing() -> bool:
    """Whether Pillow cannot join and order letters; `SHAPING_REMEDY` brings what it loads for that."""
    return not features.check("raqm")
