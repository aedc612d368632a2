"""The server under load: query embeddings by many clients at once, and a mixture of everything.

    python -m benchmarks.serve [--seconds 10] [--rounds 1] [--full | --folder CHECKPOINT] [--infinity PYTHON]
    python -m benchmarks.serve --mixed 10

The first measures requests a second and latency at 1, 8 and 32 clients, in turns: `jv3search serve`, the same
encoder behind FastAPI called for one request at a time, sentence-transformers behind FastAPI as one writes it, and
infinity-emb where PYTHON is that of an environment with it; all with the same weights, those of jv3-mini, or with
--full a model of full size with random ones. The second has 16 clients upload, search, embed and delete for so
many minutes, prints the server's memory each minute, and then compares the index with one that is made anew from
the same files.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

import jv3search
from benchmarks.encoder import make_checkpoint
from benchmarks.explain import judged
from benchmarks.fuzz_api import NAMES, Running, serving
from benchmarks.measure import machine
from jv3search.addresses import free_address
from jv3search.encoders.models import MINI, load, locate
from jv3search.types import document_id

CLIENTS = (1, 8, 32)
MIXED_CLIENTS = 16
OWN = 4  # documents of a client, which then deletes one: so the index does not grow, and memory should not either
RETRY = frozenset({409, 429, 503})  # answered with Retry-After, as clients are to do
Encode = Callable[[list[str]], np.ndarray]


# -- contenders: a server each, in a process of its own ------------------------------------------------


@dataclass(frozen=True)
class Contender:
    """A server of query embeddings; `prompt` is what its clients put before a question."""

    port: int
    prompt: str = ""


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
    prompt = prompt_of(folder)
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

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


@contextmanager
def contender(name: str, folder: Path) -> Iterator[Contender]:
    """One of them, ready to answer."""
    arguments = ["--contender", name, "--folder", str(folder), "--port"]
    with _listening([sys.executable, "-m", "benchmarks.serve", *arguments]) as port:
        yield Contender(port)


# infinity-emb 0.0.78 asks for sentence-transformers 3 and transformers 4, which do not know this architecture, and
# calls the tokenizer by a name that transformers 5 has not. So its environment is made of ours and of this:
#   pip install --no-deps infinity-emb==0.0.78 'typer<0.13' 'click<8.2' prometheus-fastapi-instrumentator orjson
#       posthog backoff monotonic distro rich markdown-it-py mdurl pygments shellingham httptools uvloop
INFINITY = """
from transformers import PreTrainedTokenizerBase as T
T.batch_encode_plus = T.__call__
from infinity_emb.cli import cli
cli()
"""


@contextmanager
def infinity(python: Path, folder: Path) -> Iterator[Contender]:
    """infinity-emb of another environment; it knows no adapters, so that of queries is put into the weights."""
    with tempfile.TemporaryDirectory() as temporary:
        model = with_query_adapter(folder, Path(temporary) / folder.name)
        options = {"--model-id": model, "--served-model-name": folder.name, "--url-prefix": "/v1"}
        options |= {"--engine": "torch", "--device": "cpu", "--dtype": "float32"}
        words = [str(word) for option in options.items() for word in option]
        words += ["--no-bettertransformer", "--no-model-warmup", "--port"]
        quiet = {
            "HF_HUB_OFFLINE": "1",
            "DO_NOT_TRACK": "1",
            "INFINITY_LOG_LEVEL": "warning",
            "INFINITY_HOME": temporary,
        }
        with _listening([str(python), "-c", INFINITY, "v2", *words], **quiet) as port:
            yield Contender(port, prompt_of(folder))


def with_query_adapter(folder: Path, into: Path) -> Path:
    """A checkpoint whose base weights are those of retrieval.query."""
    import torch
    from peft import PeftModel
    from transformers import AutoModel

    shutil.copytree(folder, into, ignore=shutil.ignore_patterns("*.safetensors"))
    base = AutoModel.from_pretrained(folder, dtype=torch.float32)
    PeftModel.from_pretrained(base, folder, subfolder="retrieval_query").merge_and_unload().save_pretrained(into)
    return into


def prompt_of(folder: Path) -> str:
    """The instruction of queries."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    return str(config["task_instructions"]["retrieval.query"])


@contextmanager
def _listening(command: list[str], **variables: str) -> Iterator[int]:
    """The port of a server that answers once its model is loaded.

    Its threads do not spin while they wait, as ours do not: spinning made infinity-emb 80 times slower.
    """
    variables |= {"OMP_WAIT_POLICY": "PASSIVE"}
    port = free_address("127.0.0.1", None, 18700).port
    with subprocess.Popen([*command, str(port)], env=os.environ | variables) as process:
        while not _answers(port):
            if process.poll() is not None:
                raise RuntimeError(f"{command[-3:]} ended")
            time.sleep(0.2)
        yield port
        process.terminate()


def _answers(port: int) -> bool:
    try:
        return ask(http.client.HTTPConnection("127.0.0.1", port), "GET", "/health")[0] > 0
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


def embedding(connection: http.client.HTTPConnection, prompt: str, model: str, question: str) -> np.ndarray:
    """The vector of a question; RuntimeError if it is refused."""
    task = {} if prompt else {"task": "retrieval.query"}
    body = json.dumps({"model": model, "input": prompt + question, **task}).encode()
    status, _, answer = ask(connection, "POST", "/v1/embeddings", body)
    if status != http.client.OK:
        raise RuntimeError(f"{status}: {answer[:200]!r}")
    return np.array(json.loads(answer)["data"][0]["embedding"])


def one_client(of: Contender, model: str, questions: Sequence[str], number: int, until: float) -> list[float]:
    """Seconds of each answer to a client that asks again as soon as it is answered."""
    connection, choices, taken = http.client.HTTPConnection("127.0.0.1", of.port), random.Random(number), []
    while time.perf_counter() < until:
        began = time.perf_counter()
        embedding(connection, of.prompt, model, choices.choice(questions))
        taken.append(time.perf_counter() - began)
    return taken


def under_load(
    of: Contender, model: str, clients: int, seconds: float, questions: Sequence[str]
) -> tuple[float, list[float]]:
    """Answers a second, and p50, p95 and p99 in milliseconds."""
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        futures = [threads.submit(one_client, of, model, questions, n, began + seconds) for n in range(clients)]
        taken = np.array([one for future in futures for one in future.result()])
    rate = len(taken) / (time.perf_counter() - began)
    return rate, (np.percentile(taken, [50, 95, 99]) * 1000).tolist()


def compare(folder: Path, seconds: float, rounds: int, python: Path | None) -> None:
    """Print a line for each contender and number of clients, measured in turns."""
    questions = [row["question"] for row in judged()]
    with ExitStack() as stack:
        ours = stack.enter_context(serving(*NAMES[:1], model=str(folder)))
        contenders = {"jv3search serve": Contender(ours.port)}
        contenders |= {name: stack.enter_context(contender(name, folder)) for name in CONTENDERS}
        if python:
            contenders["infinity-emb"] = stack.enter_context(infinity(python, folder))
        print(machine(), f"{folder.name}", flush=True)
        _tell_apart(contenders, folder.name, questions[0])
        for clients in CLIENTS * rounds:
            for name, of in contenders.items():
                rate, (p50, p95, p99) = under_load(of, folder.name, clients, seconds, questions)
                times = f"p50 {p50:7.1f} ms   p95 {p95:7.1f} ms   p99 {p99:7.1f} ms"
                print(f"{clients:3} clients   {name:22} {rate:7.2f} a second   {times}", flush=True)


def _tell_apart(contenders: Mapping[str, Contender], model: str, question: str) -> None:
    """How far their vectors of a question are from the first one's."""
    rows = {
        name: embedding(http.client.HTTPConnection("127.0.0.1", of.port), of.prompt, model, question)
        for name, of in contenders.items()
    }
    first = next(iter(rows.values()))
    for name, row in rows.items():
        print(f"{name:22} cosine to the first {row @ first / np.linalg.norm(row) / np.linalg.norm(first):.5f}")


# -- a mixture -----------------------------------------------------------------------------------------


class Mixture:
    """16 clients that upload, search, embed and delete; `counts` has each kind and status."""

    def __init__(self, port: int, questions: Sequence[str]) -> None:
        self.counts: Counter[str] = Counter()
        self.deleted: set[str] = set()
        self._port = port
        self._questions = questions

    def client(self, number: int, until: float) -> None:
        """One of them; what it uploads, it may delete."""
        connection, choices = http.client.HTTPConnection("127.0.0.1", self._port), random.Random(number)
        own: list[str] = []
        uploads = 0
        while time.perf_counter() < until:
            kind = choices.choices(["search", "embed", "upload", "delete"], [60, 30, 5, 5])[0]
            question = choices.choice(self._questions)
            if kind == "upload" and len(own) >= OWN:
                kind = "delete"
            if kind == "upload":
                uploads += 1
                own += self._upload(connection, f"{number}-{uploads}.txt", question)
            elif kind == "delete" and own:
                own = own[self._delete(connection, own[0]) :]
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

    def _delete(self, connection: http.client.HTTPConnection, document: str) -> bool:
        """Whether it is deleted now; what is not read yet is a 404."""
        deleted = self._ask(connection, "delete", "DELETE", f"/v1/documents/{document}") is not None
        if deleted:
            self.deleted.add(document)
        return deleted

    def _ask(
        self, connection: http.client.HTTPConnection, kind: str, method: str, path: str, body: bytes | None = None
    ) -> dict[str, Any] | None:
        """The answer; None if it was refused for now."""
        status, headers, answer = ask(connection, method, path, body)
        self.counts[f"{kind} {status}"] += 1
        if status in RETRY:
            time.sleep(float(headers["retry-after"]))
        return json.loads(answer) if status < http.client.BAD_REQUEST else None


def mixture(minutes: int) -> bool:
    """Print what was answered, the server's memory and how the index compares; whether all is well."""
    questions = [row["question"] for row in judged()]
    print(machine())
    with serving(*NAMES) as server:
        load_, began = Mixture(server.port, questions), time.perf_counter()
        until = began + minutes * 60
        with ThreadPoolExecutor(MIXED_CLIENTS) as threads:
            futures = [threads.submit(load_.client, n, until) for n in range(MIXED_CLIENTS)]
            for minute in range(minutes + 1):
                time.sleep(max(0.0, began + minute * 60 - time.perf_counter()))
                _tell(server, minute, load_.counts.total())
            for future in futures:
                future.result()
        load_.settle()
        same = _is_as_made_anew(server.folder, load_.deleted)
    print(dict(sorted(load_.counts.items())))
    print(f"the index has the documents, chunks and vectors of one made anew: {same}")
    return same and not any(int(kind.split()[1]) >= 500 for kind in load_.counts)


def _tell(server: Running, minute: int, answers: int) -> None:
    listed = ask(http.client.HTTPConnection("127.0.0.1", server.port), "GET", "/v1/documents?limit=1")[2]
    documents = json.loads(listed)["total"]
    print(f"minute {minute:2}: {server.memory} MB, {documents} documents, {answers:,} answers", flush=True)


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
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--full", action="store_true", help="the full size, 24 layers of 1024, random weights")
    parser.add_argument("--infinity", type=Path, metavar="PYTHON", help="of an environment with infinity-emb")
    parser.add_argument("--mixed", type=int, metavar="MINUTES")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        run_contender(given.contender, given.folder, given.port)
    elif given.mixed:
        return 0 if mixture(given.mixed) else 1
    else:
        folder = make_checkpoint(24) if given.full else given.folder
        compare(folder, given.seconds, given.rounds, given.infinity)
    return 0


if __name__ == "__main__":
    sys.exit(main())
