"""Places and things of a town in a hundred languages: the presets of the OpenStreetMap editor iD (ISC licence)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.sources import Block, Page, language, tidy, without_copies

TRANSLATIONS = "id-tagging-schema/package/dist/translations"
TERMS = 6  # words for the same place that are kept
Named = tuple[str, str, str]  # key, name, other words for it


def options(key: str, field: dict[str, Any]) -> Iterator[Named]:
    """The choices that a field offers, with what they mean where that is said."""
    for option, text in (field.get("options") or {}).items():
        parts = text if isinstance(text, dict) else {"title": text}
        yield f"{key}/{option}", tidy(parts.get("title") or ""), tidy(parts.get("description") or "")


def named(presets: dict[str, Any]) -> Iterator[Named]:
    """All kinds of places, and all their fields with the choices."""
    for key, found in presets.get("presets", {}).items():
        words = found.get("terms", "").split(",")[:TERMS]
        yield f"place/{key}", tidy(found.get("name", "")), ", ".join(tidy(word) for word in words if word.strip())
    for key, found in presets.get("fields", {}).items():
        yield f"field/{key}", tidy(found.get("label", "")), ""
        yield from options(f"field/{key}", found)


def pages(tree: Path) -> Iterator[Page]:
    """A page a thing: its name, and other words for it."""
    names: dict[str, dict[str, str]] = defaultdict(dict)
    words: dict[str, dict[str, str]] = defaultdict(dict)
    for path in sorted((tree / TRANSLATIONS).glob("*.json")):
        if path.stem.endswith(".min"):
            continue
        told = next(iter(json.loads(path.read_text("utf-8")).values()))
        for key, name, terms in named(told.get("presets", {})):  # a language nobody has begun has none
            names[key][language(path.stem)], words[key][language(path.stem)] = name, terms
    for key, texts in names.items():
        blocks = [Block(1, without_copies(texts)), Block(0, without_copies(words[key]))]
        yield Page("places", key, key.split("/")[0], [block for block in blocks if block.texts])
