"""FreeDict's bilingual dictionaries by English headword, and glossaries that explain English words and terms.

The files are dictd's: an index of `headword TAB offset TAB length` in base 64, and one compressed text.
"""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from training.sources import Block, Page, tidy

CODES = {
    "ara": "ar", "bul": "bg", "cat": "ca", "ces": "cs", "dan": "da", "deu": "de", "ell": "el", "eng": "en",
    "epo": "eo", "fra": "fr", "gle": "ga", "hin": "hi", "hrv": "hr", "hun": "hu", "ita": "it", "jpn": "ja",
    "lit": "lt", "mkd": "mk", "nld": "nl", "nob": "nb", "pol": "pl", "por": "pt", "rus": "ru", "slk": "sk",
    "slv": "sl", "spa": "es", "srp": "sr", "swe": "sv", "tur": "tr",
}  # fmt: skip
DIGITS = {c: i for i, c in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")}
ASIDE = re.compile(r"/[^/\n]*/|<[^>]*>|\([^)]*\)|\[[^\]]*\]|\{|\}")
REMARK = re.compile(r'\s*(see:|synonym|antonym|note:|"|\()', re.I)
NUMBER = re.compile(r"^\s*\d+\.\s*")
LONGEST = 60  # characters of a translation: longer ones are explanations
MEANINGS = 3


def number(digits: str) -> int:
    """A number of dictd's index."""
    value = 0
    for digit in digits:
        value = 64 * value + DIGITS[digit]
    return value


def articles(folder: Path, name: str) -> Iterator[str]:
    """Every article once, in the index' order."""
    data = gzip.decompress((folder / f"{name}.dict.dz").read_bytes())
    seen = set()
    for line in (folder / f"{name}.index").read_text(encoding="utf-8", errors="replace").split("\n"):
        head, _, place = line.partition("\t")
        if place and place not in seen and not head.startswith("00database"):
            seen.add(place)
            start, size = (number(part) for part in place.split("\t")[:2])
            yield data[start : start + size].decode("utf-8", errors="replace")


def entry(article: str) -> tuple[str, list[str]]:
    """(headword, translations) of a bilingual article."""
    first, _, rest = article.partition("\n")
    head = tidy(ASIDE.sub(" ", first).partition(",")[0])
    found = []
    for line in rest.split("\n"):
        if line.startswith("   ") or REMARK.match(line):
            continue
        found += [tidy(part) for part in ASIDE.sub(" ", NUMBER.sub("", line)).replace(";", ",").split(",")]
    return head, [text for text in found if 0 < len(text) <= LONGEST][:MEANINGS]


def translations(tree: Path) -> Iterator[Page]:
    """One page a headword: its translations out of all dictionaries with English on one side."""
    words: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(tree.glob("dict-freedict-*/usr/share/dictd/*.index")):
        left, right = (CODES.get(code, "") for code in path.stem.removeprefix("freedict-").split("-"))
        if not left or not right or "en" not in (left, right):
            continue
        for article in articles(path.parent, path.stem):
            head, found = entry(article)
            if head and found and left == "en":
                words[head][right] += found
            elif head and found:
                words[found[0]][left].append(head)
    for head, texts in words.items():
        foreign = {lang: ", ".join(dict.fromkeys(found[:MEANINGS])) for lang, found in texts.items()}
        yield Page("dictionaries", head, "word", [Block(0, {"en": head} | foreign)])


def terms(tree: Path) -> Iterator[tuple[str, str]]:
    """(headword, explanation): FOLDOC and the Jargon File."""
    for name in ("foldoc", "jargon"):
        for article in articles(tree / f"dict-{name}/usr/share/dictd", name):
            head, _, body = article.partition("\n")
            yield tidy(head), tidy(re.sub(r"[{}]", "", body))


def synsets(folder: Path) -> Iterator[tuple[str, str]]:
    """(words, gloss) of WordNet's sets of synonyms; the format is described in its wndb(5)."""
    for path in sorted(folder.glob("data.*")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            fields, _, gloss = line.partition(" | ")
            if gloss and not line.startswith(" "):
                parts = fields.split(" ")
                lemmas = parts[4 : 4 + 2 * int(parts[3], 16) : 2]
                yield ", ".join(lemma.replace("_", " ").partition("(")[0] for lemma in lemmas), tidy(gloss)


def explanations(tree: Path) -> Iterator[Page]:
    """Two blocks an entry: the words, what they mean."""
    entries = [*terms(tree), *synsets(tree / "wordnet-base/usr/share/wordnet")]
    for count, (head, body) in enumerate(entries):
        if head and body:
            yield Page("glossaries", f"{head} {count}", "term", [Block(1, {"en": head}), Block(0, {"en": body})])
