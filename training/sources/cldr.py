"""Unicode CLDR: names and keywords of everyday things, and of languages, countries and currencies."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from training.sources import Block, Page, language, without_copies

Names = dict[str, dict[str, str]]


def emoji(folder: Path) -> tuple[Names, Names]:
    """Character -> language -> name, and the same for its keywords."""
    names: Names = defaultdict(dict)
    words: Names = defaultdict(dict)
    for kind in ("annotations", "annotationsDerived"):
        for path in sorted((folder / kind).glob("*.xml")):
            lang = language(path.stem)
            for node in ElementTree.parse(path).iter("annotation"):
                into = names if node.get("type") == "tts" else words
                into[node.get("cp", "")][lang] = (node.text or "").replace(" | ", ", ")
    return names, words


def display_names(folder: Path) -> Names:
    """`language:de`, `territory:DE`, `currency:EUR` -> language -> name."""
    found: Names = defaultdict(dict)
    for path in sorted((folder / "main").glob("*.xml")):
        lang, root = language(path.stem), ElementTree.parse(path).getroot()
        for kind in ("language", "territory"):
            for node in root.iterfind(f"localeDisplayNames/{kind}s/{kind}"):
                found[f"{kind}:{node.get('type')}"].setdefault(lang, node.text or "")
        for node in root.iterfind("numbers/currencies/currency"):
            name = node.find("displayName")
            if name is not None:
                found[f"currency:{node.get('type')}"].setdefault(lang, name.text or "")
    return found


def clean(texts: dict[str, str]) -> dict[str, str]:
    """Without copies and without CLDR's mark for inherited values."""
    return without_copies({lang: text for lang, text in texts.items() if "↑" not in text})


def pages(tree: Path) -> Iterator[Page]:
    """Two blocks for a thing (name, keywords), one for a name."""
    folder = next(tree.glob("unicode-cldr-core/usr/share/unicode/cldr/common"))
    names, words = emoji(folder)
    for char, texts in names.items():
        if "en" in texts:
            yield Page("cldr", char, "annotation", [Block(1, clean(texts)), Block(0, clean(words.get(char, {})))])
    for code, texts in display_names(folder).items():
        if "en" in texts:
            yield Page("cldr", code, code.split(":")[0], [Block(0, clean(texts))])
