"""The whole search: how many hits there are, in every mode, with filters, copies and languages."""

import shutil

import pytest

from jv3search import knowledge_base
from jv3search.encoders.jina_v3.openvino_engine import has_bf16
from jv3search.errors import InputError
from jv3search.search.dense import dense_scores
from jv3search.search.retrieval import SearchOptions, retrieve, typed_request
from jv3search.types import Filter
from tests.conftest import TEXTS, write_corpus

EVERYTHING = Filter()


@pytest.fixture(scope="module")
def opened(shared_index):
    with knowledge_base.open(shared_index) as kb:
        yield kb


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
        found = opened.search("安全なパスワード backup", where=where, k=k, mode=mode).hits
        assert [hit.rank for hit in found] == list(range(1, min(k, admitted) + 1)), (where, len(found))


def test_copies_do_not_take_places(jv3, tmp_path):
    documents = write_corpus(tmp_path / "documents")
    for folder in ("second", "third"):
        shutil.copytree(documents, documents / folder, ignore=shutil.ignore_patterns("second", "third"))
    outcome = jv3("ingest", documents, "--index", tmp_path / "kb", "--model", "jv3-mini")
    assert outcome.status == 0, outcome.err
    with knowledge_base.open(tmp_path / "kb") as kb:
        found = kb.search("wireless network password", k=6).hits
        assert len(found) == 6
        places = {hit.uri.rsplit("/", 1)[-1]: {copy.uri for copy in hit.copies} for hit in found}
        assert len(places) == 6  # six different documents
        assert all(len(copies) == 2 for copies in places.values()), places
        apart = kb.search("wireless network password", k=6, group=False).hits
        assert len({hit.uri.rsplit("/", 1)[-1] for hit in apart}) == 2  # three places each


@pytest.mark.skipif(not has_bf16(), reason="this CPU has no instructions for bf16")
def test_what_a_cpu_computes_in_changes_no_order(opened, tmp_path):
    documents = write_corpus(tmp_path / "documents")
    with knowledge_base.open(tmp_path / "kb", create=True, model="jv3-mini", precision="bf16") as short:
        short.ingest(documents)
        for question in (
            "restore deleted files",
            "星空の観察",
            "пароль сети",
            "कल का मौसम",
            "كيف أنزل خريطة؟",
            "ติดตั้งแบบอักษร",
        ):
            found, expected = short.search(question, k=8).hits, opened.search(question, k=8).hits
            assert [hit.text for hit in found] == [hit.text for hit in expected]
            assert [hit.score for hit in found] == pytest.approx([hit.score for hit in expected], abs=2e-3)
            assert [hit.score for hit in found] != [hit.score for hit in expected]  # it is another precision


def test_a_keyword_search_needs_no_encoder(opened):
    (hit,) = opened.search("Маршрутизатор", mode="keyword").hits
    assert hit.uri.endswith("сеть.ru.txt")
    assert hit.score == hit.legs[0].score > 0
    with pytest.raises(InputError, match="only a keyword search"):
        retrieve(opened.reader, None, typed_request(opened.reader, "router", EVERYTHING), SearchOptions())


def test_a_hit_found_by_words_alone_has_its_cosine(opened):
    vector = opened.encoder.encode_query("आकाश")
    found = opened.search("आकाश", k=8).hits
    with opened.reader.snapshot() as index:
        compared = dense_scores(index, [hit.chunk_id for hit in found], vector)
        assert dense_scores(index, [10**9], vector) == {}
    assert {hit.chunk_id: pytest.approx(hit.score, abs=1e-5) for hit in found} == {
        key: leg.score for key, leg in compared.items()
    }
    assert {hit.chunk_id: pytest.approx(hit.legs[0].z, abs=1e-4) for hit in found} == {
        key: leg.z for key, leg in compared.items()
    }


def test_options_that_are_refused():
    with pytest.raises(InputError, match="k is 0"):
        SearchOptions(k=0)
    with pytest.raises(InputError, match="there is no mode 'sparse'; choose one of hybrid, dense, keyword"):
        SearchOptions(mode="sparse")
