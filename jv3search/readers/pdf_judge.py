"""The judge between two PDF libraries: whose text reads as it was written?

pdfium is exact and fast, but puts every glyph on a line of its own when a producer shaped Hebrew or
Arabic in pieces; pypdf follows the file's own order, which is sometimes the better one.
"""

from __future__ import annotations

import re
import unicodedata

_SHREDDED = 0.3  # share of lines of one or two characters from which a page is in shreds
_FEW_LINES = 8
_RTL_SHARE = 0.3  # of a page's letters
_SAMPLE = 2_000  # characters of a page that show its direction
_LETTERS = re.compile(r"[^\W\d_]+")
_ARABIC_FINALS = "ةى"  # stand only at the end of a word
_HEBREW_FINALS = "ךםןףץ"
_HEBREW_MEDIALS = "כמנפצ"  # of which the finals are the other shape: not at the end, loan words aside
_MARGIN = 0.05


def shredded(text: str) -> bool:
    """Whether a page's lines are mostly single characters."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return len(lines) >= _FEW_LINES and sum(len(line) <= 2 for line in lines) > _SHREDDED * len(lines)


def right_to_left(text: str) -> bool:
    """Whether the page is mainly Arabic or Hebrew."""
    letters = [char for char in text[:_SAMPLE] if char.isalpha()]
    rtl = sum(unicodedata.bidirectional(char) in ("R", "AL") for char in letters)
    return bool(letters) and rtl > _RTL_SHARE * len(letters)


def better(first: str, second: str) -> bool:
    """Whether `second` is clearly the more natural right-to-left text."""
    return naturalness(second) > naturalness(first) + _MARGIN


def naturalness(text: str) -> float:
    """From -1 (backwards) to 1 (as written): where articles and final letters stand; shreds cost."""
    words = _LETTERS.findall(unicodedata.normalize("NFKC", text))
    if not words:
        return -1.0
    signs = [sign for word in words if (sign := _direction(word))]
    single = sum(len(word) == 1 for word in words) / len(words)
    return (sum(signs) / len(signs) if signs else 0.0) - single


def _direction(word: str) -> int:
    """1 if the word is spelt forwards, -1 if backwards, 0 if it does not tell."""
    if len(word) < 3:
        return 0
    if word.startswith("ال") or word[-1] in _ARABIC_FINALS or word[-1] in _HEBREW_FINALS:
        return 1
    if word.endswith("لا") or word[0] in _ARABIC_FINALS or word[0] in _HEBREW_FINALS:
        return -1
    return -1 if word[-1] in _HEBREW_MEDIALS else 0
