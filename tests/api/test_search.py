"""POST /v1/search and /v1/documents: what the command line gives, by value, in several scripts."""

from pathlib import Path

import pytest

import jv3search
from jv3search.api.documents import DocumentsAnswer, TextAnswer
from jv3search.api.search import SearchAnswer
from jv3search.types import document_id
from tests.conftest import TEXTS

QUESTIONS = {
    "How do I restore deleted files from a backup?": "backup.en.md",
    "Der Drucker druckt nicht, ist die Tintenpatrone leer?": "drucker.de.txt",
    "Почему не работает беспроводная сеть?": "сеть.ru.txt",
    "安全なパスワードとは？": "パスワード.ja.txt",
    "如何安装新的字体": "字体.zh.txt",
    "كيف أنزل الخريطة دون اتصال بالإنترنت؟": "خريطة.ar.txt",
    "रात के आकाश में तारे": "तारे.hi.txt",
}


@pytest.fixture(scope="module")
def kb(shared_index):
    with jv3search.open(shared_index) as kb:
        yield kb


def ask(client, query, **fields):
    answer = client.post("/v1/search", json={"query": query} | fields)
    assert answer.status_code == 200, answer.text
    SearchAnswer.model_validate_json(answer.text)
    return answer.json()


def names(result):
    return [Path(hit["uri"]).name for hit in result["hits"]]


@pytest.mark.parametrize(("query", "document"), QUESTIONS.items())
def test_a_question_finds_its_document_as_the_library_does(client, kb, query, document):
    result = ask(client, query, k=3)
    assert names(result)[0] == document
    expected = kb.search(query, k=3).as_json()
    assert [(hit["id"], hit["span"], hit["text"]) for hit in result["hits"]] == [
        (hit["id"], hit["span"], hit["text"]) for hit in expected["hits"]
    ]
    assert result["hits"][0]["relevance"] == pytest.approx(expected["hits"][0]["relevance"], abs=1e-3)


@pytest.mark.parametrize(
    ("query", "fields", "found"),
    [
        ("network", {"languages": ["ru"]}, {"сеть.ru.txt"}),
        ("files lang:en", {"k": 1}, {"backup.en.md"}),
        ("files", {"formats": ["md"]}, {"backup.en.md"}),
        ("パスワード -同じ", {"mode": "keyword", "languages": ["ja"]}, set()),
        ("Drucker", {"mode": "keyword", "under": ["documents"]}, {"drucker.de.txt"}),
        ("Drucker", {"mode": "keyword", "until": "2001-01-01"}, set()),
        ("Drucker", {"mode": "dense", "languages": ["de"], "since": "2001-01-01"}, {"drucker.de.txt"}),
    ],
)
def test_operators_filters_and_modes(client, query, fields, found):
    assert set(names(ask(client, query, **fields))) == found


def test_explain_says_which_sentence_answers(client, kb):
    query = "Ist die Tintenpatrone leer? lang:de"
    (hit,) = ask(client, query, k=1, explain=True)["hits"]
    assert hit["sentence"] == kb.highlight(kb.search(query, k=1)).as_json()["hits"][0]["sentence"]
    start, end = hit["sentence"]
    assert "Tintenpatrone leer" in TEXTS["drucker.de.txt"][start:end]
    assert [leg["leg"] for leg in hit["legs"]] == ["dense", "keyword"]


def test_a_search_below_a_folder_by_its_absolute_path(client, shared_index):
    folder = shared_index.parent / "documents"
    assert ask(client, "Drucker", under=[str(folder)], k=1)["hits"]
    assert not ask(client, "Drucker", under=["/etc"])["hits"]


def test_documents_come_in_pages(client, kb):
    every = [row.uri for row in kb.documents()]
    found = []
    for offset in range(0, 9, 3):
        answer = client.get("/v1/documents", params={"offset": offset, "limit": 3})
        page = DocumentsAnswer.model_validate_json(answer.text)
        assert (page.total, page.offset) == (8, offset)
        found += [row.uri for row in page.data]
    assert found == every
    assert client.get("/v1/documents", params={"offset": 100}).json()["data"] == []


def test_the_text_of_a_document_and_a_part_of_it(client, kb):
    for row in kb.documents():
        answer = client.get(f"/v1/documents/{document_id(row.uri)}/text")
        whole = TextAnswer.model_validate_json(answer.text)
        assert whole.text == kb.document(row.uri).text
        part = client.get(f"/v1/documents/{document_id(row.uri)}/text?span=3-17").json()
        assert (part["text"], part["span"]) == (whole.text[3:17], [3, 17])
        assert part["characters"] == len(whole.text)


def test_sections_come_with_the_text(client, shared_index):
    uri = str(shared_index.parent / "documents" / "backup.en.md")
    answer = client.get(f"/v1/documents/{document_id(uri)}/text").json()
    assert [(section["title"], section["level"]) for section in answer["sections"]] == [
        ("Backups", 1),
        ("Restoring", 2),
    ]
