"""Where the questions come from, and the index they are asked of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from jv3search.encoders.port import Encoder
from jv3search.evaluation import trial
from jv3search.evaluation.beir import read_beir
from jv3search.evaluation.collection import Collection
from jv3search.evaluation.judged_files import read_tsv
from jv3search.evaluation.runs import Progress
from jv3search.evaluation.silver import silver
from jv3search.indexes import Reader, Recipe


@contextmanager
def beir(
    folder: Path, encoder: Encoder, recipe: Recipe, pooling: trial.Pooling, progress: Progress
) -> Iterator[tuple[Reader, Collection]]:
    """A data set's questions, and an index of its corpus that is deleted afterwards."""
    passages, collection = read_beir(folder)
    with trial.scratch() as place:
        with progress(len(passages), f"embedding ({pooling})") as step:
            reader = trial.index_passages(place, passages, encoder, recipe, pooling, step)
        with reader:
            wordless = len(passages) - len(reader.documents())
            if wordless:
                notice = f"documents without a word that the model knows, which cannot be found: {wordless}"
                collection = replace(collection, notices=(*collection.notices, notice))
            yield reader, collection


def of_index(reader: Reader, judged: Path | None, sample: int) -> Collection:
    """Questions about an index that is there: of a TSV, or its own headings."""
    return silver(reader, sample) if judged is None else read_tsv(judged, reader)
