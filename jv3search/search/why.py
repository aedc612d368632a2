"""Why a passage was found: the sentence in it that matches the question best, by late interaction.

Every token of the question is compared with every token of a sentence in its context and counts with the
best of them (MaxSim: Khattab & Zaharia 2020, arXiv 2004.12832). The model was not trained for that: states
of one passage are much alike, and particles find their like everywhere. So both sides are seen from the
passage's mean state, and a token of the question weighs as much as it differs from that mean. Right sentence
of 91 questions with a known answer in passages of 256 tokens: 0.69, plain MaxSim 0.58, the cosine of mean
states 0.51, chance 0.20 (`python -m benchmarks.explain`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.port import Encoder, TokenStates
from jv3search.types import Hit, Span

Split = Callable[[str], Sequence[Span]]
"""A text's sentences, in order."""

_TINY = 1e-9  # a token that is the mean itself has no direction


def with_sentences(hits: Sequence[Hit], question: str, encoder: Encoder, split: Split) -> list[Hit]:
    """The hits with `sentence` set, in characters of their documents; one forward pass for a page of hits.

    A hit stays without a sentence only if its text or the question has no word at all.
    """
    (asked,) = encoder.encode_tokens([question], "retrieval.query")
    passages = encoder.encode_tokens([hit.text for hit in hits], "retrieval.passage")
    return [
        replace(hit, sentence=_placed(best_sentence(asked, passage, split(hit.text)), hit.span.start))
        for hit, passage in zip(hits, passages, strict=True)
    ]


def best_sentence(asked: TokenStates, passage: TokenStates, sentences: Sequence[Span]) -> Span | None:
    """The sentence of a passage that answers best to the question's tokens, the first of equals."""
    if not (sentences and len(asked.states) and len(passage.states)):
        return None
    mean = passage.states.mean(axis=0)
    similarity = (asked.states - mean) @ _unit(passage.states - mean).T  # (question's tokens, passage's tokens)
    ends = [sentence.end for sentence in sentences]
    owners = np.searchsorted(ends, passage.offsets[:, 0], side="right")  # only blanks lie between sentences
    owned, firsts = np.unique(np.minimum(owners, len(sentences) - 1), return_index=True)
    scores = np.maximum.reduceat(similarity, firsts, axis=1).sum(axis=0)
    return sentences[int(owned[np.argmax(scores)])]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY)
    return unit


def _placed(span: Span | None, start: int) -> Span | None:
    return None if span is None else Span(start + span.start, start + span.end)
