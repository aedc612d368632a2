"""Other people's clients, unmodified, against a real server: the examples of docs/guide/api.md, and their values.

Each test prints what its client asks and what is answered: `make test-clients` shows it.
"""

import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest

from jv3search.api.app import create_app
from jv3search.api.server import PORT
from jv3search.types import Span
from tests.api.conftest import serving

os.environ |= {"HAYSTACK_TELEMETRY_ENABLED": "False", "ANONYMIZED_TELEMETRY": "False"}  # no test needs a network

pytestmark = pytest.mark.filterwarnings("ignore")  # what the libraries are warned of is theirs

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "api.md").read_text(encoding="utf-8")
SECTIONS = dict(
    re.findall(r"^### (\w+).*?```python\n(.*?)```", GUIDE.partition("## Other clients")[2], re.M | re.S)
)
PASSAGES = ["Die Kündigungsfrist beträgt drei Monate.", "解約の予告期間は三か月です。"]
QUESTION = "How long is the notice period?"
TEXTS = ["كيف أستعيد ملفًا محذوفًا؟", "हटाई गई फ़ाइल वापस कैसे लाएँ?"]


class Transcript:
    """ASGI middleware that prints each request and its answer, with numbers counted and long texts cut."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        asked, answered, status = bytearray(), bytearray(), []

        async def hear():
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def say(message):
            status.extend([message["status"]] if "status" in message else [])
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, hear, say)
        if scope["type"] == "http":
            agent = dict(scope["headers"]).get(b"user-agent", b"-").decode()
            print(f"> {scope['method']} {scope['path']} {told(asked)} ({agent})\n< {status[0]} {told(answered)}")


def told(body):
    """JSON, shortened."""
    return json.dumps(short(json.loads(body)), ensure_ascii=False) if body else ""


def short(value):
    if isinstance(value, dict):
        return {name: short(inner) for name, inner in value.items()}
    if isinstance(value, list):
        numbers = all(isinstance(inner, float) for inner in value)
        return f"{len(value)} numbers" if numbers and value else [short(inner) for inner in value]
    return f"{value[:40]}... {len(value)} characters" if isinstance(value, str) and len(value) > 80 else value


@pytest.fixture(scope="module")
def url(shared_index):
    """Where the shared index is served, with a transcript."""
    with serving(shared_index, make_app=lambda *of: Transcript(create_app(*of))) as (url, service):
        service.wait()
        yield url


def example(url, name):
    """What an example leaves behind: its variables."""
    variables = {}
    code = SECTIONS[name].replace(f"http://localhost:{PORT}", url)
    assert len(code.strip().splitlines()) <= 11, "ten lines, and a blank one behind the imports"
    exec(compile(code, f"api.md, {name}", "exec"), variables)
    return variables


def close(found, expected):
    return np.abs(np.asarray(found, np.float32) - expected).max() < 1e-5


def test_haystack(url, mini):
    pytest.importorskip("haystack_integrations.components.embedders.jina")
    left = example(url, "Haystack")
    first, second = (document.content for document in left["documents"])
    spans = [Span(0, len(first)), Span(len(first) + 1, len(first) + 1 + len(second))]
    late = mini.encode_document(f"{first} {second}", spans, dimension=128)
    assert close(left["passages"], late)
    assert close(left["query"], mini.encode([QUESTION], "retrieval.query", dimension=128)[0])


@pytest.mark.parametrize(
    ("name", "library"),
    [("LlamaIndex", "llama_index.embeddings.openai_like"), ("LangChain", "langchain_openai")],
)
def test_frameworks_by_the_client_of_openai(url, mini, name, library):
    pytest.importorskip(library)
    left = example(url, name)
    assert close(left["rows"], mini.encode(PASSAGES, "retrieval.passage"))
    assert close(left["query"], mini.encode([QUESTION], "retrieval.query")[0])


def test_chroma(url, mini):
    pytest.importorskip("chromadb")
    left = example(url, "Chroma")
    assert left["found"]["ids"] == [["frist"]]
    stored = left["notes"].get(ids=["frist"], include=["embeddings"])["embeddings"]
    assert close(stored, mini.encode(PASSAGES[:1], None))


def test_milvus(url, mini):
    pytest.importorskip("pymilvus.model")
    left = example(url, "Milvus")
    assert close(left["rows"], mini.encode(PASSAGES, None))
    assert close(left["query"], mini.encode([QUESTION], None)[0])


def test_qdrant(url):
    pytest.importorskip("qdrant_client")
    (point,) = example(url, "Qdrant")["found"]
    assert point.id == 1


def test_pinecone_takes_the_vectors(url):
    """Its client sends them on as they are, here to a server that writes down what comes."""
    pinecone = pytest.importorskip("pinecone")
    import openai

    api = openai.OpenAI(base_url=f"{url}/v1", api_key="unused").embeddings
    rows = [entry.embedding for entry in api.create(model="jv3-mini", input=TEXTS, dimensions=32).data]
    written = []

    class Recorder(BaseHTTPRequestHandler):
        def do_POST(self):
            written.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"upsertedCount": 2}')

        def log_message(self, *words):
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Recorder) as recorder:
        threading.Thread(target=recorder.serve_forever, daemon=True).start()
        index = pinecone.Pinecone(api_key="unused").index(host=f"http://127.0.0.1:{recorder.server_port}")
        index.upsert(vectors=[("ar", rows[0]), ("hi", rows[1])])
        recorder.shutdown()
    ((path, body),) = written
    assert path == "/vectors/upsert"
    assert [vector["id"] for vector in body["vectors"]] == ["ar", "hi"]
    assert close([vector["values"] for vector in body["vectors"]], np.asarray(rows, np.float32))


def test_llama_indexs_jina_client_has_no_address_but_its_requests_are_answered(url, mini, monkeypatch):
    jinaai = pytest.importorskip("llama_index.embeddings.jinaai")
    client = jinaai.JinaEmbedding(model="jv3-mini", api_key="unused", task="separation", dimensions=64)
    assert client._api.api_url == "https://api.jina.ai/v1/embeddings"
    monkeypatch.setattr(client._api, "api_url", f"{url}/v1/embeddings")
    assert close(client.get_text_embedding_batch(TEXTS), mini.encode(TEXTS, "separation", dimension=64))
    bits = jinaai.JinaEmbedding(model="jv3-mini", api_key="unused", encoding_queries="binary")
    monkeypatch.setattr(bits._api, "api_url", f"{url}/v1/embeddings")
    assert (np.array(bits.get_query_embedding(TEXTS[0])) == (mini.encode(TEXTS[:1], None)[0] > 0)).all()


def test_langchains_jina_client_has_no_address_but_its_requests_are_answered(url, mini, monkeypatch):
    pytest.importorskip("langchain_community")
    from langchain_community.embeddings import jina

    assert jina.JINA_API_URL == "https://api.jina.ai/v1/embeddings"
    monkeypatch.setattr(jina, "JINA_API_URL", f"{url}/v1/embeddings")
    client = jina.JinaEmbeddings(model_name="jv3-mini", jina_api_key="unused")
    assert close(client.embed_documents(TEXTS), mini.encode(TEXTS, None))


def test_chromas_jina_client_has_no_address_but_its_requests_are_answered(url, mini, monkeypatch):
    pytest.importorskip("chromadb")
    from chromadb.utils.embedding_functions import JinaEmbeddingFunction

    monkeypatch.setenv("JINA_API_KEY", "unused")
    client = JinaEmbeddingFunction(
        model_name="jv3-mini",
        task="retrieval.passage",
        truncate=True,
        normalized=True,
        embedding_type="float",
        query_config={"task": "retrieval.query"},
    )
    assert client._api_url == "https://api.jina.ai/v1/embeddings"
    monkeypatch.setattr(client, "_api_url", f"{url}/v1/embeddings")
    assert close(client(TEXTS), mini.encode(TEXTS, "retrieval.passage"))
    assert close(client.embed_query(TEXTS), mini.encode(TEXTS, "retrieval.query"))


def test_milvuss_jina_client_has_no_address_but_its_requests_are_answered(url, mini, monkeypatch):
    jinaai = pytest.importorskip("pymilvus.model.dense.jinaai")
    assert jinaai.API_URL == "https://api.jina.ai/v1/embeddings"
    monkeypatch.setattr(jinaai, "API_URL", f"{url}/v1/embeddings")
    client = jinaai.JinaEmbeddingFunction(model_name="jv3-mini", api_key="unused", dimensions=128)
    assert close(client.encode_queries(TEXTS), mini.encode(TEXTS, "retrieval.query", dimension=128))
    assert close(client.encode_documents(TEXTS), mini.encode(TEXTS, "retrieval.passage", dimension=128))


def test_the_requests_of_difys_provider(url, mini):
    """As dify_plugin's interfaces/model/openai_compatible/text_embedding.py sends them: a ping, then a text each."""
    headers = {"Content-Type": "application/json", "Authorization": "Bearer unused"}

    def post(body):
        return httpx.post(f"{url}/v1/embeddings", headers=headers, content=json.dumps(body), timeout=60)

    ping = post({"input": "ping", "model": "jv3-mini"})
    assert (ping.status_code, ping.json()["model"]) == (200, "jv3-mini")
    answers = [
        post({"input": [text], "model": "jv3-mini", "user": "jemand", "encoding_format": "float"}).json()
        for text in TEXTS
    ]
    rows = [data["embedding"] for answer in answers for data in answer["data"]]
    assert close(rows, mini.encode(TEXTS, None))
    assert all(answer["usage"]["total_tokens"] > 2 for answer in answers)
