"""Differences of writing that no one searches for."""

from __future__ import annotations

import unicodedata

import regex

# Not to be seen or not always written: joiners, soft hyphens, selectors of variants and skin tones, the points of
# Arabic and Hebrew, tatweel, and the dot that case folding leaves on Turkish İ.
_UNWRITTEN = regex.compile(
    r"[\p{Cf}\p{Emoji_Modifier}\uFE00-\uFE0F\U000E0100-\U000E01EF\u034F\u0640\u064B-\u0652\u0656-\u065F\u0670\u06D6-\u06DC"
    r"\u06DF-\u06E4\u06E7\u06E8\u06EA-\u06ED\u0610-\u061A\u0591-\u05BD\u05BF\u05C1\u05C2\u05C4\u05C5\u05C7]"
    r"|(?<=i)\u0307"
)
_DIGIT = regex.compile(r"(?V1)[\p{Nd}--[0-9]]")
_SAME = str.maketrans({"ی": "ي", "ک": "ك", "ہ": "ه", "ھ": "ه"})  # one letter on several keyboards
_ACCENT = regex.compile(r"[\u0300-\u036F\u0653-\u0655]")
_PLAIN = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe"})


def folded(text: str) -> str:
    """A text without differences of width, case, points, joiners and kinds of digits."""
    text = unicodedata.normalize("NFKC", text).casefold()
    if text.isascii():
        return text
    text = _DIGIT.sub(lambda digit: str(unicodedata.digit(digit.group(), digit.group())), _UNWRITTEN.sub("", text))
    return unicodedata.normalize("NFKC", text).translate(_SAME)


def unaccented(word: str) -> str:
    """A folded word as it is typed where the accents are not on the keyboard; vowel signs stay."""
    if word.isascii():
        return word
    bare = _ACCENT.sub("", unicodedata.normalize("NFD", word).translate(_PLAIN))
    return unicodedata.normalize("NFC", bare)
