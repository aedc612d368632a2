"""Links between translations: found, kept with the documents, and gone with them, in SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jv3search.indexes import IndexReader
from jv3search.translations.linking import link_translations
from jv3search.types import EmbeddedDocument, Filter
from tests.legs import closest, dense

from .conftest import Place
from .corpus import FULL, document, done

CHUNKS = 8


def written(uri: str, language: str, seed: int, *, noise: float = 0.02, numbers: str = "") -> EmbeddedDocument:
    """A document whose chunks and vector lie near those of every other one with the same seed."""
    made = document(uri, CHUNKS, seed=seed)
    rows = np.random.default_rng(100 + seed).normal(size=(CHUNKS, FULL))
    other = np.random.default_rng([seed, *uri.encode()])
    rows = rows + noise * other.normal(size=rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    whole = np.random.default_rng(200 + seed).normal(size=FULL) + noise * other.normal(size=FULL)
    whole = (whole / np.linalg.norm(whole)).astype(np.float32)
    chunks = tuple(replace(chunk, language=language) for chunk in made.chunks)
    read = replace(made.document, text=made.document.text[: -len(numbers)] + numbers) if numbers else made.document
    return EmbeddedDocument(
        made.source,
        read,
        language,
        chunks,
        rows.astype(np.float32),
        {"retrieval.passage": whole, "separation": -whole},
    )


def stored(place: Place, *documents: EmbeddedDocument, link: bool = True) -> None:
    with place.writer() as writer:
        for embedded in documents:
            writer.replace(embedded, done(embedded))
        if link:
            link_translations(writer)


def links(reader: IndexReader) -> dict[str, list[str]]:
    of_each = {row.uri: reader.translations_of(row.uri) for row in reader.documents()}
    assert reader.every_translation() == {uri: others for uri, others in of_each.items() if others}
    return {uri: [other for other, _, _ in others] for uri, others in of_each.items()}


DE, JA, RU = (
    written("/a/handbuch.pdf", "de", 1),
    written("/b/手引き.pdf", "ja", 1),
    written("/c/книга.txt", "ru", 2),
)


def test_translations_are_linked_both_ways_and_chunk_by_chunk(place):
    stored(place, DE, JA, RU)
    with place.reader() as reader:
        assert links(reader) == {
            "/a/handbuch.pdf": ["/b/手引き.pdf"],
            "/b/手引き.pdf": ["/a/handbuch.pdf"],
            "/c/книга.txt": [],
        }
        german, japanese = sorted(dense(reader, DE.embeddings[3], 2), key=lambda hit: -hit.score)
        assert (german.uri, japanese.uri) == ("/a/handbuch.pdf", "/b/手引き.pdf")
        (other,) = reader.translations([german.chunk_id])[german.chunk_id]
        assert (other.chunk_id, other.language, other.rank) == (japanese.chunk_id, "ja", 1)
        assert other.text == japanese.text
        assert abs(other.score - float(DE.embeddings[3] @ JA.embeddings[3])) < 1e-3
        (back,) = reader.translations([japanese.chunk_id])[japanese.chunk_id]
        assert back.chunk_id == german.chunk_id
        [(_, language, score)] = reader.translations_of("/a/handbuch.pdf")
        assert language == "ja"
        assert score > 0.95


def test_a_filter_admits_translations_too(place):
    stored(place, DE, JA)
    with place.reader() as reader:
        found = closest(reader, DE.embeddings[0]).chunk_id
        assert reader.translations([found], Filter(languages=frozenset({"ja"}))) != {}
        assert reader.translations([found], Filter(under=frozenset({"/b"}))) != {}
        assert reader.translations([found], Filter(under=frozenset({"/a"}))) == {}
        assert reader.translations([10**9]) == {}
        assert reader.translations([]) == {}


def test_a_document_that_leaves_takes_its_links_with_it(place):
    stored(place, DE, JA)
    with place.writer() as writer:
        assert writer.remove("/b/手引き.pdf")
    with place.reader() as reader:
        assert links(reader) == {"/a/handbuch.pdf": []}
        assert reader.document_vectors("retrieval.passage")[0] == ["/a/handbuch.pdf"]


def test_a_replaced_document_is_linked_anew_and_a_moved_one_stays_linked(place):
    stored(place, DE, JA)
    stored(place, written("/b/手引き.pdf", "ja", 5))
    with place.reader() as reader:
        assert links(reader) == {"/a/handbuch.pdf": [], "/b/手引き.pdf": []}
    stored(place, JA)
    with place.writer() as writer:
        moved = replace(JA, source=replace(JA.source, uri="/neu.pdf"))
        writer.move("/b/手引き.pdf", "/neu.pdf", done(moved))
    with place.reader() as reader:
        assert links(reader) == {"/a/handbuch.pdf": ["/neu.pdf"], "/neu.pdf": ["/a/handbuch.pdf"]}


def test_what_was_cut_off_before_the_links_is_linked_the_next_time(place):
    stored(place, DE, JA, link=False)
    with place.reader() as reader:
        assert links(reader) == {"/a/handbuch.pdf": [], "/b/手引き.pdf": []}
    stored(place)
    with place.reader() as reader:
        assert links(reader)["/a/handbuch.pdf"] == ["/b/手引き.pdf"]


def test_one_language_other_numbers_other_lengths_and_unknown_languages_are_not_linked(local):
    twin = written("/d/kopie.pdf", "de", 1)
    unknown = written("/e/unbekannt", "und", 1)
    short = written("/f/kurz.pdf", "fr", 1)
    short = replace(short, chunks=short.chunks[:4], embeddings=short.embeddings[:4])
    bill = written("/g/rechnung.pdf", "it", 1, numbers=" 4711 815 99 47")
    stored(local, DE, twin, unknown, short, bill)
    with local.reader() as reader:
        assert set(map(tuple, links(reader).values())) == {()}


def test_of_short_texts_on_one_theme_only_the_nearest_is_linked_whatever_came_first(local):
    def cut(embedded: EmbeddedDocument, towards: EmbeddedDocument, share: float) -> EmbeddedDocument:
        vector = embedded.vectors["retrieval.passage"] * (1 - share) + towards.vectors["retrieval.passage"] * share
        rows = embedded.embeddings[:2] * (1 - share) + towards.embeddings[:2] * share
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        unit = vector / np.linalg.norm(vector)
        return replace(embedded, chunks=embedded.chunks[:2], embeddings=rows, vectors={"retrieval.passage": unit})

    german = cut(DE, DE, 0)
    similar = cut(written("/h/似た.txt", "ja", 7), DE, 0.6)
    japanese = cut(JA, JA, 0)
    stored(local, german, similar)
    with local.reader() as reader:  # nothing else is known yet, and it is near
        assert links(reader)["/a/handbuch.pdf"] == ["/h/似た.txt"]
    stored(local, japanese)
    with local.reader() as reader:
        assert links(reader) == {
            "/a/handbuch.pdf": ["/b/手引き.pdf"],
            "/b/手引き.pdf": ["/a/handbuch.pdf"],
            "/h/似た.txt": [],
        }


def test_vectors_of_documents_come_by_task_as_unit_rows(place):
    stored(place, JA, DE, document("/ohne.txt", seed=4))
    with place.reader() as reader:
        uris, rows = reader.document_vectors("separation")
        assert uris == ["/a/handbuch.pdf", "/b/手引き.pdf"]
        np.testing.assert_allclose(rows, [DE.vectors["separation"], JA.vectors["separation"]], atol=1e-3)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
        uris, rows = reader.document_vectors("classification")
        assert (uris, rows.shape) == ([], (0, FULL))
