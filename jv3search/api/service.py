"""A knowledge base that is being served: its model loads in the background and then belongs to one worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request

from jv3search.api.ingests import Ingests
from jv3search.api.model_worker import MOST_TOKENS, ModelWorker, SharedEncoder
from jv3search.encoders.port import Encoder
from jv3search.errors import JV3SearchError
from jv3search.indexes.rows import DocumentRow
from jv3search.ingest.originals import SECONDS
from jv3search.knowledge_base import KnowledgeBase
from jv3search.readers import Limits, SandboxedReader
from jv3search.types import document_id

_MOST_ANSWERS = 16  # at once: each holds one of the server's 40 threads for as long as a language model writes


class Loading(JV3SearchError):
    """The model is not there yet."""

    retry_after = 2  # seconds: jv3-mini needs one or two, the real model ten

    def __init__(self) -> None:
        super().__init__("the model is still being loaded: try again in a few seconds; GET /readyz says when")


class ManyAnswers(JV3SearchError):
    """Too many answers are being made."""

    retry_after = 5  # seconds: a language model writes for as long or longer

    def __init__(self) -> None:
        super().__init__(f"{_MOST_ANSWERS} questions are being answered: try again in {self.retry_after} s")


class Service:
    """What requests are answered from; safe for several threads."""

    def __init__(self, kb: KnowledgeBase, most_tokens: int = MOST_TOKENS) -> None:
        self.kb = kb
        self._most_tokens = most_tokens  # that may wait for the model
        self.failure: Exception | None = None
        self._encoder: SharedEncoder | None = None
        self._worker: ModelWorker | None = None
        self._thread: threading.Thread | None = None
        self._documents: tuple[tuple[str, int], dict[str, DocumentRow]] | None = None
        self.on_tokens: Callable[[int], None] = lambda tokens: None  # told what went through the model
        self._answers = threading.BoundedSemaphore(_MOST_ANSWERS)
        self.ingests = Ingests(kb.settings.index, kb.settings.model)
        self.pages = SandboxedReader(Limits(seconds=SECONDS))

    @property
    def model(self) -> str:
        """The model's name; of a checkpoint's folder the last part alone."""
        return self.kb.settings.model.rstrip("/").rpartition("/")[2]

    @cached_property
    def dimension(self) -> int:
        """The size of the model's full embeddings."""
        return self.kb.manifest().dimension

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._encoder is not None

    @property
    def tokens_waiting(self) -> int:
        """Tokens in the model's queue."""
        return self._worker.waiting if self._worker else 0

    def start(self, on_failure: Callable[[], None] = lambda: None) -> None:
        """Load the model in the background; if that fails, `failure` says why and `on_failure` is called."""
        self._thread = threading.Thread(target=self._load, args=(on_failure,), name="jv3search-load", daemon=True)
        self._thread.start()

    def encoder(self) -> SharedEncoder:
        """The model; Loading while it is not there yet."""
        if self._encoder is None:
            raise self.failure or Loading()
        return self._encoder

    def document(self, key: str) -> DocumentRow | None:
        """The document of an id; None if it is not in the index."""
        stamp = self.kb.reader.stamp()
        known = self._documents
        if known is None or known[0] != stamp:
            known = self._documents = (stamp, {document_id(row.uri): row for row in self.kb.documents()})
        return known[1].get(key)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While an answer is made; ManyAnswers if too many others are."""
        if not self._answers.acquire(blocking=False):
            raise ManyAnswers
        try:
            yield
        finally:
            self._answers.release()

    def wait(self) -> None:
        """Until the model is loaded; what went wrong otherwise."""
        if self._thread is not None:
            self._thread.join()
        self.encoder()

    def close(self) -> None:
        """Finish what was accepted, and let go of the knowledge base."""
        self.ingests.close()
        self.pages.close()
        if self._thread is not None:
            self._thread.join()
        if self._worker is not None:
            self._worker.close()
        self.kb.close()

    def _load(self, on_failure: Callable[[], None]) -> None:
        try:
            self.kb.load_for(self._shared)
        except Exception as error:
            self.failure = error
            on_failure()

    def _shared(self, encoder: Encoder) -> SharedEncoder:
        self._worker = ModelWorker(
            encoder, most_tokens=self._most_tokens, on_tokens=lambda tokens: self.on_tokens(tokens)
        )
        self._encoder = SharedEncoder(encoder, self._worker)
        return self._encoder


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(_service)]
"""The service, as a parameter of a handler."""
