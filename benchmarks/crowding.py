"""Do ten thousand Chinese documents push an English answer out of sight? Ranks before and after they are added.

    python -m benchmarks.crowding [--documents 10000] [--sample 60]

The English Debian Reference is searched with its section titles in Chinese, Japanese, German and English; the
right answer is the English section of that title. Then paragraphs of LibreOffice's Chinese help are added, one
document each (fetched by apt-get, nothing is installed), and the same is asked again: by plain cosine, by the
dense leg with normalised scores, and by the whole hybrid search without grouping.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path

from benchmarks.debian_reference import WORK as REFERENCE
from benchmarks.debian_reference import fetch, query_of, sections
from benchmarks.legs import dense
from jv3search import knowledge_base
from jv3search.indexes import IndexReader
from jv3search.knowledge_base import KnowledgeBase
from jv3search.search.rescoring import rescored
from jv3search.types import Embedding, Filter, Hit

WORK = Path(__file__).parent / "work" / "crowding"
LANGUAGES = ("zh", "ja", "de", "en")
DEEPEST = 100  # ranks below count as one more
_PARAGRAPH = re.compile(r'<p id="[^"]*"[^>]*>(.*?)</p>', re.S)
Search = Callable[[str], Sequence[Hit]]


def chinese(count: int) -> Path:
    """A folder of `count` text files, a paragraph each, evenly drawn from the whole help."""
    folder = WORK / f"chinese-{count}"
    if folder.exists():
        return folder
    WORK.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-qq", "libreoffice-help-zh-cn"], cwd=WORK, check=True)
    subprocess.run(["dpkg", "-x", next(WORK.glob("*.deb")), WORK / "unpacked"], check=True)
    pages = sorted((WORK / "unpacked").rglob("*.html"))
    found = {_plain(body) for page in pages for body in _PARAGRAPH.findall(page.read_text("utf-8"))}
    texts = sorted(text for text in found if len(text) >= 30 and re.search(r"[一-鿿]", text))
    partial = WORK / "partial"
    partial.mkdir(exist_ok=True)
    for number in range(count):
        text = texts[number * len(texts) // count]
        (partial / f"{number:05}.txt").write_text(text, encoding="utf-8")
    return partial.rename(folder)


def _plain(markup: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def ingest(paths: Sequence[Path], index: Path) -> None:
    """By the command line."""
    command = [sys.executable, "-m", "jv3search", "ingest", *map(str, paths), "--index", str(index), "--model"]
    subprocess.run([*command, "jv3-mini"], stdout=sys.stderr, check=True)


def searches(kb: KnowledgeBase) -> dict[str, Search]:
    """The searches that are compared."""
    reader, encoder = kb.reader, kb.encoder
    return {
        "cosine": lambda query: by_cosine(reader, encoder.encode_query(query)),
        "z-score": lambda query: dense(reader, encoder.encode_query(query), DEEPEST),
        "hybrid": lambda query: kb.search(query, k=DEEPEST, group=False).hits,
    }


def by_cosine(reader: IndexReader, query: Embedding) -> list[Hit]:
    """The nearest chunks without score normalisation."""
    with reader.snapshot() as index:
        ids, scores = rescored(index, query, DEEPEST, Filter(), 3 * DEEPEST)
        return index.hits(ids.tolist(), scores.tolist())


def rank(hits: Sequence[Hit], title: str) -> int:
    """Of the first hit in the section of this title."""
    return next((hit.rank for hit in hits if hit.section == title), DEEPEST + 1)


def ranks(index: Path, titles: dict[str, dict[str, str]], sample: int) -> dict[tuple[str, str], list[int]]:
    """(search, language of the query) -> rank of each answer."""
    anchors = sorted(titles["en"])
    chosen = [anchors[i * len(anchors) // sample] for i in range(sample)]
    with knowledge_base.open(index) as kb:
        return {
            (name, language): [rank(search(query_of(titles[language][a])), titles["en"][a]) for a in chosen]
            for name, search in searches(kb).items()
            for language in LANGUAGES
        }


def main() -> None:
    """Print a line for each search and language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--sample", type=int, default=60)
    options = parser.parse_args()
    documents, crowd = fetch(), chinese(options.documents)
    alone, crowded = WORK / "index-alone", WORK / f"index-crowded-{options.documents}"
    for index in (alone, crowded):
        shutil.rmtree(index, ignore_errors=True)
    pages = sorted((documents / "en").glob("*.html"))
    ingest(pages, alone)
    ingest([*pages, crowd], crowded)
    titles = sections(REFERENCE / "documents")
    before, after = (ranks(index, titles, options.sample) for index in (alone, crowded))
    print(f"English answers among the first ten of {options.sample}, and median rank, before -> after")
    for name, language in before:
        old, new = before[name, language], after[name, language]
        hits = [sum(rank <= 10 for rank in found) for found in (old, new)]
        middle = [statistics.median(found) for found in (old, new)]
        print(f"{name:7} in {language}: {hits[0]:3} -> {hits[1]:3}   {middle[0]:5.1f} -> {middle[1]:5.1f}")


if __name__ == "__main__":
    main()
