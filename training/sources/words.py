"""The most frequent words of everyday language: wordfreq's lists (CC BY-SA 4.0), for Thai PyThaiNLP's (CC0).

Speer, "rspeer/wordfreq" (2022); Aroonmanakun et al., "Thai National Corpus" (2009).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from training.sources import Block, Page

MOST = 14_000  # words of a language
OTHER_SCRIPT = ("ar", "fa", "he", "hi", "ja", "ko", "ru", "uk", "zh")  # words in Latin letters are left out


def listed(path: Path) -> Iterator[str]:
    """The words of a list of wordfreq, the most frequent first: a header, then words of one frequency together."""
    import msgpack

    for group in msgpack.loads(gzip.decompress(path.read_bytes()))[1:]:
        yield from group


def thai(path: Path) -> Iterator[str]:
    """The words of a list of PyThaiNLP, a word and its count a line."""
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    counts = {row[0]: int(row[1]) for row in rows if len(row) == 2 and "\u0e00" < row[0][:1] < "\u0e7f"}
    yield from sorted(counts, key=lambda word: -counts[word])


def proper(word: str, lang: str) -> bool:
    """Whether it is a word of the language: without digits, and in its own script."""
    latin = any("a" <= letter <= "z" for letter in word)
    return not any(letter.isdigit() for letter in word) and not (latin and lang in OTHER_SCRIPT)


def words(tree: Path, lang: str) -> Iterator[str]:
    """The most frequent words of a language."""
    if lang == "th":
        found = thai(tree / "pythainlp/pythainlp/corpus/tnc_freq.txt")
    else:
        data = tree / "wordfreq/wordfreq/data"
        large = data / f"large_{lang}.msgpack.gz"
        found = listed(large if large.exists() else data / f"small_{lang}.msgpack.gz")
    return islice((word for word in found if proper(word, lang)), MOST)


def pages(tree: Path, languages: tuple[str, ...]) -> Iterator[Page]:
    """A page a word."""
    for lang in languages:
        for word in words(tree, lang):
            yield Page("words", f"{lang}/{word}", lang, [Block(0, {lang: word})])
