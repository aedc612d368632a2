"""Dense, keyword and hybrid search on a real corpus in eight languages: nDCG@10 and recall@10 as 8 x 8 matrices.

    python -m benchmarks.debian_eval [--sample 50] [--modes dense,keyword,hybrid] [--json] [--fresh]

Queries are section titles of the Debian Reference (without their numbers) in each of its eight languages;
--sample 0 takes all 447. The one relevant target in a document language is the section under the same anchor; a
chunk stands for a section if it holds at least half of it, or lies in it with at least half of itself. The heading
is part of its own section, so the diagonal is easier than the rest. The index of the HTML chapters is kept in
`benchmarks/work/` and made again if another model, chunker or catalog format made it, or with --fresh (minutes).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.debian_reference import LANGUAGES, WORK, fetch, query_of, sections
from jv3search.config import Settings
from jv3search.errors import IndexMismatch, IndexNotFound, StorageError
from jv3search.evaluation.cached_encoder import CachedEncoder
from jv3search.evaluation.collection import Collection, Query
from jv3search.evaluation.matrix import Matrix, Search, measure
from jv3search.evaluation.reports import matrix_as_json
from jv3search.evaluation.silver import stands_for
from jv3search.evaluation.tables import matrix_table
from jv3search.indexes import IndexReader
from jv3search.knowledge_base import KnowledgeBase, encoder_of
from jv3search.location import IndexLocation
from jv3search.search.retrieval import SearchOptions, plain_request, retrieve
from jv3search.types import Filter, Hit, Mode

MEASURES = ("nDCG@10", "R@10")
_FOLDERS = {language: str((WORK / "documents" / language).resolve()) for language in LANGUAGES.values()}


def index_of(settings: Settings, *, fresh: bool) -> IndexReader:
    """The index of all HTML chapters, made first if it is not there or does not fit."""
    try:
        if not fresh:
            kb = KnowledgeBase(settings)
            kb.reader.manifest.require(kb.manifest(), str(settings.index))
            return kb.reader
    except (IndexNotFound, IndexMismatch, StorageError) as error:
        print(error, file=sys.stderr)
    shutil.rmtree(settings.index.folder, ignore_errors=True)
    pages = sorted(str(page) for page in (WORK / "documents").glob("*/*.html"))
    command = [sys.executable, "-m", "jv3search", "ingest", *pages, "--index", str(settings.index)]
    subprocess.run([*command, "--model", settings.model], stdout=sys.stderr, check=True)
    return KnowledgeBase(settings).reader


def collection(reader: IndexReader, titles: dict[str, dict[str, str]], sample: int) -> Collection:
    """The titles of every language as queries, the sections under their anchors as targets."""
    anchors = sorted(titles["en"])
    anchors = [anchors[i * len(anchors) // sample] for i in range(sample)] if sample else anchors
    queries = tuple(
        Query(f"{language} {anchor}", query_of(of[anchor]), language, {f"{a} {anchor}": 1 for a in titles})
        for language, of in titles.items()
        for anchor in anchors
    )
    languages = {f"{language} {anchor}": language for language in titles for anchor in anchors}
    chunks = {place: names for language, of in titles.items() for place, names in _places(reader, language, of)}

    def target(query: Query, hit: Hit) -> str:
        names = chunks.get((hit.uri, hit.span.start), [])
        return next((name for name in names if name in query.relevant), (names or [f"{hit.uri} {hit.span}"])[0])

    def within(language: str) -> Filter:
        return Filter(under=frozenset({_FOLDERS[language]}))

    return Collection("Debian Reference", queries, languages, target, within)


def _places(reader: IndexReader, language: str, titles: dict[str, str]) -> list[tuple[tuple[str, int], list[str]]]:
    """The sections that each chunk of a language stands for: ((uri, start of the chunk), targets)."""
    anchors = {title: anchor for anchor, title in titles.items()}
    places = []
    for row in reader.documents():
        if not row.uri.startswith(_FOLDERS[language] + "/"):
            continue
        wanted = [section for section in reader.document(row.uri).sections if section.title in anchors]
        for chunk in reader.chunks(row.uri):
            names = [f"{language} {anchors[s.title]}" for s in wanted if stands_for(chunk.span, s)]
            places.append(((row.uri, chunk.span.start), names))
    return places


def main() -> None:
    """Measure each mode and print its matrices, or one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="jv3-mini")
    parser.add_argument("--sample", type=int, default=50, help="titles a language, evenly spread; 0: all")
    parser.add_argument("--modes", default="dense,keyword,hybrid")
    parser.add_argument("--fresh", action="store_true", help="make the index again")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    titles = sections(fetch())
    index = IndexLocation(WORK / f"eval-index-{Path(options.model).name}")
    settings = replace(Settings(), index=index, model=options.model)
    with index_of(settings, fresh=options.fresh) as reader:
        tested = collection(reader, titles, options.sample)
        encoder = CachedEncoder(encoder_of(settings))
        encoder.remember(query.text for query in tested.queries)
        found: dict[str, Any] = {}
        for mode in options.modes.split(","):
            began = time.perf_counter()
            matrix = measure(tested, _search(reader, encoder, mode), MEASURES)
            seconds = time.perf_counter() - began
            found[mode] = {**matrix_as_json(matrix), "seconds": round(seconds, 1)}
            if not options.json:
                _show(mode, matrix, seconds)
    if options.json:
        print(json.dumps(found))


def _search(reader: IndexReader, encoder: CachedEncoder, mode: Mode) -> Search:
    def search(query: str, k: int, where: Filter) -> Sequence[Hit]:
        return retrieve(reader, encoder, plain_request(query, where), SearchOptions(k, mode, group=False)).hits

    return search


def _show(mode: str, matrix: Matrix, seconds: float) -> None:
    for name in MEASURES:
        print(f"{mode} ({seconds:.0f} s)")
        print(matrix_table(matrix, name, intervals=False), end="\n\n")


if __name__ == "__main__":
    main()
