"""A real corpus, whole: the Debian Reference in eight languages, as HTML chapters and as one text a language.

    python -m benchmarks.debian_reference [--model jv3-mini] [--k 10]

Fetches the eight Debian packages by name with apt-get (nothing is installed), ingests all of it with the
command line, and asks every section title in every language. A hit counts when it lies in the section of that
title (the anchor of the heading is the same in all languages), in the language of the filter.
Prints ingest speed, peak memory, and the matrix of hit@k: rows are query languages, columns document languages.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from html import unescape
from pathlib import Path

from benchmarks.legs import dense
from jv3search import knowledge_base
from jv3search.types import Filter

WORK = Path(__file__).parent / "work" / "debian-reference"
LANGUAGES = {"en": "en", "de": "de", "es": "es", "fr": "fr", "it": "it", "ja": "ja", "pt": "pt", "zh-cn": "zh"}
_HEADING = re.compile(r'<h[1-6] class="title"[^>]*><a id="([^"]+)"\s*/?>(?:</a>)?(.*?)</h[1-6]>', re.S)
_NUMBER = re.compile(r"^[\dA-Z.]+\.\s*|^(Chapter|Kapitel|Capítulo|Chapitre|Capitolo|第)\s*\d*\s*[章.]?\s*")


def fetch() -> Path:
    """documents/<language>/ch01.de.html ... and debian-reference.de.txt, unpacked from Debian's packages."""
    documents = WORK / "documents"
    if documents.exists():
        return documents
    (WORK / "unpacked").mkdir(parents=True, exist_ok=True)
    for suffix in LANGUAGES:
        subprocess.run(["apt-get", "download", "-qq", f"debian-reference-{suffix}"], cwd=WORK, check=True)
    for package in WORK.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, WORK / "unpacked"], check=True)
    source, partial = WORK / "unpacked" / "usr/share/debian-reference", WORK / "partial"
    for suffix, language in LANGUAGES.items():
        (partial / language).mkdir(parents=True, exist_ok=True)
        for page in source.glob(f"*.{suffix}.html"):
            (partial / language / page.name).write_bytes(page.read_bytes())
        text = gzip.decompress((source / f"debian-reference.{suffix}.txt.gz").read_bytes())
        (partial / language / f"debian-reference.{suffix}.txt").write_bytes(text)
    partial.rename(documents)
    return documents


def ingest(documents: Path, index: Path, model: str) -> dict[str, float]:
    """The command line, timed from outside; tokens and peak memory as the operating system counts them."""
    command = [sys.executable, "-m", "jv3search", "ingest", str(documents), "--index", str(index), "--json"]
    began = time.perf_counter()
    done = subprocess.run(
        ["/usr/bin/time", "-f", "%M", *command, "--model", model], capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - began
    counts = json.loads(done.stdout)["counts"]
    peak = int(done.stderr.strip().splitlines()[-1]) / 1024
    with knowledge_base.open(index) as kb:
        reader = kb.reader
        tokens = sum(chunk.tokens for row in reader.documents() for chunk in reader.chunks(row.uri))
        chunks = reader.status().chunks
    return {"seconds": seconds, "megabytes": peak, "tokens": tokens, "chunks": chunks, **counts}


def sections(documents: Path) -> dict[str, dict[str, str]]:
    """language -> anchor -> title, for the sections that every language has."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for suffix, language in LANGUAGES.items():
        for page in sorted((documents / language).glob(f"ch*.{suffix}.html")):
            for anchor, heading in _HEADING.findall(page.read_text(encoding="utf-8")):
                found[language][anchor] = _plain(heading)
    shared = set.intersection(*(set(titles) for titles in found.values()))
    return {language: {a: titles[a] for a in sorted(shared)} for language, titles in found.items()}


def _plain(heading: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", heading)).split())


def query_of(title: str) -> str:
    """Without its number, which would be a keyword that every language shares."""
    return _NUMBER.sub("", title) or title


def matrix(index: Path, titles: dict[str, dict[str, str]], k: int) -> dict[str, dict[str, float]]:
    """hit@k by query language and document language."""
    kb = knowledge_base.open(index)
    reader, encoder = kb.reader, kb.encoder
    anchors = {lang: {title: anchor for anchor, title in of.items()} for lang, of in titles.items()}
    hits: dict[str, dict[str, float]] = {}
    with kb:
        for row, of in titles.items():
            queries = list(of.items())
            embedded = encoder.encode([query_of(title) for _, title in queries], "retrieval.query")
            hits[row] = {}
            for column in titles:
                where = Filter(
                    under=frozenset({str((WORK / "documents" / column).resolve())}), formats=frozenset({"html"})
                )
                right = 0
                for (anchor, _), query in zip(queries, embedded, strict=True):
                    found = dense(reader, query, k, where)
                    right += any(anchors[column].get(hit.section or "") == anchor for hit in found)
                hits[row][column] = right / len(queries)
            print(row, {lang: round(share, 3) for lang, share in hits[row].items()}, file=sys.stderr)
    return hits


def main() -> None:
    """Fetch, ingest, search, and print one JSON line after the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="jv3-mini")
    parser.add_argument("--k", type=int, default=10)
    options = parser.parse_args()
    documents, index = fetch(), WORK / f"index-{options.model}-{int(time.time())}"
    measured = ingest(documents, index, options.model)
    speed = measured["tokens"] / measured["seconds"]
    print(
        f"ingested {measured['done']:.0f} documents, {measured['chunks']:.0f} chunks, "
        f"{measured['tokens']:,.0f} tokens in {measured['seconds']:.1f} s: {speed:,.0f} tokens/s "
        f"from a cold start, peak {measured['megabytes']:.0f} MB"
    )
    titles = sections(documents)
    hits = matrix(index, titles, options.k)
    languages = list(titles)
    print(f"hit@{options.k} of {len(titles['en'])} section titles; rows are query languages")
    print("      " + "".join(f"{lang:>7}" for lang in languages))
    for row in languages:
        print(f"{row:6}" + "".join(f"{hits[row][column]:7.3f}" for column in languages))
    same = sum(hits[lang][lang] for lang in languages) / len(languages)
    other = [hits[a][b] for a in languages for b in languages if a != b]
    print(f"same language {same:.3f}, across languages {sum(other) / len(other):.3f}")
    print(json.dumps({"ingest": measured, "hits": hits}))


if __name__ == "__main__":
    main()
