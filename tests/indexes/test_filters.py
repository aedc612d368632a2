"""Filters act inside the search: what they admit is found, all of it and nothing else."""

from __future__ import annotations

from datetime import timedelta

from jv3search.types import Filter
from tests.legs import dense

from .conftest import Place, filled
from .corpus import BORN, Oracle, check_dense, document, done, rows

QUERIES = rows(12, seed=99)

FILTERS = (
    Filter(languages=frozenset({"ar"})),
    Filter(languages=frozenset({"de", "zh"})),
    Filter(formats=frozenset({"html"})),
    Filter(under=frozenset({"/büro/1"})),
    Filter(under=frozenset({"/büro/1/", "/büro/2/datei 2.pdf"})),
    Filter(under=frozenset({"/"})),
    Filter(since=BORN + timedelta(days=6)),
    Filter(languages=frozenset({"ru"}), formats=frozenset({"pdf", "txt"}), under=frozenset({"/büro"})),
    Filter(languages=frozenset({"hi"}), since=BORN + timedelta(days=3)),
    Filter(languages=frozenset({"fr"})),
    Filter(under=frozenset({"/büro/1/datei"})),
)


def test_filters(searched: Place) -> None:
    oracle = Oracle()
    filled(searched, oracle)
    with searched.reader() as reader:
        for where in FILTERS:
            for query in QUERIES[:4]:
                for k in (3, 500):
                    check_dense(reader, oracle, query, k, where)


def test_a_date_without_a_zone_is_utc(local: Place) -> None:
    oracle = Oracle()
    filled(local, oracle)
    since = BORN + timedelta(days=6)
    with local.reader() as reader:
        check_dense(reader, oracle, QUERIES[0], 500, Filter(since=since))
        expected = dense(reader, QUERIES[0], 500, Filter(since=since))
        assert dense(reader, QUERIES[0], 500, Filter(since=since.replace(tzinfo=None))) == expected


def test_folder_is_matched_as_a_name_not_as_a_pattern(searched: Place) -> None:
    """LIKE would take _ and % as wildcards and, in SQLite, /A/ as /a/; a prefix would find /a/bc under /a/b."""
    uris = ("/a/b/x", "/a/bc/x", "/a/B/x", "/a/%/x", "/a/_/x", "/a/b")
    with searched.writer() as writer:
        for seed, uri in enumerate(uris):
            embedded = document(uri, 2, seed=seed)
            writer.replace(embedded, done(embedded))
    with searched.reader() as reader:
        for folder, inside in (
            ("/a/b", {"/a/b/x", "/a/b"}),
            ("/a/%", {"/a/%/x"}),
            ("/a/_", {"/a/_/x"}),
            ("/a/B", {"/a/B/x"}),
            ("/a", set(uris)),
        ):
            hits = dense(reader, QUERIES[0], 50, Filter(under=frozenset({folder})))
            assert {hit.uri for hit in hits} == inside
