"""What people say: the conversations of chatterbot-corpus (BSD), sayings of the fortunes packages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from training.sources import Block, Page, tidy

CONVERSATIONS = {
    "english": "en",
    "german": "de",
    "french": "fr",
    "spanish": "es",
    "italian": "it",
    "portuguese": "pt",
    "dutch": "nl",
    "russian": "ru",
    "ukrainian": "uk",
    "turkish": "tr",
    "hebrew": "he",
    "persian": "fa",
    "hindi": "hi",
    "thai": "th",
    "japanese": "ja",
    "korean": "ko",
    "chinese": "zh-cn",
    "indonesian": "id",
}
TOPICS = [
    "education",
    "food",
    "kids",
    "love",
    "medicine",
    "men-women",
    "people",
    "pets",
    "sports",
    "wisdom",
    "work",
]
# language -> files of fortunes; of the English ones those on people's lives
SAYINGS = {
    "de": ["fortunes-de/usr/share/games/fortunes/de/*"],
    "es": ["fortunes-es/usr/share/games/fortunes/es/*"],
    "it": ["fortunes-it/usr/share/games/fortunes/*", "fortunes-it/usr/share/games/fortunes/it/*"],
    "pl": ["fortunes-pl/usr/share/games/fortunes/pl/*"],
    "ru": ["fortunes-ru/usr/share/games/fortunes/ru/*"],
    "pt": ["fortunes-br/usr/share/games/fortunes/brasil"],
    "zh-cn": ["fortunes-zh/usr/share/games/fortunes/*"],
    "en": [f"fortunes/usr/share/games/fortunes/{name}" for name in TOPICS],
}
LINE = re.compile(r"^\s*(?:-\s+)?-\s+(.+)$")
SHORTEST, LONGEST = 8, 300  # characters
MOST = 1500  # texts of a language and source


def lines(folder: Path) -> Iterator[str]:
    """The lines of the conversations of a language: questions and answers."""
    for path in sorted(folder.glob("*.yml")):
        for line in path.read_text("utf-8").splitlines():
            if found := LINE.match(line):
                yield tidy(found[1].strip("\"' "))


def read(path: Path) -> str:
    """A file of fortunes; older ones are not UTF-8."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return path.read_text("latin-1")


def sayings(tree: Path, patterns: list[str]) -> Iterator[str]:
    """The texts between the percent signs."""
    for pattern in patterns:
        for path in sorted(tree.glob(pattern)):
            if path.is_file() and path.suffix not in (".dat", ".u8"):
                yield from (tidy(text.strip("% \n")) for text in read(path).split("\n%"))


def some(texts: Iterator[str]) -> Iterator[str]:
    """The first texts of a fitting length."""
    return islice((text for text in texts if SHORTEST < len(text) < LONGEST), MOST)


def pages(tree: Path) -> Iterator[Page]:
    """A page a text."""
    for name, lang in CONVERSATIONS.items():
        for text in some(lines(tree / "chatterbot-corpus/chatterbot_corpus/data" / name)):
            yield Page("talk", text, "conversation", [Block(0, {lang: text})])
    for lang, patterns in SAYINGS.items():
        for text in some(sayings(tree, patterns)):
            yield Page("talk", text, "saying", [Block(0, {lang: text})])
