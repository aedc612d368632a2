"""One reader a source. Each yields aligned pages in the one shape the rest of the training knows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SPACE = re.compile(r"\s+")
SAME = {
    "en-us": "en",
    "c": "en",
    "no": "nb",
    "nb-no": "nb",
    "he-il": "he",
    "fa-ir": "fa",
    "in": "id",
    "zh": "zh-cn",
    "zh-hans": "zh-cn",
    "zh-hant": "zh-tw",
}


@dataclass
class Block:
    """A heading (level 1 and up) or a paragraph (level 0), in every language it is translated to."""

    level: int
    texts: dict[str, str]


@dataclass
class Page:
    """Blocks in reading order; `topic` is the archive section or the component the page belongs to."""

    source: str
    key: str
    topic: str = ""
    blocks: list[Block] = field(default_factory=list)


def tidy(text: str) -> str:
    """One line, single blanks."""
    return SPACE.sub(" ", text).strip()


def language(code: str) -> str:
    """One spelling for language codes: `pt_BR` and `pt-br` are `pt-br`; English is `en`."""
    code = code.split(".")[0].split("@")[0].replace("_", "-").lower()
    return SAME.get(code, code)


def without_copies(texts: dict[str, str]) -> dict[str, str]:
    """Drop empty texts and translations that are copies of the English."""
    english = texts.get("en", "")
    return {lang: text for lang, text in texts.items() if text and (lang == "en" or text != english)}


Blocks = list[tuple[int, str]]  # (heading level or 0, text) in reading order


def align(source: str, key: str, texts: dict[str, Blocks]) -> Page:
    """One page of all languages whose structure equals the English one (or the longest one's), block by block."""
    pilot = texts.get("en") or max(texts.values(), key=len)
    levels = [level for level, _ in pilot]
    same = {lang: found for lang, found in texts.items() if [level for level, _ in found] == levels}
    page = Page(source, key, key.split("/")[0])
    for number, level in enumerate(levels):
        block = without_copies({lang: found[number][1] for lang, found in same.items()})
        if block:
            page.blocks.append(Block(level, block))
    return page
