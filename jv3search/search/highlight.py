"""Why a passage was found: the sentence in it that matches the question best, by late interaction.

Every token of the question is compared with every token of a sentence in its context and counts with the
best of them (MaxSim: Khattab & Zaharia 2020, arXiv 2004.12832). The model was not trained for that: states
of one passage are much alike, and particles find their like everywhere. So both sides are seen from the
passage's mean state, and a token of the question weighs as much as it differs from that mean. Right sentence
of 91 questions with a known answer in passages of 256 tokens: 0.69, plain MaxSim 0.58, the cosine of mean
states 0.51, chance 0.20 (`python -m benchmarks.explain`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.port import Encoder, TokenStates
from jv3search.text.sentences import sentences
from jv3search.types import Hit, Span, unit_rows


def highlighted_hits(hits: Sequence[Hit], question: str, encoder: Encoder) -> list[Hit]:
    """The hits with `sentence` set, in characters of their documents; one forward pass for a page of hits.

    A hit stays without a sentence only if its text or the question has no word at all.
    """
    (query,) = encoder.encode_tokens([question], "retrieval.query")
    passages = encoder.encode_tokens([hit.text for hit in hits], "retrieval.passage")
    return [
        replace(hit, sentence=_placed(best_sentence(query, passage, sentences(hit.text)), hit.span.start))
        for hit, passage in zip(hits, passages, strict=True)
    ]


def best_sentence(query: TokenStates, passage: TokenStates, parts: Sequence[Span]) -> Span | None:
    """The sentence of a passage that answers best to the question's tokens, the first of equals."""
    return next(iter(best_sentences(query, passage, parts, 1)), None)


def best_sentences(query: TokenStates, passage: TokenStates, parts: Sequence[Span], count: int) -> list[Span]:
    """At most `count` sentences of a passage, that first which answers best to the question's tokens.

    Tokens between the sentences, of headings that were taken out say, count for none.
    """
    if not (parts and len(query.states) and len(passage.states)):
        return []
    mean = passage.states.mean(axis=0)
    similarity = (query.states - mean) @ unit_rows(passage.states - mean).T  # (query's, passage's tokens)
    inside, owners = _owners(passage, parts)
    owned, firsts = np.unique(owners, return_index=True)
    if not len(owned):
        return []
    scores = np.maximum.reduceat(similarity[:, inside], firsts, axis=1).sum(axis=0)
    return [parts[int(at)] for at in owned[np.argsort(-scores, kind="stable")[:count]]]


def _owners(passage: TokenStates, parts: Sequence[Span]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The tokens that lie in a sentence, and the sentence of each."""
    bounds = np.array([(part.start, part.end) for part in parts])
    owners = np.searchsorted(bounds[:, 1], passage.offsets[:, 0], side="right")
    starts = np.append(bounds[:, 0], np.iinfo(np.int64).max)  # behind the last one nothing starts
    inside = np.flatnonzero(passage.offsets[:, 1] > starts[owners])
    return inside, owners[inside]


def _placed(span: Span | None, start: int) -> Span | None:
    return None if span is None else Span(start + span.start, start + span.end)
