"""The keyword index against FTS5 and tantivy, on the same terms of the same real texts.

    pip install tantivy && python -m benchmarks.keyword_engines [--chunks 100000] [--queries 100] [--json]

Chunks and questions are those of `benchmarks.keywords`: LibreOffice's help in 28 languages, up to six words of it.
Each engine is given the product's own terms and asked for the 50 best: of all chunks, and of random 10, 1 and
0.1 % of them as a set of ids. Printed: milliseconds, bytes a chunk, seconds to build from terms; for the
contenders the share of the 50 best that are the same, and their scores over ours. FTS5 scores every match.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.keywords import ASKED, TaggedText, fetch, many, queries
from benchmarks.measure import machine
from jv3search.indexes.keywords.bm25 import weight
from jv3search.indexes.keywords.phrases import Phrase, query_terms
from jv3search.indexes.keywords.segment import MOST_CHUNKS, Entry, build, load
from jv3search.indexes.keywords.snapshot import KeywordSnapshot
from jv3search.indexes.keywords.terms import Term, terms
from jv3search.indexes.vectors.port import FilteredIds, Ids

SHARES = {"10 %": 0.1, "1 %": 0.01, "0.1 %": 0.001}
Row = tuple[str, str]
"""The words of a chunk and their other forms, each with spaces between."""


class Engine(Protocol):
    """Filled with chunks numbered from 1."""

    def filtered(self, ids: Ids) -> Any:
        """A set of ids in the engine's own form, which a filter keeps from search to search."""

    def best(self, phrases: Sequence[Phrase], among: Any) -> Mapping[int, float]:
        """The best chunks with their scores."""


class Segments:
    """What the product has."""

    def __init__(self, folder: Path, rows: Sequence[Row]) -> None:
        paths = []
        for start in range(0, len(rows), MOST_CHUNKS):
            paths.append(folder / f"{start:09}")
            build(_entries(rows[start : start + MOST_CHUNKS], start + 1)).save(paths[-1])
        self._index = KeywordSnapshot("", 1, tuple(map(load, paths)))

    def filtered(self, ids: Ids) -> FilteredIds:
        """As a search has it."""
        return FilteredIds(ids)

    def best(self, phrases: Sequence[Phrase], among: FilteredIds | None) -> Mapping[int, float]:
        """The best chunks."""
        found = self._index.match(phrases, ASKED, among)
        return dict(zip(found.ids, found.scores, strict=True))


class FTS5:
    """The table that the product had."""

    def __init__(self, folder: Path, rows: Sequence[Row]) -> None:
        self._database = sqlite3.connect(folder / "fts5")
        create = "CREATE VIRTUAL TABLE k USING fts5(words, forms, content='', tokenize=\"ascii tokenchars '+#'\")"
        self._database.execute(create)
        with self._database:
            numbered = ((number, *row) for number, row in enumerate(rows, 1) if any(row))
            self._database.executemany("INSERT INTO k(rowid, words, forms) VALUES(?, ?, ?)", numbered)

    def filtered(self, ids: Ids) -> str:
        """As JSON, which SQLite reads as a table."""
        return json.dumps(ids.tolist())

    def best(self, phrases: Sequence[Phrase], among: str | None) -> Mapping[int, float]:
        """The best chunks."""
        wanted = " OR ".join(self._written(phrase) for phrase in phrases for _ in range(weight(phrase)))
        inside = "" if among is None else "AND +rowid IN (SELECT value FROM json_each(?3))"
        select = (
            f"SELECT rowid, -bm25(k) AS score FROM k WHERE k MATCH ?1 {inside} ORDER BY score DESC, rowid LIMIT ?2"
        )
        given = (wanted, ASKED) if among is None else (wanted, ASKED, among)
        return dict(self._database.execute(select, given))

    def _written(self, phrase: Phrase) -> str:
        words = f'"{" ".join(phrase.terms)}"{" *" if phrase.prefix else ""}'
        return words if len(phrase.terms) == 1 else f"words : {words}"


class Tantivy:
    """One field with all terms for words, one with positions for phrases."""

    def __init__(self, folder: Path, rows: Sequence[Row]) -> None:
        self._library = tantivy = import_module("tantivy")
        (folder / "tantivy").mkdir()
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field("id", fast=True, indexed=True)
        builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
        builder.add_text_field("anywhere", tokenizer_name="whitespace", index_option="freq")
        self._schema = builder.build()
        index = tantivy.Index(self._schema, str(folder / "tantivy"))
        writer = index.writer(256_000_000, 1)
        for number, (words, forms) in enumerate(rows, 1):
            document = tantivy.Document()
            document.add_unsigned("id", number)
            document.add_text("words", words)
            document.add_text("anywhere", f"{words} {forms}")
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher = index.searcher()

    def filtered(self, ids: Ids) -> Any:
        """As a query for so many terms: there is no other way in Python."""
        within = self._library.Query.term_set_query(self._schema, "id", ids.tolist())
        return self._library.Query.const_score_query(within, 0.0)

    def best(self, phrases: Sequence[Phrase], among: Any) -> Mapping[int, float]:
        """The best chunks."""
        query, occur = self._library.Query, self._library.Occur
        wanted = query.boolean_query([(occur.Should, self._query(phrase)) for phrase in phrases])
        if among is not None:
            wanted = query.boolean_query([(occur.Must, wanted), (occur.Must, among)])
        hits = self._searcher.search(wanted, ASKED, count=False).hits
        ids = self._searcher.fast_field_values("id", [address for _, address in hits])
        return dict(zip(ids, (score for score, _ in hits), strict=True))

    def _query(self, phrase: Phrase) -> Any:
        query = self._library.Query
        if len(phrase.terms) > 1:
            return query.boost_query(query.phrase_query(self._schema, "words", list(phrase.terms)), 2.0)
        if phrase.prefix:
            return query.regex_query(self._schema, "anywhere", f"{phrase.terms[0]}.*")
        return query.term_query(self._schema, "anywhere", phrase.terms[0], "freq")


def _entries(rows: Sequence[Row], first: int) -> Iterator[Entry]:
    for number, (words, forms) in enumerate(rows, first):
        *before, last = words.split() or [""]
        yield Entry(number, [*map(Term, before), Term(last, tuple(forms.split()))] if last else [])


def made(texts: Sequence[TaggedText]) -> list[Row]:
    """The terms of some chunks, of equal ones made once."""
    known: dict[TaggedText, Row] = {}
    for language, text in texts:
        if (language, text) not in known:
            found = terms(text, language)
            forms = " ".join(form for term in found for form in term.forms)
            known[language, text] = " ".join(term.exact for term in found), forms
    return [known[text] for text in texts]


def asked(engine: Engine, wanted: Sequence[Sequence[Phrase]], ids: Ids | None) -> dict[str, Any]:
    """Times, the first search left out, and what was found."""
    among = None if ids is None else engine.filtered(ids)
    engine.best(wanted[0], among)
    times, busy, found = [], [], []
    for phrases in wanted:
        began, worked = time.perf_counter(), time.thread_time()
        found.append(engine.best(phrases, among))
        times.append(1e3 * (time.perf_counter() - began))
        busy.append(1e3 * (time.thread_time() - worked))
    p95, cpu_p95 = (statistics.quantiles(one, n=20)[-1] for one in (times, busy))
    figures = {"p50_ms": statistics.median(times), "p95_ms": p95}
    return {**figures, "cpu_p50_ms": statistics.median(busy), "cpu_p95_ms": cpu_p95, "found": found}


def agreement(ours: Sequence[Mapping[int, float]], theirs: Sequence[Mapping[int, float]]) -> dict[str, float]:
    """How much of the hits is the same, and how their scores compare where ours count."""
    same = sum(len(mine.keys() & its.keys()) for mine, its in zip(ours, theirs, strict=True))
    pairs = [(mine, its) for mine, its in zip(ours, theirs, strict=True)]
    ratios = [its[key] / mine[key] for mine, its in pairs for key in mine.keys() & its.keys() if mine[key] > 1e-3]
    mean, spread = statistics.mean(ratios), statistics.pstdev(ratios)
    return {"same": same / sum(map(len, ours)), "score_ratio": mean, "score_ratio_deviation": spread}


def measured(engine: type[Any], rows: Sequence[Row], wanted: Sequence[Sequence[Phrase]]) -> dict[str, Any]:
    """Build one and ask it."""
    dice = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as work:
        began, worked = time.perf_counter(), time.process_time()
        made_of = engine(Path(work), rows)
        built = {"build_s": time.perf_counter() - began, "build_cpu_s": time.process_time() - worked}
        size = sum(path.stat().st_size for path in Path(work).rglob("*") if path.is_file())
        result: dict[str, Any] = {**built, "bytes": size / len(rows), "all": asked(made_of, wanted, None)}
        for name, share in SHARES.items():
            ids = np.sort(dice.choice(len(rows), max(1, int(share * len(rows))), replace=False)) + 1
            result[name] = asked(made_of, wanted, ids)
    return result


def main() -> None:
    """All engines, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--engines", default="segments,tantivy,fts5")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    fetch()
    library = many(options.chunks)
    rows = made([passage for passages in library for passage in passages])
    texts = queries(library, options.queries)["few words"]
    wanted = [phrases for language, text in texts if (phrases := query_terms(text, (language,)).phrases)]
    known = {"segments": Segments, "tantivy": Tantivy, "fts5": FTS5}
    results = {}
    for name in options.engines.split(","):
        results[name] = measured(known[name], rows, wanted)
        show(name, results)
    if options.json:
        for result in results.values():
            for part in result.values():
                part.pop("found", None) if isinstance(part, dict) else None
        print(json.dumps({"machine": machine(), "chunks": options.chunks, **results}))


def show(name: str, results: Mapping[str, Any]) -> None:
    """The figures of one engine."""
    result = results[name]
    print(
        f"{name}: built in {result['build_cpu_s']:.1f} s of CPU, {result['bytes']:.0f} bytes a chunk; {machine()}"
    )
    for part in ("all", *SHARES):
        row = result[part]
        print(
            f"  {part:6} p50 {row['p50_ms']:8.1f} p95 {row['p95_ms']:8.1f}   "
            f"CPU p50 {row['cpu_p50_ms']:8.1f} p95 {row['cpu_p95_ms']:8.1f}",
            flush=True,
        )
    if "segments" in results and name != "segments":
        print(f"  {agreement(results['segments']['all']['found'], result['all']['found'])}")


if __name__ == "__main__":
    main()
