"""The whole search: how many hits there are, in every mode, with filters, copies and languages."""

import shutil

import pytest

from jv3search import wiring
from jv3search.errors import InputError
from jv3search.search.answer import Wishes
from jv3search.types import Filter
from tests.conftest import TEXTS, write_corpus

EVERYTHING = Filter()


@pytest.fixture(scope="module")
def opened(shared_index):
    reader, encoder = wiring.open_for_search(wiring.settings_for({"index": shared_index}))
    with reader:
        yield reader, encoder


@pytest.mark.parametrize("mode", ["hybrid", "dense"])
@pytest.mark.parametrize("k", [1, 3, len(TEXTS), 50])
def test_there_are_as_many_hits_as_were_asked_for(opened, mode, k):
    for where, admitted in (
        (EVERYTHING, len(TEXTS)),
        (Filter(languages=frozenset({"ja", "th", "en"})), 3),
        (Filter(formats=frozenset({"md"})), 1),
        (Filter(phrases=("パスワード",)), 1),
        (Filter(without=("パスワード", "backup")), len(TEXTS) - 2),
    ):
        found = wiring.search(*opened, "安全なパスワード backup", where=where, k=k, mode=mode).hits
        assert [hit.rank for hit in found] == list(range(1, min(k, admitted) + 1)), (where, len(found))


def test_copies_do_not_take_places(jv3, tmp_path):
    documents = write_corpus(tmp_path / "documents")
    for folder in ("second", "third"):
        shutil.copytree(documents, documents / folder, ignore=shutil.ignore_patterns("second", "third"))
    outcome = jv3("ingest", documents, "--index", tmp_path / "kb", "--model", "jv3-mini")
    assert outcome.status == 0, outcome.err
    reader, encoder = wiring.open_for_search(wiring.settings_for({"index": tmp_path / "kb"}))
    with reader:
        found = wiring.search(reader, encoder, "wireless network password", where=EVERYTHING, k=6).hits
        assert len(found) == 6
        places = {hit.uri.rsplit("/", 1)[-1]: {copy.uri for copy in hit.copies} for hit in found}
        assert len(places) == 6  # six different documents
        assert all(len(copies) == 2 for copies in places.values()), places
        apart = wiring.search(
            reader, encoder, "wireless network password", where=EVERYTHING, k=6, group=False
        ).hits
        assert len({hit.uri.rsplit("/", 1)[-1] for hit in apart}) == 2  # three places each


def test_a_keyword_search_needs_no_encoder(opened):
    reader, _ = opened
    (hit,) = wiring.search(reader, None, "Маршрутизатор", where=EVERYTHING, mode="keyword").hits
    assert hit.uri.endswith("сеть.ru.txt")
    assert hit.score == hit.votes[0].score > 0
    with pytest.raises(InputError, match="only a keyword search"):
        wiring.search(reader, None, "router", where=EVERYTHING)


def test_a_hit_found_by_words_alone_has_its_cosine(opened):
    reader, encoder = opened
    vector = encoder.encode_query("आकाश")
    found = wiring.search(reader, encoder, "आकाश", where=EVERYTHING, k=8).hits
    cosines = reader.cosines([hit.chunk_id for hit in found], vector)
    assert {hit.chunk_id: pytest.approx(hit.score, abs=1e-5) for hit in found} == cosines
    assert reader.cosines([10**9], vector) == {}


def test_wishes_that_cannot_be_fulfilled():
    with pytest.raises(InputError, match="k is 0"):
        Wishes(k=0)
    with pytest.raises(InputError, match="there is no mode 'sparse'; choose one of hybrid, dense, keyword"):
        Wishes(mode="sparse")
