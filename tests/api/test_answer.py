"""/v1/answer: quoted, written by a language model on a real server, streamed, and refused."""

import json
import threading
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from jv3search.api.answer import QuestionAnswer
from jv3search.api.errors import ErrorAnswer
from tests.answers.language_model_server import language_model_server
from tests.api.conftest import serving
from tests.conftest import TEXTS

QUESTION = "How do I restore deleted files from the backup disk?"
RIGHT = "To restore deleted files, copy them back from the backup disk."


def events(text):
    """(name, data) of each event of a stream."""
    lines = [block.split("\n") for block in text.removesuffix("\n\n").split("\n\n")]
    assert all(event.startswith("event: ") and data.startswith("data: ") for event, data in lines)
    return [(event[7:], json.loads(data[6:])) for event, data in lines]


@pytest.mark.parametrize(
    ("question", "name", "language"),
    [
        ("Почему не работает беспроводная сеть?", "сеть.ru.txt", "ru"),
        ("安全なパスワードとは？", "パスワード.ja.txt", "ja"),
        ("Wie wird eine leere Tintenpatrone ersetzt?", "drucker.de.txt", "de"),
    ],
)
def test_an_answer_is_what_ask_prints(client, jv3, shared_index, question, name, language):
    answer = client.post("/v1/answer", json={"question": question})
    assert answer.status_code == 200
    QuestionAnswer.model_validate_json(answer.text)
    found = answer.json()
    assert found == json.loads(jv3("ask", question, "--index", shared_index, "--json").out)
    assert not found["refused"]
    source = found["answer"][0]["sources"][0]
    assert (Path(source["uri"]).name, source["language"]) == (name, language)
    assert TEXTS[name][slice(*source["sentence"])] == found["answer"][0]["sentence"]


def test_a_stream_has_the_same_sentences(client):
    whole = client.post("/v1/answer", json={"question": QUESTION}).json()
    streamed = client.post("/v1/answer", json={"question": QUESTION, "stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    *sentences, (last, told) = events(streamed.text)
    assert [data for _, data in sentences] == whole["answer"] != []
    assert {name for name, _ in sentences} == {"sentence"}
    assert (last, told) == ("end", whole | {"answer": []})


def test_nothing_answers(client):
    asked = {"question": QUESTION, "languages": ["th"]}
    assert client.post("/v1/answer", json=asked).json() == {"question": QUESTION, "refused": True, "answer": []}
    ((name, told),) = events(client.post("/v1/answer", json=asked | {"stream": True}).text)
    assert (name, told["refused"]) == ("end", True)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"question": "lang:xx Drucker"}, 400, "'xx' is not a language code"),
        ({"question": "сеть", "otherwise": ["jp"]}, 400, "did you mean ja?"),
        ({"question": "печать", "formats": ["word"]}, 400, "'word' is not a document type"),
        ({"question": "印刷", "index": "another"}, 409, "the index that is served is another one"),
        ({"question": " "}, 422, "the text is empty or blank"),
        ({"question": "और?", "conversation": [{"question": "lang:xx a"}]}, 400, "'xx' is not a language code"),
        ({"question": "そして?", "conversation": [{"answer": []}]}, 422, "Field required"),
        ({"qestion": "a"}, 422, "did you mean question?"),
    ],
)
def test_what_is_wrong_is_a_status_of_a_stream_too(client, fields, stream, status, words):
    answer = client.post("/v1/answer", json=fields | {"stream": stream})
    assert answer.status_code == status
    assert words in answer.text


@pytest.fixture(scope="module")
def writer():
    with language_model_server() as server:
        yield server


@pytest.fixture(scope="module")
def written(shared_index, writer):
    """A server whose answers are written by that model."""
    settings = {"answers_url": writer.url, "answers_model": "test-model"}
    with serving(shared_index, **settings) as (url, service), httpx.Client(base_url=url, timeout=60) as client:
        service.wait()
        yield client


def test_a_language_model_writes_unless_quotations_are_asked_for(written, writer):
    writer.will_say(f"{RIGHT} [1] Chess is played on the moon [1][9].")
    found = written.post("/v1/answer", json={"question": QUESTION}).json()
    QuestionAnswer.model_validate(found)
    assert found["model"] == "test-model"
    assert [(one["supported"], one["unknown_numbers"]) for one in found["answer"]] == [(True, []), (False, [9])]
    asked = len(writer.requests)
    quoted = written.post("/v1/answer", json={"question": QUESTION, "quote": True}).json()
    assert "model" not in quoted
    assert RIGHT in [one["sentence"] for one in quoted["answer"]]
    assert len(writer.requests) == asked


def test_a_language_model_that_breaks_off_is_a_502_or_an_event(written, writer):
    writer.will_say(f"{RIGHT} [1] And the", finish="length")
    answer = written.post("/v1/answer", json={"question": QUESTION})
    detail = ErrorAnswer.model_validate_json(answer.text).detail
    assert (answer.status_code, detail.code) == (502, "LANGUAGE_MODEL_FAILED")
    assert "reached its limit of tokens" in detail.message
    first, last = events(written.post("/v1/answer", json={"question": QUESTION, "stream": True}).text)
    assert (first[0], first[1]["sentence"]) == ("sentence", RIGHT)
    assert last[0] == "error"
    assert last[1]["detail"]["code"] == "LANGUAGE_MODEL_FAILED"


def test_a_follow_up_keeps_the_filters_of_the_question_before(client):
    first = client.post("/v1/answer", json={"question": "leere Patrone lang:de"}).json()
    asked = {"question": "Wie wird sie ersetzt?", "conversation": [first]}
    second = client.post("/v1/answer", json=asked)
    QuestionAnswer.model_validate_json(second.text)
    found = second.json()
    assert (found["question"], found["searched"]) == ("Wie wird sie ersetzt?", "Wie wird sie ersetzt? lang:de")
    assert {said["language"] for said in found["answer"]} == {"de"}
    own = {"question": "restore deleted files lang:en", "conversation": [first, found]}
    assert "searched" not in client.post("/v1/answer", json=own).json()
    streamed = client.post("/v1/answer", json=asked | {"stream": True}).text
    assert events(streamed)[-1] == ("end", found | {"answer": []})


def test_a_language_model_rewords_a_follow_up(written, writer):
    def script(reply):
        reply.begin()
        rewording = "reword" in reply.asked["messages"][0]["content"]
        reply.say(
            "Wie ersetzt man eine leere Patrone?" if rewording else "Man öffnet die Klappe [1].", finish="stop"
        )

    writer.script = script
    before = {"question": "Welche Patrone ist leer?", "answer": [{"sentence": "Die schwarze."}]}
    asked = {"question": "Und wie ersetzt man sie?", "conversation": [before]}
    found = written.post("/v1/answer", json=asked).json()
    assert found["searched"] == "Wie ersetzt man eine leere Patrone?"
    assert Path(found["answer"][0]["sources"][0]["uri"]).name == "drucker.de.txt"
    told = writer.requests[-2][2]["messages"][1]["content"]
    assert "Q: Welche Patrone ist leer?\nA: Die schwarze.\n" in told
    writer.will_say("...")
    refused = written.post("/v1/answer", json=asked | {"stream": True})
    assert refused.status_code == 502
    assert "did not reword the question" in refused.text


def test_a_stream_has_a_sentence_before_the_model_has_said_the_next(written, writer):
    heard = threading.Event()
    writer.will_wait(f"{RIGHT} [1] Then", heard, " open one of them [1].")
    with written.stream("POST", "/v1/answer", json={"question": QUESTION, "stream": True}) as answer:
        pieces = answer.iter_text()
        first = next(pieces)
        heard.set()
        rest = "".join(pieces)
    assert [data["sentence"] for _, data in events(first)] == [RIGHT]
    assert [name for name, _ in events(rest)] == ["sentence", "end"]


def test_too_many_answers_at_once_are_a_429_and_a_search_is_answered(shared_index):
    with serving(shared_index) as (url, service), ExitStack() as others:
        service.wait()
        for _ in range(16):
            others.enter_context(service.answering())
        answer = httpx.post(f"{url}/v1/answer", json={"question": QUESTION}, timeout=60)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        assert httpx.post(f"{url}/v1/search", json={"query": QUESTION}, timeout=60).status_code == 200
        others.close()
        assert httpx.post(f"{url}/v1/answer", json={"question": QUESTION}, timeout=60).status_code == 200


def test_a_stream_that_nobody_reads_frees_its_place(written, writer):
    def script(reply):
        reply.begin()
        reply.say(f"{RIGHT} [1] ")
        for _ in range(1000):
            reply.say("More. ")

    writer.script = script
    for _ in range(20):  # more than may be made at once
        with written.stream("POST", "/v1/answer", json={"question": QUESTION, "stream": True}) as answer:
            assert answer.status_code == 200
            next(answer.iter_text())
