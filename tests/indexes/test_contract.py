"""What an index promises, wherever it lives and however it is searched, compared with a slow search."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from jv3search.errors import InputError
from jv3search.types import Filter
from tests.legs import closest, dense

from .conftest import Place, filled
from .corpus import BORN, EVERYTHING, FULL, Oracle, check_dense, document, done, failed, rows

QUERIES = rows(12, seed=99)


def compare(place: Place, oracle: Oracle, where: Filter = EVERYTHING) -> None:
    with place.reader() as reader:
        for query in QUERIES:
            check_dense(reader, oracle, query, 7, where)


def test_finds_what_a_slow_search_finds(searched: Place) -> None:
    oracle = Oracle()
    filled(searched, oracle)
    compare(searched, oracle)


def test_hit_tells_where_it_is_from(place: Place) -> None:
    embedded = document("/büro/Ägypten.pdf", 4, seed=3)
    with place.writer() as writer:
        writer.replace(embedded, done(embedded))
    with place.reader() as reader:
        hit = closest(reader, embedded.embeddings[3])
    chunk = embedded.chunks[3]
    assert (hit.uri, hit.title, hit.format) == ("/büro/Ägypten.pdf", "Titel 3 題", "pdf")
    assert (hit.page, hit.section, hit.language) == (2, "§ 3", "und")
    assert hit.span == chunk.span
    assert hit.text == chunk.span.of(embedded.document.text) == "0.3 🚲👩‍👩‍👧 → 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 "
    assert hit.score == pytest.approx(1.0, abs=1e-6)
    assert 1 <= hit.rank <= 4
    assert hit.chunk_id > 0


def test_a_document_comes_back_as_it_was_read(place: Place) -> None:
    embedded = document("/a/सड़क.html", 6, seed=2)
    with place.writer() as writer:
        writer.replace(embedded, done(embedded))
        assert writer.documents() == {"/a/सड़क.html": embedded.source.digest}
        assert writer.known() == {"/a/सड़क.html": done(embedded)}
    with place.reader() as reader:
        assert reader.document("/a/सड़क.html") == embedded.document
        assert reader.text("/a/सड़क.html") == embedded.document.text
        assert tuple(reader.chunks("/a/सड़क.html")) == embedded.chunks
        [row] = reader.documents()
        assert (row.uri, row.digest, row.size) == ("/a/सड़क.html", embedded.source.digest, embedded.source.size)
        assert (row.modified, row.pages, row.chunks) == (BORN + timedelta(days=2), 1, 6)
        assert reader.manifest.model == "jv3-test"
        with pytest.raises(InputError, match="/a/other is not in the index"):
            reader.text("/a/other")


def test_a_document_put_in_twice_is_there_once(searched: Place) -> None:
    """FAISS keeps both rows of an id that is added twice."""
    oracle = Oracle()
    embedded = document("/a/1", 30, seed=1)
    oracle.replace(embedded)
    for _ in range(2):
        with searched.writer() as writer:
            writer.replace(embedded, done(embedded))
            writer.replace(embedded, done(embedded))
    compare(searched, oracle)
    with searched.reader() as reader:
        assert reader.status().chunks == 30
        assert len(dense(reader, QUERIES[0], 1000)) == 30


def test_a_new_version_takes_the_place_of_the_old(searched: Place) -> None:
    oracle = Oracle()
    filled(searched, oracle)
    with searched.reader() as reader, searched.writer() as writer:
        before = {hit.chunk_id for hit in dense(reader, QUERIES[0], 1000)}
        for number in (2, 5, 11):
            embedded = document(f"/büro/{number % 3}/datei {number}.pdf", 4, seed=number, version=1)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
            for query in QUERIES:
                check_dense(reader, oracle, query, 7)
        after = {hit.chunk_id for hit in dense(reader, QUERIES[0], 1000)}
    assert len(after - before) == 12
    assert len(before - after) == 27
    assert min(after - before) > max(before)  # ids are never used again
    compare(searched, oracle)


def test_a_removed_document_is_gone_with_its_ledger_row(searched: Place) -> None:
    oracle = Oracle()
    filled(searched, oracle)
    with searched.writer() as writer:
        writer.record(failed("/büro/kaputt.pdf"))
        for number in (0, 7):
            uri = f"/büro/{number % 3}/datei {number}.pdf"
            assert writer.remove(uri) is True
            del oracle.documents[uri]
        assert writer.remove("/büro/kaputt.pdf") is True
        assert writer.remove("/büro/never seen") is False
        assert set(writer.known()) == set(oracle.documents)
    compare(searched, oracle)


def test_the_last_document_removed_leaves_an_empty_index(searched: Place) -> None:
    embedded = document("/a", 3)
    with searched.writer() as writer:
        writer.replace(embedded, done(embedded))
    with searched.reader() as reader, searched.writer() as writer:
        assert len(dense(reader, QUERIES[0], 5)) == 3
        writer.remove("/a")
        assert dense(reader, QUERIES[0], 5) == []
    with searched.reader() as reader:
        assert dense(reader, QUERIES[0], 5, Filter(languages=frozenset({"de"}))) == []


def test_an_empty_index_has_no_hits(searched: Place) -> None:
    with searched.writer():
        pass
    with searched.reader() as reader:
        assert dense(reader, QUERIES[0], 5) == []
        assert dense(reader, QUERIES[0], 5, Filter(formats=frozenset({"pdf"}))) == []
        assert reader.status().documents == 0


def test_a_document_without_chunks_is_kept(searched: Place) -> None:
    embedded = document("/a/leer.txt", 0)
    with searched.writer() as writer:
        writer.replace(embedded, done(embedded))
    with searched.reader() as reader:
        assert dense(reader, QUERIES[0], 5) == []
        assert [row.uri for row in reader.documents()] == ["/a/leer.txt"]


def test_a_moved_file_keeps_its_chunks(searched: Place) -> None:
    oracle = Oracle()
    filled(searched, oracle)
    old, new = "/büro/0/datei 3.pdf", "/archiv/文書.pdf"
    with searched.reader() as reader, searched.writer() as writer:
        before = [hit.chunk_id for hit in dense(reader, oracle.documents[old].embeddings[0], 5)]
        under = Filter(under=frozenset({"/archiv"}))
        assert dense(reader, QUERIES[0], 5, under) == []
        oracle.move(old, new)
        writer.move(old, new, done(oracle.documents[new]))
        after = [hit.chunk_id for hit in dense(reader, oracle.documents[new].embeddings[0], 5)]
        assert after == before
        assert {hit.uri for hit in dense(reader, QUERIES[0], 100, under)} == {new}
        assert old not in writer.known()
        assert writer.known()[new] == done(oracle.documents[new])
        with pytest.raises(InputError, match="not in the index"):
            writer.move(old, "/elsewhere", failed("/elsewhere"))
    compare(searched, oracle)


def test_a_file_moved_over_another_replaces_it(searched: Place) -> None:
    oracle = Oracle()
    filled(searched, oracle)
    old, new = "/büro/0/datei 3.pdf", "/büro/1/datei 4.pdf"
    oracle.move(old, new)
    with searched.writer() as writer:
        writer.move(old, new, done(oracle.documents[new]))
    compare(searched, oracle)


def test_texts_of_many_documents_and_chunks_come_with_their_ids(place: Place) -> None:
    oracle = Oracle()
    filled(place, oracle, count=40, size=3)
    with place.reader() as reader, reader.snapshot() as index:
        ids = [key for uri in sorted(oracle.documents) for key in reader.chunk_ids(uri)][::-1]
        hits = index.hits(ids, [0.5] * len(ids))
        texts = {uri: (reader.text(uri), reader.chunks(uri)) for uri in oracle.documents}
    assert [hit.chunk_id for hit in hits] == ids
    for hit in hits:
        text, chunks = texts[hit.uri]
        assert hit.text == hit.span.of(text) != ""
        assert hit.span in [chunk.span for chunk in chunks]


def test_uris_are_found_by_their_parts(place: Place) -> None:
    names = ["/a/Berichte/eins.txt", "/a/報告/二.txt", "/b/100%/drei.txt", "/b/100x/vier.txt"]
    with place.writer() as writer:
        for name in names:
            embedded = document(name, 1)
            writer.replace(embedded, done(embedded))
    with place.reader() as reader:
        assert sorted(reader.uris_with(["報告", "Berichte/eins"])) == names[:2]
        assert reader.uris_with(["100%"]) == ["/b/100%/drei.txt"]
        assert reader.uris_with([]) == []


def test_ledger_remembers_what_came_of_every_file(place: Place) -> None:
    embedded = document("/a/gut.txt", 2)
    rows = [
        failed("/a/kaputt.pdf"),
        replace(failed("/a/bild.png"), state="unsupported", reason="kein Leser für .png"),
        replace(failed("/a/leer.txt"), state="empty"),
    ]
    with place.writer() as writer:
        writer.replace(embedded, done(embedded))
        writer.record(*rows)
        writer.record(replace(done(embedded), state="unchanged"))
        assert writer.known()["/a/gut.txt"].state == "unchanged"
        assert writer.known()["/a/kaputt.pdf"] == rows[0]
    with place.reader() as reader:
        status = reader.status()
        assert status.failures == tuple(sorted(rows, key=lambda row: row.uri))
        assert [row.uri for row in reader.ledger()] == [
            "/a/bild.png",
            "/a/gut.txt",
            "/a/kaputt.pdf",
            "/a/leer.txt",
        ]
    assert status.last_ingest == BORN


def test_status_counts(place: Place) -> None:
    filled(place, Oracle(), count=4, size=7)
    with place.reader() as reader:
        status = reader.status()
    assert (status.documents, status.chunks) == (4, 28)
    assert status.languages == dict.fromkeys(("ar", "de", "en", "hi", "ru", "und", "zh"), 4)
    assert status.formats == {"pdf": 2, "html": 1, "txt": 1}
    assert (status.model, status.dimension, status.full_dimension) == ("jv3-test", FULL, FULL)
    assert (status.kind, status.generation, status.vectors) == (place.kind, 4, "up to date")
    assert status.size > 1000


def test_more_hits_asked_than_there_are_chunks(searched: Place) -> None:
    oracle = Oracle()
    filled(searched, oracle, count=2, size=5)
    with searched.reader() as reader:
        check_dense(reader, oracle, QUERIES[0], 5000)


def test_equal_scores_are_ordered_by_id(searched: Place) -> None:
    """Copies of one document have equal scores, whether they are in the base or came later."""
    original = document("/0", 3, seed=5)
    names = [f"/kopie {number}" for number in range(120)]
    with searched.writer() as writer:
        for name in names[:80]:
            copy = replace(original, source=replace(original.source, uri=name))
            writer.replace(copy, done(copy))
    with searched.reader() as reader, searched.writer() as writer:
        first = dense(reader, original.embeddings[1], 40)
        for name in names[80:]:
            copy = replace(original, source=replace(original.source, uri=name))
            writer.replace(copy, done(copy))
        again = dense(reader, original.embeddings[1], 40)
    assert [hit.uri for hit in first] == names[:40]
    assert [hit.chunk_id for hit in again] == [hit.chunk_id for hit in first]
    assert len({hit.score for hit in first}) == 1


def test_long_document_spans_several_blobs(searched: Place) -> None:
    oracle = Oracle()
    embedded = document("/lang.txt", 150, seed=4)
    oracle.replace(embedded)
    with searched.writer() as writer:
        writer.replace(embedded, done(embedded))
    compare(searched, oracle)
    with searched.reader() as reader:
        for position in (0, 63, 64, 127, 128, 149):
            hit = closest(reader, embedded.embeddings[position])
            assert hit.span == embedded.chunks[position].span


def test_search_dimension_can_be_changed_without_embedding_again(searched: Place) -> None:
    oracle = Oracle()
    filled(searched, oracle)
    with searched.reader() as reader:
        assert reader.dimension == FULL
        for dimension in (8, 1, 16):
            with searched.writer() as writer:
                writer.reindex(dimension=dimension)
            assert reader.dimension == dimension
            assert reader.status().dimension == dimension
            for query in QUERIES:  # 108 chunks are fewer than are scored again, so even 1 dimension loses none
                check_dense(reader, oracle, query, 7)


@pytest.mark.parametrize(
    ("query", "k", "message"),
    [
        (QUERIES[0], 0, "k is 0"),
        (QUERIES[0][:8], 5, r"\(8,\)"),
        (QUERIES, 5, r"\(12, 32\)"),
        (np.full(FULL, np.nan, np.float32), 5, "finite"),
    ],
)
def test_queries_that_cannot_be_answered(local: Place, query: np.ndarray, k: int, message: str) -> None:
    with local.writer():
        pass
    with local.reader() as reader, pytest.raises(InputError, match=message):
        dense(reader, query, k)


def test_documents_that_cannot_be_stored(local: Place) -> None:
    embedded = document("/a", 2)
    with local.writer() as writer:
        with pytest.raises(InputError, match="16 values"):
            writer.replace(replace(embedded, embeddings=embedded.embeddings[:, :16]), done(embedded))
        with pytest.raises(InputError, match="finite"):
            writer.replace(replace(embedded, embeddings=np.full((2, FULL), np.inf, np.float32)), done(embedded))
        with pytest.raises(InputError, match="Unicode"):
            writer.record(failed("/name in \udcff Latin-1"))
        with pytest.raises(ValueError, match="/b"):
            writer.replace(embedded, failed("/b"))
        assert writer.known() == {}
        assert writer.documents() == {}
