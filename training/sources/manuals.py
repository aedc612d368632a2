"""Manual pages: sections align by position where a translation has the same number of them."""

from __future__ import annotations

import gzip
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from training.sources import Block, Page, language, tidy, without_copies

FONT = re.compile(r"\\f(?:\[[^\]]*\]|\(..|.)|\\[&/|^,%:]|\\s[-+]?\d|\\[*]\(?\w+")
MACRO = re.compile(r"^[.'](?:B|I|BR|RB|IR|RI|BI|IB|SM|SB|Nm|Fl|Ar|Op|Pa|Li|Xr|Nd|Em|Cm)\s+")
CHARACTER = {
    "\\-": "-",
    "\\(aq": "'",
    "\\(dq": '"',
    "\\e": "\\",
    "\\ ": " ",
    "\\(bu": "",
    "\\(em": "—",
    "\\~": " ",
}
HEADING = re.compile(r'^[.\'](?:SH|Sh)\s+"?(.*?)"?\s*$')
SECTIONS = (1, 5, 7, 8)
NAME_DASH = re.compile(r"\s(?:-|—|–|−)+\s")


def plain(line: str) -> str:
    """A line of roff without its markup; other requests vanish."""
    line = MACRO.sub("", line)
    if line[:1] in (".", "'"):
        return ""
    for mark, character in CHARACTER.items():
        line = line.replace(mark, character)
    return FONT.sub("", line)


def sections(path: Path) -> list[tuple[str, str]]:
    """(heading, text) of a page, capped: what a page is about stands at its beginning."""
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as lines:
        found: list[tuple[str, list[str]]] = []
        for line in lines:
            if match := HEADING.match(line):
                found.append((tidy(plain(match[1])), []))
            elif found:
                found[-1][1].append(plain(line.rstrip("\n")))
    return [(head, tidy(" ".join(text))[:4000]) for head, text in found]


def about(found: list[tuple[str, str]]) -> str:
    """The line that says what the thing is for: the NAME section after its dash."""
    parts = NAME_DASH.split(found[0][1], maxsplit=1) if found else []
    return parts[1] if len(parts) == 2 else ""


def align(key: str, texts: dict[str, list[tuple[str, str]]]) -> Page:
    """Title line, then the sections of every language that has as many as the English page."""
    page = Page("manuals", key, key.rsplit(".", 1)[-1])
    page.blocks.append(Block(1, without_copies({lang: about(found) for lang, found in texts.items()})))
    pilot = texts.get("en") or texts[max(texts, key=lambda lang: len(texts[lang]))]
    same = {lang: found for lang, found in texts.items() if len(found) == len(pilot)}
    for number in range(1, len(pilot)):
        page.blocks.append(Block(2, without_copies({lang: f[number][0] for lang, f in same.items()})))
        page.blocks.append(Block(0, without_copies({lang: f[number][1] for lang, f in same.items()})))
    return page


def pages(tree: Path) -> Iterator[Page]:
    """Every manual page that is here in two languages at least."""
    found: dict[str, dict[str, Path]] = defaultdict(dict)
    for number in SECTIONS:
        for path in sorted(tree.glob(f"*/usr/share/man/**/man{number}/*.gz")):
            folder = path.parent.parent.name
            found[path.name.removesuffix(".gz")].setdefault("en" if folder == "man" else language(folder), path)
    for key, paths in sorted(found.items()):
        texts = {lang: parsed for lang, path in paths.items() if len(parsed := sections(path)) > 1}
        if len(texts) > 1:
            yield align(key, texts)
