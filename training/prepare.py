"""Turn the unpacked sources into aligned pages: one JSON line a page, one file a source."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator

from training.fetch import LISTS
from training.settings import LANGUAGES, TREE, WORK
from training.sources import (
    Block,
    Page,
    applications,
    cldr,
    descriptions,
    dictionaries,
    handbooks,
    libreoffice,
    manuals,
    messages,
)

PAGES = WORK / "pages"
SOURCES: dict[str, Callable[[], Iterator[Page]]] = {
    "libreoffice-help": lambda: libreoffice.pages(TREE),
    "descriptions": lambda: descriptions.pages(LISTS),
    "cldr": lambda: cldr.pages(TREE),
    "messages": lambda: messages.pages(TREE),
    "applications": lambda: applications.pages(TREE),
    "handbooks": lambda: handbooks.pages(TREE),
    "manuals": lambda: manuals.pages(TREE),
    "dictionaries": lambda: dictionaries.translations(TREE),
    "glossaries": lambda: dictionaries.explanations(TREE),
}


def as_line(page: Page) -> str:
    """A page as one line of JSON."""
    kept = [(block.level, {k: v for k, v in block.texts.items() if k in LANGUAGES}) for block in page.blocks]
    blocks = [[level, texts] for level, texts in kept if texts]
    return json.dumps([page.source, page.key, page.topic, blocks], ensure_ascii=False) + "\n"


def read_pages(source: str) -> Iterator[Page]:
    """The pages of a prepared source."""
    with (PAGES / f"{source}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            name, key, topic, blocks = json.loads(line)
            yield Page(name, key, topic, [Block(level, texts) for level, texts in blocks])


def prepare(source: str) -> None:
    """Write the pages of one source, whole or not at all."""
    target = PAGES / f"{source}.jsonl"
    if target.exists():
        return
    draft = target.with_suffix(".part")
    count: Counter[str] = Counter()
    with draft.open("w", encoding="utf-8") as out:
        for page in SOURCES[source]():
            count["pages"] += 1
            count.update(lang for block in page.blocks for lang in block.texts)
            out.write(as_line(page))
    draft.replace(target)
    (PAGES / f"{source}.count.json").write_text(json.dumps(count, indent=1))
    print(f"prepared {source}: {count.most_common(40)}", file=sys.stderr)


def main() -> None:
    """Prepare what is not prepared."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        prepare(source)


if __name__ == "__main__":
    main()
