"""The server under load: query embeddings by many clients at once, and a mixture of everything.

    python -m benchmarks.serve [--seconds 10] [--folder CHECKPOINT]
    python -m benchmarks.serve --mixed 10

The first measures requests a second and latency at 1, 8 and 32 clients, in turns: `jv3search serve`, the same
encoder behind FastAPI called for one request at a time, and sentence-transformers behind FastAPI as one writes it,
with the same weights. The second has 16 clients upload, search, embed and delete for so many minutes, and then
compares the index with one that is made anew from the same files.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

import jv3search
from benchmarks.explain import judged
from benchmarks.fuzz_api import NAMES, Running, serving
from benchmarks.measure import machine
from jv3search.addresses import free_address
from jv3search.encoders.models import MINI, load, locate
from jv3search.types import document_id

CLIENTS = (1, 8, 32)
MIXED_CLIENTS = 16
RETRY = frozenset({409, 429, 503})  # answered with Retry-After, as clients are to do
Encode = Callable[[list[str]], np.ndarray]


# -- contenders: a server each, in a process of its own ------------------------------------------------


def one_at_a_time(folder: Path) -> Encode:
    """Our encoder, for one request at a time."""
    encoder, lock = load(folder), threading.Lock()

    def encode(texts: list[str]) -> np.ndarray:
        with lock:
            return encoder.encode(texts, "retrieval.query")

    return encode


def sentence_transformers(folder: Path) -> Encode:
    """Its own `encode`, with the adapter loaded into its transformer; FastAPI's threads call it as they come."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    inner: Any = model[0].auto_model
    inner.load_adapter(str(folder), adapter_name="q", adapter_kwargs={"subfolder": "retrieval_query"})
    inner.set_adapter("q")
    prompt = json.loads((folder / "config.json").read_text())["task_instructions"]["retrieval.query"]
    return lambda texts: np.asarray(
        model.encode(texts, prompt=prompt, normalize_embeddings=True, show_progress_bar=False)
    )


CONTENDERS = {"one at a time": one_at_a_time, "sentence-transformers": sentence_transformers}


def run_contender(name: str, folder: Path, port: int) -> None:
    """Serve one behind FastAPI, in the form of the same answer."""
    import uvicorn
    from fastapi import FastAPI

    encode, app = CONTENDERS[name](folder), FastAPI()
    encode(["warm"])

    @app.post("/v1/embeddings")
    def embeddings(request: dict[str, Any]) -> dict[str, Any]:
        texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
        rows = encode(texts).tolist()
        return {"data": [{"index": i, "object": "embedding", "embedding": row} for i, row in enumerate(rows)]}

    @app.get("/readyz")
    def readyz() -> dict[str, str]:
        return {"status": "ready"}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


@contextmanager
def contender(name: str, folder: Path) -> Iterator[int]:
    """The port of one of them, ready to answer."""
    port = free_address("127.0.0.1", None, 18700).port
    arguments = ["--contender", name, "--folder", str(folder), "--port", str(port)]
    with subprocess.Popen([sys.executable, "-m", "benchmarks.serve", *arguments]) as process:
        while not _ready(port):
            time.sleep(0.2)
        yield port
        process.terminate()


def _ready(port: int) -> bool:
    try:
        return ask(http.client.HTTPConnection("127.0.0.1", port), "GET", "/readyz")[0] == http.client.OK
    except OSError:
        return False


# -- clients -------------------------------------------------------------------------------------------


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def embedding(port: int, model: str, question: str) -> np.ndarray:
    """The vector of a question."""
    body = json.dumps({"model": model, "task": "retrieval.query", "input": question}).encode()
    answer = ask(http.client.HTTPConnection("127.0.0.1", port), "POST", "/v1/embeddings", body)[2]
    return np.array(json.loads(answer)["data"][0]["embedding"])


def one_client(port: int, model: str, questions: Sequence[str], number: int, until: float) -> list[float]:
    """Seconds of each answer to a client that asks again as soon as it is answered."""
    connection, random_questions, taken = http.client.HTTPConnection("127.0.0.1", port), random.Random(number), []
    while time.perf_counter() < until:
        body = {"model": model, "task": "retrieval.query", "input": random_questions.choice(questions)}
        began = time.perf_counter()
        status, _, answer = ask(connection, "POST", "/v1/embeddings", json.dumps(body).encode())
        if status != http.client.OK:
            raise RuntimeError(f"{status}: {answer[:200]!r}")
        taken.append(time.perf_counter() - began)
    return taken


def under_load(
    port: int, model: str, clients: int, seconds: float, questions: Sequence[str]
) -> tuple[float, list[float]]:
    """Answers a second, and p50, p95 and p99 in milliseconds."""
    until = time.perf_counter() + seconds
    with ThreadPoolExecutor(clients) as threads:
        futures = [threads.submit(one_client, port, model, questions, n, until) for n in range(clients)]
        taken = np.array([one for future in futures for one in future.result()])
    return len(taken) / seconds, (np.percentile(taken, [50, 95, 99]) * 1000).tolist()


def compare(folder: Path, seconds: float) -> None:
    """Print a line for each contender and number of clients, measured in turns."""
    questions = [row["question"] for row in judged()]
    with ExitStack() as stack:
        ours = stack.enter_context(serving(*NAMES[:1], model=str(folder)))
        ports = {"jv3search serve": int(ours.url.rsplit(":", 1)[1])}
        ports |= {name: stack.enter_context(contender(name, folder)) for name in CONTENDERS}
        print(machine())
        first = {name: embedding(port, folder.name, questions[0]) for name, port in ports.items()}
        for name, row in first.items():
            apart = float(np.abs(row - first["jv3search serve"]).max())
            print(f"{name:22} the same vectors within {apart:.4f}")
        for clients in CLIENTS:
            for name, port in ports.items():
                rate, (p50, p95, p99) = under_load(port, folder.name, clients, seconds, questions)
                times = f"p50 {p50:7.1f} ms   p95 {p95:7.1f} ms   p99 {p99:7.1f} ms"
                print(f"{clients:3} clients   {name:22} {rate:7.1f} a second   {times}", flush=True)


# -- a mixture -----------------------------------------------------------------------------------------


class Mixture:
    """16 clients that upload, search, embed and delete; `counts` has each kind and status."""

    def __init__(self, url: str, questions: Sequence[str]) -> None:
        self.counts: Counter[str] = Counter()
        self.deleted: set[str] = set()
        self._port = int(url.rsplit(":", 1)[1])
        self._questions = questions

    def client(self, number: int, until: float) -> None:
        """One of them; what it uploads, it may delete."""
        connection, choices = http.client.HTTPConnection("127.0.0.1", self._port), random.Random(number)
        own: list[str] = []
        uploads = 0
        while time.perf_counter() < until:
            kind = choices.choices(["search", "embed", "upload", "delete"], [60, 30, 7, 3])[0]
            question = choices.choice(self._questions)
            if kind == "upload":
                uploads += 1
                own += self._upload(connection, f"{number}-{uploads}.txt", question)
            elif kind == "delete" and own:
                self._delete(connection, own.pop(0))
            elif kind != "delete":
                path, field = ("/v1/search", "query") if kind == "search" else ("/v1/embeddings", "input")
                model = {} if kind == "search" else {"model": MINI}
                self._ask(connection, kind, "POST", path, json.dumps({field: question, **model}).encode())

    def settle(self) -> None:
        """Wait until no upload is waiting and no job runs."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        while self._job and not self._ended(connection):
            time.sleep(0.5)

    _job = ""

    def _ended(self, connection: http.client.HTTPConnection) -> bool:
        job = json.loads(ask(connection, "GET", f"/v1/jobs/{self._job}")[2])
        return job["status"] in ("done", "failed", "stopped", "died")

    def _upload(self, connection: http.client.HTTPConnection, name: str, text: str) -> list[str]:
        answer = self._ask(connection, "upload", "POST", f"/v1/documents?name={quote(name)}", text.encode())
        if answer is None:
            return []
        self._job = answer["job"]["id"]
        return [document["id"] for document in answer["job"]["documents"]]

    def _delete(self, connection: http.client.HTTPConnection, document: str) -> None:
        if self._ask(connection, "delete", "DELETE", f"/v1/documents/{document}") is not None:
            self.deleted.add(document)

    def _ask(
        self, connection: http.client.HTTPConnection, kind: str, method: str, path: str, body: bytes | None = None
    ) -> dict[str, Any] | None:
        """The answer; None if it was refused for now."""
        status, headers, answer = ask(connection, method, path, body)
        self.counts[f"{kind} {status}"] += 1
        if status in RETRY:
            time.sleep(float(headers["retry-after"]))
        return json.loads(answer) if status < http.client.BAD_REQUEST else None


def mixture(minutes: float) -> bool:
    """Print what was answered, the server's memory and how the index compares; whether all is well."""
    questions = [row["question"] for row in judged()]
    with serving(*NAMES) as server:
        load_, began = Mixture(server.url, questions), server.memory
        until = time.perf_counter() + minutes * 60
        with ThreadPoolExecutor(MIXED_CLIENTS) as threads:
            futures = [threads.submit(load_.client, n, until) for n in range(MIXED_CLIENTS)]
            middle = _memory_at(server, until - minutes * 30)
            for future in futures:
                future.result()
        ended = server.memory
        load_.settle()
        same = _is_as_made_anew(server.folder, load_.deleted)
    print(machine(), dict(sorted(load_.counts.items())))
    print(
        f"memory: {began} MB at the start, {middle} MB half way, {ended} MB at the end; like a new index: {same}"
    )
    return same and not any(int(kind.split()[1]) >= 500 for kind in load_.counts)


def _memory_at(server: Running, moment: float) -> int:
    time.sleep(max(0.0, moment - time.perf_counter()))
    return server.memory


def _is_as_made_anew(folder: Path, deleted: set[str]) -> bool:
    """Whether the index has the documents, chunks and vectors of one made now from the files it should have."""
    files = [path for path in (folder / "documents").resolve().rglob("*") if path.is_file()]
    kept = sorted(path for path in files if document_id(str(path)) not in deleted)
    with jv3search.open(folder / "new", create=True, model=MINI) as new, jv3search.open(folder / "kb") as served:
        new.ingest(*kept)
        uris = [row.uri for row in served.documents()]
        return uris == [row.uri for row in new.documents()] == [str(path) for path in kept] and all(
            served.reader.chunks(uri) == new.reader.chunks(uri)
            and np.allclose(served.reader.embeddings(uri), new.reader.embeddings(uri), atol=0.01)
            for uri in uris
        )


def main() -> int:
    """Compare, or mix, or be one of the contenders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--folder", type=Path, default=locate(MINI, Path("absent")), help="a checkpoint")
    parser.add_argument("--mixed", type=float, metavar="MINUTES")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        run_contender(given.contender, given.folder, given.port)
    elif given.mixed:
        return 0 if mixture(given.mixed) else 1
    else:
        compare(given.folder, given.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
