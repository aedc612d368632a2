"""A test set from the user's own index, without a person's judgement: headings are queries for their own sections.

Where the index knows translations of a document, its headings are also queries for the aligned passages in the
other languages. Silver, not gold: it can tell one setting from another (dimension, pooling, mode) on these
documents. It cannot tell how good the results for people's queries are: a heading is part of the passage it
searches for, so the keyword leg finds it easily; its words are the author's; other sections that answer it as
well count as wrong; and the same model found which passages are translations.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jv3search.errors import InputError
from jv3search.evaluation.collection import Collection, Query
from jv3search.indexes import IndexReader
from jv3search.text.language import document_language
from jv3search.types import Hit, Section, Span

_LEAST_BODY = 120  # characters below a heading; a shorter section is little more than the heading itself
_LEAST_LETTERS = 4  # of a heading; "FAQ" asks for nothing
_MOST_WORDS = 20  # of a heading; longer ones are sentences set in bold


@dataclass(frozen=True, slots=True)
class HeadedSection:
    """A section that is worth asking for, its place in its document, and the chunks that stand for it.

    `title` is on one line, `heading` as it stands in the text; `starts` and `ids` are of the chunks.
    """

    name: str
    uri: str
    title: str
    heading: str
    language: str
    span: Span
    starts: tuple[int, ...]
    ids: tuple[int, ...]


def silver(reader: IndexReader, sample: int) -> Collection:
    """At most `sample` headings (0: all), evenly spread; InputError if the index has none to ask."""
    once = headed_sections(reader)
    chosen = [once[i * len(once) // sample] for i in range(sample)] if 0 < sample < len(once) else once
    targets = _Targets(reader, chosen)
    queries = tuple(Query(of.name, of.title, of.language, targets.of(of)) for of in chosen)
    notice = (
        f"silver: {len(queries)} of {len(once)} headings are queries for their own sections, "
        f"{sum(len(query.relevant) > 1 for query in queries)} of them also for translations"
    )
    return Collection("silver", queries, targets.languages, targets.target, notices=(notice,))


def headed_sections(reader: IndexReader) -> list[HeadedSection]:
    """The sections whose headings can be asked for; InputError if the index has none.

    A heading that several sections share is left out: it cannot say which one it means.
    """
    headed = [section for row in reader.documents() for section in _headed(reader, row.uri)]
    titles = Counter(section.title.casefold() for section in headed)
    once = [section for section in headed if titles[section.title.casefold()] == 1]
    if not once:
        raise InputError(
            "no silver set can be made from this index: no section has its own heading and at least "
            f"{_LEAST_BODY} characters below it (plain text files have no headings)"
        )
    return once


class _Targets:
    """Where the targets are: a section in the chunks that stand for it, its translation in those beside it."""

    def __init__(self, reader: IndexReader, sections: Sequence[HeadedSection]) -> None:
        self.languages = {section.name: section.language for section in sections}
        self._names: dict[tuple[str, int], list[str]] = defaultdict(list)
        self._targets: dict[str, set[str]] = defaultdict(set)
        translations = reader.translations([key for section in sections for key in section.ids])
        for section in sections:
            for start in section.starts:
                self._add(section.name, section.name, section.language, section.uri, start)
            for hit in (hit for key in section.ids for hit in translations.get(key, ())):
                name = f"{section.name} in {hit.language}"
                self._add(section.name, name, hit.language, hit.uri, hit.span.start)

    def _add(self, section: str, name: str, language: str, uri: str, start: int) -> None:
        self.languages[name] = language
        self._targets[section].add(name)
        self._names[uri, start].append(name)

    def of(self, section: HeadedSection) -> dict[str, int]:
        """A section and its translations, all equally right."""
        return dict.fromkeys(sorted(self._targets[section.name]), 1)

    def target(self, query: Query, hit: Hit) -> str:
        """The target of the query that a hit stands for, else a name of its own."""
        names = self._names.get((hit.uri, hit.span.start), [])
        return next((name for name in names if name in query.relevant), f"{hit.uri} {hit.span.start}")


def _headed(reader: IndexReader, uri: str) -> Iterator[HeadedSection]:
    chunks = list(zip(reader.chunk_ids(uri), reader.chunks(uri), strict=True))
    for number, section in enumerate(reader.document(uri).sections):
        title = " ".join(section.title.split())
        standing = [(key, chunk) for key, chunk in chunks if stands_for(chunk.span, section)]
        if standing and _asks(title) and len(section.span) - len(title) >= _LEAST_BODY:
            language = document_language([c.language for _, c in standing], [len(c.span) for _, c in standing])
            starts, ids = tuple(c.span.start for _, c in standing), tuple(key for key, _ in standing)
            yield HeadedSection(
                f"{uri} § {number}", uri, title, section.title, language, section.span, starts, ids
            )


def stands_for(chunk: Span, section: Section) -> bool:
    """Whether a chunk holds at least half of a section, or lies in it with at least half of itself."""
    return 2 * chunk.overlap(section.span) >= min(len(chunk), len(section.span)) > 0


def _asks(title: str) -> bool:
    """Whether a heading says enough to be looked for."""
    letters = sum(character.isalpha() for character in title)
    return letters >= _LEAST_LETTERS and len(title.split()) <= _MOST_WORDS
