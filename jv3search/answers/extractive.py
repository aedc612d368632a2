"""Answers without a language model: the sentences of the best passages that match the question best.

Chosen on the choosing half of the everyday sets, docs/decisions/answers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace

import regex

from jv3search.answers.answer import AnswerSentence
from jv3search.encoders.port import Encoder, TokenStates
from jv3search.search.duplicates import NormalizedText, near_duplicate, normalized
from jv3search.search.highlight import best_sentences
from jv3search.search.relevance import nothing_relevant
from jv3search.search.retrieval import SearchResult
from jv3search.text.sentences import sentences
from jv3search.types import Document, Hit, Span

PASSAGES = 3
"""Passages that are quoted, at most. With one, 0.77 of the answers to questions in a document's language hold the
judged sentence, with two 0.85, with three 0.86, with five 0.87; across languages 0.12, 0.16, 0.19, 0.19."""

_SENTENCES = (
    3  # of a passage: with one 0.62 of the answers hold it, with two 0.74, with three 0.86, in six sentences
)

_LINE_END = regex.compile(r"\s*[\n\r]\s*")


def quoted(
    document: Callable[[str], Document], result: SearchResult, meaning: str, encoder: Encoder
) -> Iterator[AnswerSentence]:
    """The sentences that answer, in reading order; none where the search says that nothing is relevant.

    `document(uri)` is of the index that was searched, `meaning` what was embedded of the question. Passages that
    by themselves are not likely to answer are left out, and sentences that were quoted already.
    """
    hits = [hit for hit in result.hits[:PASSAGES] if not nothing_relevant([hit], result.mode)]
    (query,) = encoder.encode_tokens([meaning], "retrieval.query")
    passages = encoder.encode_tokens([hit.text for hit in hits], "retrieval.passage")
    known: list[NormalizedText] = []
    for hit, passage in _in_reading_order(hits, passages):
        quotable = _quotable(hit, _headings(document(hit.uri), hit))
        for span in sorted(best_sentences(query, passage, quotable, _SENTENCES)):
            words = normalized(span.of(hit.text))
            if any(near_duplicate(other, words) for other in known):
                continue
            known.append(words)
            yield _quotation(hit, span)


def _headings(document: Document, hit: Hit) -> list[str]:
    """The titles of a passage's document and of the sections in the passage."""
    return [hit.title, *(section.title for section in document.sections if section.span.overlap(hit.span) > 0)]


def _quotable(hit: Hit, headings: Sequence[str]) -> list[Span]:
    """The sentences of a passage without its headings, which say nothing; if it has nothing else, all of them."""
    titles = {normalized(heading).letters for heading in headings}
    every = sentences(hit.text)
    own = [_after_heading(hit.text, span, titles) for span in every]
    return [span for span in own if normalized(span.of(hit.text)).letters not in titles] or every


def _after_heading(text: str, sentence: Span, titles: Container[str]) -> Span:
    """A sentence without the heading on the lines before it, where no blank line parts the two."""
    for end in _LINE_END.finditer(text, sentence.start, sentence.end):
        if normalized(text[sentence.start : end.start()]).letters in titles:
            return Span(end.end(), sentence.end)
    return sentence


def _in_reading_order(hits: Sequence[Hit], passages: Sequence[TokenStates]) -> list[tuple[Hit, TokenStates]]:
    """The document of the best passage first, the passages of each as they stand in it, numbered from 1."""
    documents = list(dict.fromkeys(hit.uri for hit in hits))
    pairs = sorted(zip(hits, passages, strict=True), key=lambda pair: (documents.index(pair[0].uri), pair[0].span))
    return [(replace(hit, rank=number), states) for number, (hit, states) in enumerate(pairs, 1)]


def _quotation(hit: Hit, span: Span) -> AnswerSentence:
    place = Span(hit.span.start + span.start, hit.span.start + span.end)
    return AnswerSentence(" ".join(span.of(hit.text).split()), hit.language, (replace(hit, sentence=place),))
