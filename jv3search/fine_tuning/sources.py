"""Where pairs come from: a file or a folder, with hard negatives from an index, or an index's own documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from jv3search.config import Settings
from jv3search.errors import InputError
from jv3search.evaluation.cached_encoder import CachedEncoder
from jv3search.evaluation.evaluate import Progress
from jv3search.evaluation.silver import HeadedSection, headed_sections
from jv3search.fine_tuning.pairs import Pairs, Text, grouped, made_of, read_pairs
from jv3search.indexes import IndexReader
from jv3search.knowledge_base import KnowledgeBase
from jv3search.location import IndexLocation
from jv3search.search.retrieval import SearchOptions, plain_request, retrieve
from jv3search.types import Filter, Hit, Span

_HITS = 10  # of the index, a query
_SHINGLE = 8  # characters
_PREFIX = 8  # characters before a heading in its section, such as "## "


def pairs_from(
    path: Path | None, index: Path | IndexLocation | None, settings: Settings, task: str, progress: Progress
) -> Pairs:
    """The pairs of a file, with passages of `index` as negatives if it is named; without a file the index's own.

    InputError for what does not fit, IndexNotFound and IndexMismatch for an index that is not there or was made by
    another model: only the model's own mistakes are hard negatives.
    """
    if path is None:
        with KnowledgeBase(settings) as kb:
            return _silver(kb.reader, task)
    pairs = read_pairs(path, task)
    if index is None:
        return pairs
    if task != "retrieval":
        raise InputError(f"--index goes with the task retrieval: {task} takes its negatives from {path} itself")
    with KnowledgeBase(settings) as kb:
        return _with_neighbours(pairs, kb, progress)


def _with_neighbours(pairs: Pairs, kb: KnowledgeBase, progress: Progress) -> Pairs:
    """The same pairs among the passages of the index that the model finds for their queries."""
    encoder = CachedEncoder(kb.encoder)
    encoder.remember(query.text for query in pairs.queries)
    known, options = {_words(of.text) for of in pairs.passages}, SearchOptions(_HITS, "dense")
    found: dict[str, Text] = {}
    right_too: set[str] = set()  # the right passages themselves, their copies and translations
    with progress(len(pairs), "searching for hard negatives") as step:
        for query, places in zip(pairs.queries, pairs.relevant, strict=True):
            right = [_shingles(pairs.passages[place].text) for place in places]
            for hit in retrieve(kb.reader, encoder, plain_request(query.text, Filter()), options).hits:
                if _is_one_of(hit, right):
                    right_too.update(_words(version.text) for version in _versions(hit))
                found[_words(hit.text)] = Text(hit.text, hit.language)
            step()
    known |= right_too
    others = [text for words, text in found.items() if words not in known]
    return replace(pairs, passages=(*pairs.passages, *others))


def _words(text: str) -> str:
    return " ".join(text.split())


def _versions(hit: Hit) -> tuple[Hit, ...]:
    return (hit, *hit.copies, *hit.translations)


def _is_one_of(hit: Hit, passages: Sequence[set[str]]) -> bool:
    """Whether a hit, or a copy or translation of it, shares half of its text with one of some passages."""
    versions = [_shingles(version.text) for version in _versions(hit)]
    return any(2 * len(own & other) >= min(len(own), len(other)) for own in versions for other in passages)


def _shingles(text: str) -> set[str]:
    """All runs of eight characters, blanks counted once."""
    words = _words(text)
    return {words[at : at + _SHINGLE] for at in range(max(1, len(words) - _SHINGLE + 1))}


def _silver(reader: IndexReader, task: str) -> Pairs:
    """Pairs of an index's own documents, which no person made."""
    if task == "classification":
        raise InputError(
            "an index tells no labels, which classification learns from: give a .tsv file of text, tab, label"
        )
    name = f"silver of {reader.status().documents} documents"
    if task == "separation":
        return _by_document(name, reader)
    if task == "text-matching":
        return made_of(name, _translated_chunks(reader))
    return made_of(name, _headings(reader))


def _by_document(name: str, reader: IndexReader) -> Pairs:
    """The chunks of each document belong together."""
    labels = {}
    for row in reader.documents():
        text = reader.text(row.uri)
        labels.update({Text(chunk.span.of(text), chunk.language): row.uri for chunk in reader.chunks(row.uri)})
    return grouped(name, labels)


def _translated_chunks(reader: IndexReader) -> Iterator[tuple[Text, Text]]:
    """Each chunk with its translations, once."""
    for row in reader.documents():
        text, chunks, ids = reader.text(row.uri), reader.chunks(row.uri), reader.chunk_ids(row.uri)
        found = reader.translations(ids)
        for key, chunk in zip(ids, chunks, strict=True):
            for hit in found.get(key, ()):
                if hit.chunk_id > key:
                    yield Text(chunk.span.of(text), chunk.language), Text(hit.text, hit.language)


def _headings(reader: IndexReader) -> Iterator[tuple[Text, Text]]:
    """Each heading with what stands below it, and with what stands below its translations."""
    sections = headed_sections(reader)
    body = _Bodies(reader)
    standing: dict[tuple[str, int], list[HeadedSection]] = defaultdict(list)
    for section in sections:
        for start in section.starts:
            standing[section.uri, start].append(section)
    for section in sections:
        query = Text(section.title, section.language)
        yield query, body.of(section)
        for other in _translations(section, reader, lambda uri, start: standing.get((uri, start), [])):
            yield query, body.of(other)


def _translations(
    section: HeadedSection, reader: IndexReader, standing: Callable[[str, int], list[HeadedSection]]
) -> Iterator[HeadedSection]:
    """Sections in other languages beside one, where a chunk stands for a single section on either side."""
    found = reader.translations(section.ids)
    for key, start in zip(section.ids, section.starts, strict=True):
        if len(standing(section.uri, start)) == 1:
            for hit in found.get(key, ()):
                others = standing(hit.uri, hit.span.start)
                if len(others) == 1 and others[0] is not section:
                    yield others[0]


class _Bodies:
    """What stands below headings: a heading that is part of its passage could be found by its words alone."""

    def __init__(self, reader: IndexReader) -> None:
        self._reader = reader
        self._texts: dict[str, str] = {}

    def of(self, section: HeadedSection) -> Text:
        """A section without its heading."""
        if section.uri not in self._texts:
            self._texts[section.uri] = self._reader.text(section.uri)
        text = section.span.of(self._texts[section.uri])
        at = text.find(section.heading)
        own = Span(at + len(section.heading) if 0 <= at <= _PREFIX else 0, len(text))
        return Text(own.of(text).strip(), section.language)
