"""What an ingest does with the machine: documents and tokens a second, the encoder's share of the time, memory.

    python -m benchmarks.ingest [--against f6743ec] [--rounds 2] [--only notes pdf mixed] [--notes 2000]

Three folders with jv3-mini: small notes in 21 languages; one PDF of 300 pages; a mixed folder of the samples,
notes, long texts, a PDF and a table. The code of another revision (`git worktree`) and that of this checkout take
turns, each run in a process of its own. Tokens are those of the documents' chunks; `passed` is how often the model
sees each. `share` is the time in the engine over that of the whole ingest, from opening the index to closing it;
memory is the peak of the process, and that of the largest reader's process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LATIN = ("de", "en", "es", "fr", "it", "nl", "pt")
Results = dict[str, dict[str, list[dict[str, float]]]]
"""By folder and revision, a dictionary of figures for each run."""

KEPT = ("documents/s", "tokens/s", "share", "seconds", "cpu", "MB", "reader MB", "passed")


def make_folders(scratch: Path, notes: int) -> dict[str, Path]:
    """The three folders, the same each time."""
    from benchmarks.notes import write_notes

    folders = {name: scratch / name for name in ("notes", "pdf", "mixed")}
    write_notes(folders["notes"], notes)
    folders["pdf"].mkdir()
    write_pdf(folders["pdf"] / "book.pdf", 300)
    write_notes(folders["mixed"], 300)
    for path in (ROOT / "ingest" / "samples").iterdir():
        shutil.copy(path, folders["mixed"])
    write_pdf(folders["mixed"] / "brochure.pdf", 40)
    write_long_texts(folders["mixed"])
    write_table(folders["mixed"] / "table.csv")
    return folders


def write_pdf(path: Path, pages: int) -> None:
    """Pages of some 400 words in seven languages of Latin letters."""
    import fpdf

    chooser = random.Random(pages)
    book = fpdf.FPDF()
    book.set_font("Helvetica", size=10)
    for number in range(pages):
        book.add_page()
        book.multi_cell(0, 5, f"{number + 1}. {_prose(chooser, LATIN[number % len(LATIN)], 2400)}")
    book.output(str(path))


def write_long_texts(folder: Path) -> None:
    """A text of some 20,000 characters in each of seven languages."""
    chooser = random.Random(7)
    for language in LATIN:
        parts = [f"## {number}\n\n{_prose(chooser, language, 2000)}" for number in range(10)]
        (folder / f"long-{language}.md").write_text("\n\n".join(parts), encoding="utf-8")


def write_table(path: Path) -> None:
    """500 rows."""
    chooser = random.Random(5)
    rows = [f"{number};{_prose(chooser, 'en', 80)}" for number in range(500)]
    path.write_text("\n".join(["number;text", *rows]), encoding="utf-8")


def _prose(chooser: random.Random, language: str, characters: int) -> str:
    """Everyday statements in Latin-1, about so many characters."""
    from benchmarks.notes import sentences

    pairs, text = sentences()[language], ""
    while len(text) < characters:
        text += f"{chooser.choice(pairs)[1]} "
    return text.encode("latin-1", "ignore").decode("latin-1").replace(";", ",").strip()


def child(folder: Path) -> None:
    """Ingest a folder with whichever jv3search is first on the path, and print what it took as one line."""
    import jv3search
    from jv3search.encoders.jina_v3.openvino_engine import OpenVinoEngine

    busy, passed = [0.0], [0]

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, rows: Any, *arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(self, rows, *arguments)
            finally:
                busy[0] += time.perf_counter() - began
                passed[0] += sum(len(row.ids) for row in rows)

        return call

    OpenVinoEngine.sums = watched(OpenVinoEngine.sums)  # type: ignore[method-assign]
    OpenVinoEngine.states = watched(OpenVinoEngine.states)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        with jv3search.open(Path(scratch, "kb"), create=True, model="jv3-mini", engine="openvino") as kb:
            report = kb.ingest(folder)
        seconds = time.perf_counter() - began
        with jv3search.open(Path(scratch, "kb")) as kb:
            rows = kb.documents()
            tokens = sum(chunk.tokens for row in rows for chunk in kb.reader.chunks(row.uri))
    own, readers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    figures = {
        "documents": len(rows), "failed": sum(row.state != "done" for row in report.rows), "tokens": tokens,
        "seconds": seconds, "documents/s": len(rows) / seconds, "tokens/s": tokens / seconds,
        "share": busy[0] / seconds, "passed": passed[0] / tokens, "MB": own.ru_maxrss / 1024,
        "reader MB": readers.ru_maxrss / 1024,
        "cpu": sum(usage.ru_utime + usage.ru_stime for usage in (own, readers)),
    }  # fmt: skip
    print(json.dumps(figures))


def run(code: Path, folder: Path) -> dict[str, float]:
    """One ingest by the code of a checkout."""
    command = [sys.executable, "-P", str(Path(__file__).resolve()), "--child", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(code)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


@contextmanager
def checkouts(revision: str, scratch: Path) -> Iterator[dict[str, Path]]:
    """This checkout, and before it a worktree of a revision if one is named."""
    if not revision:
        yield {"now": ROOT}
        return
    folder = scratch / "before"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(folder), revision], cwd=ROOT, check=True)
    try:
        yield {"before": folder, "now": ROOT}
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(folder)], cwd=ROOT, check=True)


def main() -> None:
    """Run both revisions in turns over the folders; print medians, ratios and one JSON line."""
    from benchmarks.measure import machine

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", default="f6743ec", help="the revision to compare with; '' for none")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=["notes", "pdf", "mixed"])
    parser.add_argument("--notes", type=int, default=2000)
    options = parser.parse_args()
    results: Results = {}
    with tempfile.TemporaryDirectory() as scratch, checkouts(options.against, Path(scratch)) as codes:
        folders = make_folders(Path(scratch), options.notes)
        for _ in range(options.rounds):
            for name in options.only:
                for code, place in codes.items():
                    figures = run(place, folders[name])
                    results.setdefault(name, {}).setdefault(code, []).append(figures)
                    print(f"{name}, {code}: {figures}", file=sys.stderr)
    print(f"{machine()}; medians of {options.rounds}, jv3-mini")
    for name, of_codes in results.items():
        show(name, of_codes)
    print(json.dumps(results))


def show(name: str, of_codes: dict[str, list[dict[str, float]]]) -> None:
    """The medians of one folder, and the ratio of the two revisions."""
    for code, runs in of_codes.items():
        medians = {key: statistics.median(run[key] for run in runs) for key in KEPT}
        words = ", ".join(f"{value:.3g} {key}" for key, value in medians.items())
        print(f"{name:6} {code:6} {runs[0]['documents']} documents, {runs[0]['tokens']:,} tokens: {words}")
    if len(of_codes) == 2:
        for key in ("seconds", "cpu"):
            pairs = zip(of_codes["before"], of_codes["now"], strict=True)
            ratio = statistics.median(now[key] / before[key] for before, now in pairs)
            print(f"{name:6} {ratio:.2f} of the {key} before, pair by pair")


if __name__ == "__main__":
    if "--child" in sys.argv:
        child(Path(sys.argv[-1]))
    else:
        main()
