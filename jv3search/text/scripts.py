"""The scripts that a text is written in."""

from __future__ import annotations

from collections import Counter

import regex

KANA = r"\p{Hiragana}\p{Katakana}ー"
"""For a character class; the long vowel sign belongs to neither alone."""

_ONE = (
    "Latin Cyrillic Greek Arabic Hebrew Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada",
    "Malayalam Sinhala Tibetan Armenian Georgian Ethiopic Mongolian Thaana Syriac Cherokee Han Bopomofo Hangul",
    "Thai Lao Khmer Myanmar",
)
_CLASSES = {name: rf"\p{{{name}}}" for name in " ".join(_ONE).split()} | {"Kana": KANA}
_RUNS = regex.compile(
    r"(?V1)(?=[\p{L}\p{M}])(?:"
    + "|".join(rf"(?P<{name}>[[{members}]&&[\p{{L}}\p{{M}}]]++)" for name, members in _CLASSES.items())
    + r"|(?P<Other>\p{L}))"
)


def letters_by_script(text: str) -> Counter[str]:
    """How many letters and marks of each script a text has, by the script's Unicode name.

    Hiragana and Katakana are "Kana", what is rare is "Other"; digits, signs and pictures have no script.
    """
    counts: Counter[str] = Counter()
    for run in _RUNS.finditer(text):
        counts[str(run.lastgroup)] += len(run.group())
    return counts


def scripts_of(text: str) -> frozenset[str]:
    """The names of the scripts of a text's letters."""
    return frozenset(letters_by_script(text))
