"""Which documents are recognised as translations: precision and recall on real ones.

    python -m benchmarks.translations [--model jv3-mini] [--pages 120] [--seed 2]

Ingests, by the command line, the chapters of the Debian Reference in eight languages, the Debian FAQ in nine,
a draw of pages of the GIMP help in three (one template, one theme, most of them a page or less), and the sample
documents, of which two are translations. All are Debian packages fetched by name (GIMP's are 150 MB). A pair is
right if it is the same chapter or page in two languages, as detected: pages that were left in English are not.
Thresholds were chosen on the pages of seed 1 and the FAQ in en, de, ja, ru; the default draws others.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path

from benchmarks import debian_reference
from benchmarks.encoder import SAMPLES
from jv3search import knowledge_base
from jv3search.indexes import DocumentRow, IndexReader

WORK = Path(__file__).parent / "work" / "translations"
FAQ = ("", "-de", "-fr", "-it", "-ja", "-ko", "-nl", "-ru", "-zh-cn")
GIMP = ("en", "de", "ja")
_SUFFIX = re.compile(r"(\.[a-z]{2}(-[a-z]{2})?)?\.(html|xhtml)$")
Pair = frozenset[str]


def fetch() -> Path:
    """The packages' files, unpacked."""
    unpacked = WORK / "unpacked"
    if not unpacked.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        names = [*(f"debian-faq{suffix}" for suffix in FAQ), *(f"gimp-help-{language}" for language in GIMP)]
        subprocess.run(["apt-get", "download", "-qq", *names], cwd=WORK, check=True)
        for package in WORK.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, WORK / "partial"], check=True)
        (WORK / "partial").rename(unpacked)
    return unpacked


def collect(pages: int, seed: int) -> dict[str, str]:
    """The documents to ingest, in one folder; file name -> what it is a version of."""
    folder = WORK / "documents"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    works: dict[str, str] = {}

    def take(path: Path, work: str, language: str) -> None:
        name = f"{work.replace('/', '-')}.{language}{path.suffix}"
        shutil.copyfile(path, folder / name)
        works[name] = work

    reference = debian_reference.fetch()
    for path in sorted(reference.glob("*/*.html")):
        take(path, f"reference/{_SUFFIX.sub('', path.name)}", path.parent.name)
    share = fetch() / "usr/share"
    for path in sorted((share / "doc/debian/FAQ").rglob("*.html")):
        if not path.is_symlink():
            take(path, f"faq/{_SUFFIX.sub('', path.name)}", path.parent.name)
    help_pages = share / "gimp/2.0/help"
    common = set.intersection(*({path.name for path in (help_pages / tag).glob("*.html")} for tag in GIMP))
    for name in random.Random(seed).sample(sorted(common), pages):
        for language in GIMP:
            take(help_pages / language / name, f"gimp/{_SUFFIX.sub('', name)}", language)
    for path in sorted(SAMPLES.iterdir()):
        take(path, f"sample/{path.stem.split('-')[0] if path.stem.startswith('backup') else path.name}", path.stem)
    return works


def judge(reader: IndexReader, works: dict[str, str]) -> dict[str, dict[str, float]]:
    """Precision and recall by the number of chunks in the smaller document, and of all."""
    rows = reader.documents()
    name = {row.uri: Path(row.uri).name for row in rows}
    versions: dict[str, list[DocumentRow]] = defaultdict(list)
    for row in rows:
        versions[works[name[row.uri]]].append(row)
    known = {row.uri for row in rows if row.language != "und"}
    right = {
        frozenset((a.uri, b.uri))
        for same in versions.values()
        for a, b in combinations(same, 2)
        if a.language != b.language and {a.uri, b.uri} <= known
    }
    found = {frozenset((row.uri, other)) for row in rows for other, _, _ in reader.translations_of(row.uri)}
    for wrong in found - right:
        print("wrong:", *sorted(name[uri] for uri in wrong), file=sys.stderr)
    chunks = {row.uri: row.chunks for row in rows}
    table = {}
    for label, least, most in (
        ("1-2", 1, 2),
        ("3-5", 3, 5),
        ("6-15", 6, 15),
        ("16-", 16, 10**9),
        ("all", 1, 10**9),
    ):
        some_right = {pair for pair in right if least <= min(chunks[uri] for uri in pair) <= most}
        some_found = {pair for pair in found if least <= min(chunks[uri] for uri in pair) <= most}
        table[label] = {
            "pairs": len(some_right),
            "linked": len(some_found),
            "precision": len(some_right & some_found) / max(1, len(some_found)),
            "recall": len(some_right & some_found) / max(1, len(some_right)),
        }
    return table


def main() -> None:
    """Ingest, judge, and print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="jv3-mini")
    parser.add_argument("--pages", type=int, default=120)
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    works = collect(options.pages, options.seed)
    index = WORK / f"index-{options.model}-{options.seed}"
    command = [sys.executable, "-m", "jv3search", "ingest", str(WORK / "documents"), "--index", str(index)]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--model", options.model, "--json"], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode not in (0, 1):  # 1: some page could not be read
        sys.exit(f"the ingest was cut off ({done.returncode}); run this again and it goes on")
    print(f"ingested {json.loads(done.stdout)['counts']} in {seconds:.0f} s")
    with knowledge_base.open(index) as kb:
        table = judge(kb.reader, works)
    for label, row in table.items():
        rates = f"precision {row['precision']:.3f}, recall {row['recall']:.3f}"
        print(f"{label:5} chunks: {row['pairs']:5} pairs, {rates}")
    print(json.dumps({"table": table}))


if __name__ == "__main__":
    main()
