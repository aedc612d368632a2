"""The one owner of the model in a process: a thread that batches what many requests ask for.

Texts of one task that wait at the same time go through the model together, queries before documents. What
would have to wait too long is refused at once, so that the queue cannot grow.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jv3search.encoders.late_chunking import TokenizedText, TokenRange
from jv3search.encoders.port import ChunkedText, Encoder, TokenStates
from jv3search.errors import JV3SearchError
from jv3search.types import Embedding, Span, Task, unit_rows

Result = TypeVar("Result")
Means = NDArray[np.float32]
Reduce = Callable[[Means], Means]
"""What to keep of a text's means as soon as they are there: token states would fill the memory."""

BATCH_TOKENS = 4096  # of one call of the encoder, which makes forward passes of its engine's size of it
BATCH_SECONDS = 0.004  # a text waits for others, at most: little beside a forward pass of the real model
_WAIT_SHARE = 0.25  # of the time that its own pass takes: jv3-mini embeds a question in a millisecond
MOST_TOKENS = 64 * BATCH_TOKENS  # that may wait: a book of 500 pages
_FIRST_RATE = 500.0  # tokens a second, before any was measured: the real model on a CPU
_QUERY: Task = "retrieval.query"


class Busy(JV3SearchError):
    """More is waiting for the model than it can do soon; `retry_after` is in seconds."""

    def __init__(self, tokens: int, retry_after: int) -> None:
        super().__init__(f"{tokens:,} tokens are waiting for the model: try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(slots=True)
class _Request:
    """Texts that are asked for together; `left` of them have no means yet."""

    means: list[Means]
    left: int
    reduce: Reduce
    future: Future[list[Means]] = field(default_factory=Future)


@dataclass(slots=True)
class _Text:
    """One text of a request, and when it arrived."""

    request: _Request
    place: int
    tokens: TokenizedText
    ranges: Sequence[TokenRange]
    arrived: float


class ModelWorker:
    """Runs an encoder in a thread of its own, until it is closed."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        most_tokens: int = MOST_TOKENS,
        on_tokens: Callable[[int], None] = lambda tokens: None,
    ) -> None:
        self._encoder = encoder
        self._on_tokens = on_tokens  # told after each batch
        self._most_tokens = most_tokens
        self._texts: dict[Task | None, deque[_Text]] = {}
        self._calls: deque[Callable[[], None]] = deque()
        self._waiting = 0  # tokens
        self._rate = _FIRST_RATE
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="jv3search-model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Tokens that wait, or are going through the model."""
        return self._waiting

    def submit(
        self,
        texts: Sequence[TokenizedText],
        ranges: Sequence[Sequence[TokenRange]],
        task: Task | None,
        reduce: Reduce = lambda means: means,
    ) -> Future[list[Means]]:
        """What `Encoder.pool` gives for some texts, batched with those of others; Busy if too much is waiting.

        `reduce` is applied to each text's means in the model's thread: it must be quick.
        """
        request = _Request([np.empty(0, np.float32)] * len(texts), len(texts), reduce)
        request.future.set_running_or_notify_cancel()  # what was accepted is finished
        now = time.monotonic()
        tokens = sum(map(len, texts))
        with self._changed:
            self._admit(tokens)
            waiting = self._texts.setdefault(task, deque())
            for place, (text, of_text) in enumerate(zip(texts, ranges, strict=True)):
                waiting.append(_Text(request, place, text, of_text, now))
            self._waiting += tokens
            self._changed.notify_all()
        return request.future

    def run(self, call: Callable[[], Result]) -> Result:
        """What a call of the encoder returns, made in the model's thread before any batch."""
        future: Future[Result] = Future()
        with self._changed:
            self._admit(0)
            self._calls.append(lambda: _settle(future, call))
            self._changed.notify_all()
        return future.result()

    def close(self) -> None:
        """Take nothing new, finish what was accepted, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _admit(self, tokens: int) -> None:
        """Busy if some tokens cannot be taken now; a request alone may have any size."""
        if self._closing or (self._waiting and self._waiting + tokens > self._most_tokens):
            seconds = math.ceil(self._waiting / self._rate)
            raise Busy(self._waiting, min(max(seconds, 1), 60))

    def _work(self) -> None:
        while True:
            call, task, batch = self._next()
            if call is not None:
                call()
            elif batch:
                self._embed(task, batch)
            else:
                return

    def _next(self) -> tuple[Callable[[], None] | None, Task | None, list[_Text]]:
        """What is to be done next: a call, or a batch of one task; neither at the end."""
        with self._changed:
            while True:
                if self._calls:
                    return self._calls.popleft(), None, []
                task = self._next_task()
                wait = self._seconds_to_wait(task)
                if wait is None and self._closing and not self._texts:
                    return None, None, []
                if wait is not None and (wait <= 0 or self._closing):
                    return None, task, self._taken(task)
                self._changed.wait(wait)

    def _next_task(self) -> Task | None:
        """Queries first, then whatever has waited longest."""
        if _QUERY in self._texts:
            return _QUERY
        return min(self._texts, key=lambda task: self._texts[task][0].arrived, default=None)

    def _seconds_to_wait(self, task: Task | None) -> float | None:
        """How long the texts of a task wait for others; None if there are none."""
        if task not in self._texts:
            return None
        if self._waiting >= BATCH_TOKENS:
            return 0.0
        wait = min(BATCH_SECONDS, _WAIT_SHARE * self._waiting / self._rate)
        return self._texts[task][0].arrived + wait - time.monotonic()

    def _taken(self, task: Task | None) -> list[_Text]:
        waiting = self._texts[task]
        batch = [waiting.popleft()]
        tokens = len(batch[0].tokens)
        while waiting and tokens + len(waiting[0].tokens) <= BATCH_TOKENS:
            tokens += len(waiting[0].tokens)
            batch.append(waiting.popleft())
        if not waiting:
            del self._texts[task]
        return batch

    def _embed(self, task: Task | None, batch: Sequence[_Text]) -> None:
        began = time.monotonic()
        tokens = sum(len(text.tokens) for text in batch)
        try:
            _deliver(
                batch,
                self._encoder.pool([text.tokens for text in batch], [text.ranges for text in batch], task),
            )
        except Exception as error:  # the requests' error, not the thread's end
            _fail(batch, error)
        self._on_tokens(tokens)
        seconds = max(time.monotonic() - began, 1e-6)
        with self._changed:
            self._waiting -= tokens
            self._rate += 0.2 * (tokens / seconds - self._rate)  # of about the last ten batches


def _settle(future: Future[Result], call: Callable[[], Result]) -> None:
    try:
        future.set_result(call())
    except Exception as error:
        future.set_exception(error)


def _deliver(batch: Sequence[_Text], means: Sequence[Means]) -> None:
    for text, of_text in zip(batch, means, strict=True):
        request = text.request
        request.means[text.place] = request.reduce(of_text)
        request.left -= 1
        if not request.left and not request.future.done():
            request.future.set_result(request.means)


def _fail(batch: Sequence[_Text], error: Exception) -> None:
    for text in batch:
        if not text.request.future.done():
            text.request.future.set_exception(error)


class SharedEncoder:
    """An encoder whose model belongs to a worker: every verb waits for its turn."""

    def __init__(self, encoder: Encoder, worker: ModelWorker) -> None:
        self._encoder = encoder
        self._worker = worker
        self.dimension = encoder.dimension
        self.max_tokens = encoder.max_tokens
        self.batch_tokens = encoder.batch_tokens

    def tokenize(self, text: str, task: Task | None = "retrieval.passage") -> TokenizedText:
        """As the encoder does, in the caller's thread."""
        return self._encoder.tokenize(text, task)

    def tokenize_whole(self, text: str, task: Task | None) -> TokenizedText:
        """As the encoder does, in the caller's thread."""
        return self._encoder.tokenize_whole(text, task)

    def submit(
        self,
        texts: Sequence[TokenizedText],
        ranges: Sequence[Sequence[TokenRange]],
        task: Task | None,
        reduce: Reduce = lambda means: means,
    ) -> Future[list[Means]]:
        """As `pool`, without waiting; `reduce` says what to keep of each text. Busy if too much is waiting."""
        return self._worker.submit(texts, ranges, task, reduce)

    def pool(
        self, texts: Sequence[TokenizedText], ranges: Sequence[Sequence[TokenRange]], task: Task | None
    ) -> list[Means]:
        """As the encoder does, batched with what others ask for; Busy if too much is waiting."""
        return self.submit(texts, ranges, task).result() if texts else []

    def encode_query(self, text: str) -> Embedding:
        """As the encoder does, batched with the queries of others."""
        tokens = self.tokenize_whole(text, _QUERY)
        (means,) = self.pool([tokens], [[(0, len(tokens))]], _QUERY)
        row: Embedding = unit_rows(means)[0]
        return row

    def encode_documents(
        self, documents: Sequence[ChunkedText], *, on_tokens: Callable[[int], None] | None = None
    ) -> list[Embedding]:
        """As the encoder does."""
        return self._worker.run(lambda: self._encoder.encode_documents(documents, on_tokens=on_tokens))

    def encode_document(self, text: str, spans: Sequence[Span], *, dimension: int | None = None) -> Embedding:
        """As the encoder does."""
        return self._worker.run(lambda: self._encoder.encode_document(text, spans, dimension=dimension))

    def encode(self, texts: Sequence[str], task: Task | None, *, dimension: int | None = None) -> Embedding:
        """As the encoder does."""
        return self._worker.run(lambda: self._encoder.encode(texts, task, dimension=dimension))

    def encode_tokens(self, texts: Sequence[str], task: Task) -> list[TokenStates]:
        """As the encoder does."""
        return self._worker.run(lambda: self._encoder.encode_tokens(texts, task))
