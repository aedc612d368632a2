"""Why it matched: how often the right sentence is marked, and what that costs a hit.

    python -m benchmarks.explain [--layers 24] [--rounds 5]

questions.tsv holds questions on the sample documents, in the language of the document or in another one, and
the beginning of the answer. Each is asked of the chunk that holds its answer, for chunks of 64, 256 and 512
tokens, with jv3-mini. The cost is measured for a page of ten hits of 256 tokens, with jv3-mini and with the
full-size architecture (random weights, made on the spot).
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.encoder import SAMPLES, make_checkpoint
from benchmarks.measure import machine
from jv3search.encoders.late_chunking import chunk_ranges
from jv3search.encoders.models import MINI, load, locate
from jv3search.encoders.port import Encoder, TokenStates
from jv3search.ingest.chunks import chunk_spans
from jv3search.readers import SandboxedReader
from jv3search.search.highlight import best_sentence, highlighted_hits
from jv3search.text.sentences import sentences
from jv3search.types import Document, Hit, Span, unit_rows

QUESTIONS = Path(__file__).parent / "questions.tsv"
PAGE = 10
Choice = Callable[[TokenStates, TokenStates, list[Span]], Span | None]


@dataclass(frozen=True)
class Case:
    """A question, the passage that answers it, its sentences and the right one of them."""

    question: str
    passage: str
    sentences: list[Span]
    answer: Span


def judged() -> list[dict[str, str]]:
    """The questions on the samples: file, question, beginning of the answer."""
    with QUESTIONS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def cases(encoder: Encoder, chunk_tokens: int) -> list[Case]:
    """The questions with the chunks that hold their answers."""
    rows = judged()
    with SandboxedReader() as reader:
        documents = {name: reader.read(SAMPLES / name) for name in {row["file"] for row in rows}}
    return [_case(encoder, chunk_tokens, documents[row["file"]], row["question"], row["answer"]) for row in rows]


def _case(encoder: Encoder, chunk_tokens: int, document: Document, question: str, answer: str) -> Case:
    tokens = encoder.tokenize(document.text)
    place = " ".join(document.text.split("\n")).index(answer)  # an answer may cross a line of the PDF
    chunks, _ = chunk_ranges(tokens, chunk_spans(document, tokens.starts, chunk_tokens))
    passage = next(chunk for chunk in chunks if chunk.start <= place < chunk.end).of(document.text)
    place = " ".join(passage.split("\n")).index(answer)
    found = sentences(passage)
    return Case(question, passage, found, next(s for s in found if s.start <= place < s.end))


def plain_maxsim(query: TokenStates, passage: TokenStates, found: list[Span]) -> Span:
    """Cosines of the states as they are."""
    similarity = unit_rows(query.states) @ unit_rows(passage.states).T
    owners = _owners(passage, found)
    return max(found, key=lambda s: similarity[:, owners == found.index(s)].max(axis=1, initial=-1).sum())


def mean_states(query: TokenStates, passage: TokenStates, found: list[Span]) -> Span:
    """Cosine of the question's mean state with the sentence's: late chunking, a sentence a chunk."""
    question, owners = unit_rows(query.states.mean(axis=0)), _owners(passage, found)
    means = [passage.states[owners == i].mean(axis=0) for i in range(len(found)) if (owners == i).any()]
    return found[int(np.argmax(unit_rows(np.array(means)) @ question))]


def _owners(passage: TokenStates, found: list[Span]) -> np.ndarray:
    ends = [sentence.end for sentence in found]
    return np.minimum(np.searchsorted(ends, passage.offsets[:, 0], side="right"), len(found) - 1)


CHOICES: dict[str, Choice] = {"ours": best_sentence, "plain MaxSim": plain_maxsim, "mean states": mean_states}


def quality(encoder: Encoder, chunk_tokens: int) -> dict[str, float]:
    """Share of the questions whose right sentence each way of choosing finds; `chance` by blind choice."""
    tested = cases(encoder, chunk_tokens)
    queries = encoder.encode_tokens([case.question for case in tested], "retrieval.query")
    passages = encoder.encode_tokens([case.passage for case in tested], "retrieval.passage")
    shares = {
        name: float(
            np.mean(
                [choose(q, p, c.sentences) == c.answer for q, p, c in zip(queries, passages, tested, strict=True)]
            )
        )
        for name, choose in CHOICES.items()
    }
    return shares | {"chance": float(np.mean([1 / len(case.sentences) for case in tested]))}


def cost(encoder: Encoder, rounds: int) -> float:
    """Milliseconds a hit, for a page of ten passages of 256 tokens: median of some rounds after a warm one."""
    text = "\n\n".join(path.read_text(encoding="utf-8") for path in sorted(SAMPLES.glob("*.md")))
    starts = encoder.tokenize(text).starts
    step = (len(starts) - 257) // PAGE
    spans = [Span(int(starts[i * step]), int(starts[i * step + 256])) for i in range(PAGE)]
    hits = [Hit(1, 0.5, i, "", "", "md", None, None, span, "en", span.of(text)) for i, span in enumerate(spans)]
    seconds = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        highlighted_hits(hits, "how much paper may be put into the printer?", encoder)
        seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds[1:]) / PAGE


def main() -> None:
    """Print quality and cost, and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    mini = load(locate(MINI, Path("absent")))
    shares = {chunk_tokens: quality(mini, chunk_tokens) for chunk_tokens in (64, 256, 512)}
    for chunk_tokens, found in shares.items():
        print(f"chunks of {chunk_tokens:3}: " + ", ".join(f"{name} {share:.3f}" for name, share in found.items()))
    costs = {"jv3-mini": cost(mini, options.rounds)}
    costs[f"{options.layers} layers x 1024"] = cost(load(make_checkpoint(options.layers)), options.rounds)
    print(f"a hit of 256 tokens, {machine()}: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in costs.items()))
    print(json.dumps({"right": shares, "milliseconds": costs}))


if __name__ == "__main__":
    main()
