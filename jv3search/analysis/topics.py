"""Topics: documents about the same thing, whatever their language, with the words that say what it is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jv3search.analysis.clusters import Labels, clustered, document_rows, usual_count
from jv3search.analysis.documents import filtered_documents
from jv3search.analysis.telling_terms import telling_terms
from jv3search.errors import InputError
from jv3search.types import Embedding, Filter

if TYPE_CHECKING:
    from jv3search.indexes.rows import DocumentRow
    from jv3search.knowledge_base import KnowledgeBase

TERMS = 5  # of a topic in each language
_IN_A_NAME = 3
_READ = 20  # documents of each language whose words name a topic: those nearest its middle
_CHARACTERS = 10_000  # of each
_EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Topic:
    """Documents about the same thing, the most typical first, and the words that tell them from the others.

    `terms` has the words by language, that of most documents first.
    """

    documents: tuple[DocumentRow, ...]
    terms: Mapping[str, tuple[str, ...]]

    @property
    def languages(self) -> dict[str, int]:
        """How many documents are in each language, most first, of equal ones that of the more typical document."""
        return dict(Counter(row.language for row in self.documents).most_common())

    def name(self, languages: Sequence[str] = ()) -> str:
        """A few words in the first of `languages` that has any, else in that of most documents.

        Where no word tells the topic from the others it is the title of its most typical document.
        """
        told = [self.terms[tag] for tag in (*languages, *self.terms) if self.terms.get(tag)]
        first = self.documents[0]
        return " · ".join(told[0][:_IN_A_NAME]) if told else first.title or Path(first.uri).name

    def as_json(self) -> dict[str, Any]:
        """The public form: plain values that `json.dumps` takes."""
        return {
            "name": self.name(),
            "languages": self.languages,
            "terms": {language: list(terms) for language, terms in self.terms.items()},
            "documents": [
                {"uri": row.uri, "title": row.title, "language": row.language} for row in self.documents
            ],
        }


@dataclass(frozen=True, slots=True)
class Clusters:
    """Documents by topic: unit rows (N, size), the topic of each (N,), the topics' unit means (topics, size)."""

    documents: tuple[DocumentRow, ...]
    rows: Embedding
    labels: Labels
    means: Embedding

    def members(self, topic: int) -> list[DocumentRow]:
        """The documents of a topic, the most typical first."""
        own = np.flatnonzero(self.labels == topic)
        typical = np.argsort(-(self.rows[own] @ self.means[topic]), kind="stable")
        return [self.documents[place] for place in own[typical].tolist()]


def topics(
    kb: KnowledgeBase,
    count: int | None = None,
    *,
    where: Filter = _EVERYTHING,
    on_document: Callable[[], None] = lambda: None,
) -> tuple[Topic, ...]:
    """The topics of the documents that `where` admits, the largest first; none where there is no document.

    `count` is how many to look for: unless it is given the root of the number of documents, 30 at most. The same
    index gives the same topics; no model is loaded. `on_document` is called after each document that is read for
    the words. InputError for a `count` below 1.
    """
    found = clusters(kb, count, where=where)
    return name_topics(kb, found, on_document)


def clusters(kb: KnowledgeBase, count: int | None = None, *, where: Filter = _EVERYTHING) -> Clusters:
    """The documents by topic, without words; those that an older version read without a vector are left out."""
    if count is not None and count < 1:
        raise InputError(f"{count} topics cannot be looked for; give a number of at least 1")
    uris, separation = kb.reader.document_vectors("separation")
    means, places = kb.reader.document_means(), {uri: place for place, uri in enumerate(uris)}
    documents = tuple(row for row in filtered_documents(kb, where) if row.uri in places and row.uri in means)
    if not documents:
        empty = np.empty((0, separation.shape[1]), np.float32)
        return Clusters((), empty, np.empty(0, np.intp), empty)
    rows = document_rows(
        separation[[places[row.uri] for row in documents]],
        np.stack([means[row.uri] for row in documents]),
        [row.language for row in documents],
    )
    return Clusters(documents, rows, *clustered(rows, count or usual_count(len(documents))))


def name_topics(
    kb: KnowledgeBase, found: Clusters, on_document: Callable[[], None] = lambda: None
) -> tuple[Topic, ...]:
    """The topics of some clusters, in their order, with the words that tell each from the others."""
    named = [Topic(tuple(found.members(number)), {}) for number in range(len(found.means))]
    texts: dict[str, dict[int, list[str]]] = defaultdict(dict)
    for number, topic in enumerate(named):
        for language in topic.languages:
            own = [row for row in topic.documents if row.language == language][:_READ]
            texts[language][number] = [_text(kb, row.uri, on_document) for row in own]
    terms = {language: telling_terms(of_each, language, TERMS) for language, of_each in texts.items()}
    return tuple(
        replace(topic, terms={language: terms[language][number] for language in topic.languages})
        for number, topic in enumerate(named)
    )


def _text(kb: KnowledgeBase, uri: str, on_document: Callable[[], None]) -> str:
    on_document()
    return kb.document(uri).text[:_CHARACTERS]
