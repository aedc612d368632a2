"""Everything that is measured of the finished folder, kept as JSON for the model card."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from benchmarks import everyday
from benchmarks.encoder import make_checkpoint, mixed_texts
from jv3search import knowledge_base
from jv3search.encoders.models import load
from training import chapters, evaluate, positions, reference, tasks
from training.settings import ASSETS, WORK

PATH = WORK / "figures.json"
CHAPTER_LANGUAGES = ("en", "de", "fr", "ja")
CHAPTERS = (("Debian Reference", True), ("Debian Reference", False), ("Debian Handbook", True))  # headings kept


def rate(folder: Path, texts: list[str]) -> float:
    """Tokens a second under retrieval.passage, all texts in one call, the model loaded before."""
    encoder = load(folder)
    encoder.encode(["warm"], "retrieval.passage")
    begun = time.perf_counter()
    encoder.encode(texts, "retrieval.passage")
    return sum(len(encoder.tokenize(text)) for text in texts) / (time.perf_counter() - begun)


def speed(folder: Path) -> dict[str, float]:
    """How many times the tokens a second of the full-size architecture (24 x 1024, random), in turns."""
    texts = [text[:1500] for text in mixed_texts(16)]
    full = make_checkpoint(24)
    ours, theirs = [], []
    for _ in range(3):
        ours.append(rate(folder, texts))
        theirs.append(rate(full, texts))
    return {"times_faster": round(statistics.median(ours) / statistics.median(theirs))}


def cost(folder: Path) -> dict[str, float]:
    """Size on disk, seconds to load and to embed the first query."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    begun = time.perf_counter()
    encoder = load(folder)
    encoder.encode_query("warm")
    loaded = time.perf_counter()
    for _ in range(20):
        encoder.encode_query("how do I change the keyboard layout?")
    each = (time.perf_counter() - loaded) / 20
    return {
        "megabytes": round(size / 1e6, 1),
        "load_s": round(loaded - begun, 2),
        "query_ms": round(1000 * each, 1),
    }


def everyday_folders(folder: Path) -> dict[str, dict[str, float]]:
    """The reporting half of the everyday sets by vectors alone, in the document's language and in others."""
    index, languages = everyday.index_of("report", str(folder), with_manuals=False)
    with knowledge_base.open(index) as kb:
        asked = everyday.ask(kb, everyday.questions("report"), languages, "dense")
    found = everyday.measured(asked)["questions"]
    return {
        group: {name: round(found[group][name]["mean"], 4) for name in ("hit@1", "hit@3", "nDCG@10")}
        for group in ("same language", "across languages")
    }


def collect(folder: Path) -> dict[str, object]:
    """All figures of a folder."""
    sections = reference.test_sections()
    matrices = reference.measure(evaluate.encoder(folder), sections)
    print(evaluate.as_text(matrices, list(sections)), file=sys.stderr)
    found: dict[str, object] = {
        "sections": len(sections["en"]),
        "reference": {str(dim): matrix.round(4).tolist() for dim, matrix in matrices.items()},
        "cost": cost(folder) | speed(folder),
        "chapters": {
            f"{book}, {lang}{', headings left out' if not headings else ''}": chapters.compare(
                folder, book, lang, headings
            )
            for book, headings in CHAPTERS
            for lang in CHAPTER_LANGUAGES
        },
        "positions": positions.by_position(folder),
        "tasks": tasks.compare(folder),
        "everyday": everyday_folders(folder),
    }
    return found


def main(folder: Path = ASSETS) -> None:
    """Measure the finished folder."""
    PATH.write_text(json.dumps(collect(folder), indent=1))


if __name__ == "__main__":
    main()
