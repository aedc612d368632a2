"""Milvus: rows of one index in a collection, searched there. The only file that knows pymilvus.

A row is a unit row, and behind it a value in the column of its language. The question has the offsets of the
languages there, so the inner product is the cosine less the offset of the row's language: one search gives all
languages in the right order, exactly or by a graph, and a language that is not wanted is out of reach.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

import grpc
import numpy as np
from numpy.typing import NDArray
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import MilvusException

from jv3search.errors import ReadInterrupted, StorageError
from jv3search.indexes.vectors.languages import NO_LANGUAGE, ChunkLanguages, Codes, LanguageSamples
from jv3search.indexes.vectors.port import IdBitmap, Ids, Scores
from jv3search.location import MilvusLocation
from jv3search.types import Embedding

_FLAT_UNTIL = 50_000  # chunks, as in a folder: below, comparing all takes no longer
_COLUMN = 0.25  # of a row in the column of its language: with 1 the graph of each language is an island
_GRAPH = {"M": 16, "efConstruction": 128}
_BREADTH = 400  # ef: candidates that a walk through the graph keeps; recalls are in docs/decisions/milvus.md
_SPARE = 16  # columns for languages that come later
_MOST = 16_384  # rows that Milvus gives at once
_MARGIN = 16  # rows asked for beyond those wanted, so that few left ones or equal ones cost no second search
_LEFT_OUT = 100.0  # taken off where a language is not wanted: more than any cosine or offset
_AT_ONCE = 16 << 20  # bytes of rows in one call; Milvus takes 64 MB
_PATIENCE = 30.0  # seconds for an answer
_CONNECTING = 10.0  # seconds for the first one
# Milvus Lite's own server breaks a connection off that is pinged every ten seconds, as the client does by itself.
_QUIET = {"grpc.keepalive_time_ms": 3_600_000, "grpc.use_local_subchannel_pool": 1}
_LONG = 3600.0  # seconds for what takes as long as the index is large
_PREFIX = "jv3search"
_STAMP = "jv3search"  # the property of a collection that says what is in it
_NO_COLLECTION = 100

for name in (
    "pymilvus",
    "milvus_lite",
    "grpc._server",
):  # they write what they raise to the terminal, with tracebacks
    logging.getLogger(name).setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection holds: every chunk of a catalog up to id `top`, as of a generation, and chunks that left.

    `rows` is how many there are; they are searched by a `graph`, or all compared. Column `dimension` + i is that
    of language i; there are `columns` of them.
    """

    name: str
    identity: str
    generation: int
    dimension: int
    kind: str
    graph: bool
    columns: int
    languages: tuple[str, ...] = ()
    top: int = 0
    rows: int = 0


def wants_graph(kind: str, rows: int) -> bool:
    """Whether so many rows are searched by a graph: those of any kind that is not exact."""
    return kind != "flat" and (kind != "auto" or rows > _FLAT_UNTIL)


class Milvus:
    """A connection, for any number of threads. StorageError says what is wrong with the server."""

    def __init__(self, location: MilvusLocation) -> None:
        self.location = location
        with self._telling():
            options = {"grpc_options": _QUIET} if location.is_file else {}
            self._client = MilvusClient(location.url, token=location.token, timeout=_CONNECTING, **options)

    def collections(self, identity: str) -> list[Collection]:
        """The finished collections of a catalog, latest first."""
        with self._telling():
            found = [self._stamp(name) for name in self._names(identity)]
        finished = (one for one in found if one)
        return sorted(finished, key=lambda one: (one.generation, one.name), reverse=True)

    def create(
        self, identity: str, dimension: int, kind: str, graph: bool, languages: Sequence[str]
    ) -> Collection:
        """A collection without rows, which is not finished before `finish`."""
        columns = len(languages) + _SPARE
        name = f"{_PREFIX}_{identity}_{time.time_ns():x}"  # of two of one state, the later one has the higher name
        new = Collection(name, identity, -1, dimension, kind, graph, columns, tuple(languages))
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension + columns)
        searched = MilvusClient.prepare_index_params()
        how = {"index_type": "HNSW", "params": _GRAPH} if graph else {"index_type": "FLAT"}
        searched.add_index("vector", metric_type="IP", **how)
        with self._telling():
            self._client.create_collection(name, schema=schema, index_params=searched, timeout=_LONG)
        return new

    def add(self, to: Collection, ids: Ids, rows: Embedding, codes: Codes) -> None:
        """Put unit rows in; those that a killed process left there already are replaced."""
        wide = np.zeros((len(rows), to.dimension + to.columns), np.float32)
        wide[:, : to.dimension] = rows
        wide[np.arange(len(rows)), to.dimension + codes.astype(np.int64)] = _COLUMN
        put = self._client.insert if to.generation < 0 else self._client.upsert
        at_once = max(1, _AT_ONCE // wide[:1].nbytes) if len(wide) else 1
        for start in range(0, len(wide), at_once):
            part = zip(ids[start : start + at_once].tolist(), wide[start : start + at_once], strict=True)
            with self._telling():
                put(to.name, [{"id": key, "vector": row} for key, row in part], timeout=_LONG)

    def finish(self, to: Collection, generation: int, top: int, rows: int, languages: Sequence[str]) -> None:
        """Say what is in a collection now that `rows` were added, after the server has shown that it has them.

        There may be more, of chunks that a killed process added and that left the catalog meanwhile.
        """
        filled = replace(to, generation=generation, top=top, rows=to.rows + rows, languages=tuple(languages))
        with self._telling():
            if to.generation < 0 and rows:
                self._client.flush(to.name, timeout=_LONG)  # the graph is made of what is on disk
            there = self._count(filled)
            if there < filled.rows:
                raise self._lacking(filled, there)
            stamp = json.dumps(asdict(replace(filled, rows=there)))
            self._client.alter_collection_properties(to.name, {_STAMP: stamp}, timeout=_PATIENCE)

    def check(self, filled: Collection) -> None:
        """StorageError unless the server has all rows that are said to be in a collection, and can search them."""
        with self._telling():
            there = self._count(filled)
        if there != filled.rows:
            raise self._lacking(filled, there)

    def drop(self, collection: Collection) -> None:
        """Drop one."""
        with self._telling():
            self._client.drop_collection(collection.name, timeout=_PATIENCE)

    def drop_all_but(self, kept: Collection | None, identity: str) -> None:
        """Drop the other collections of a catalog, those too that a killed process did not finish."""
        with self._telling():
            for name in self._names(identity):
                if kept is None or name != kept.name:
                    self._client.drop_collection(name, timeout=_PATIENCE)

    def nearest(self, among: Collection, query: Embedding, k: int) -> tuple[Ids, Scores]:
        """The k rows, 16,384 at most, with the greatest inner products with a row (dimension + columns,)."""
        walk = {"ef": max(_BREADTH, k)} if among.graph else {}
        with self._telling():
            [found] = self._client.search(
                among.name,
                data=[query],
                limit=k,
                output_fields=["id"],
                search_params={"metric_type": "IP", "params": walk},
                consistency_level="Bounded",  # rows of a finished collection were seen by whoever finished it
                timeout=_PATIENCE,
            )
        ids = np.fromiter((hit["id"] for hit in found), np.int64, len(found))
        return ids, np.fromiter((hit["distance"] for hit in found), np.float32, len(found))

    def close(self) -> None:
        """Let go of the server."""
        self._client.close()

    def _names(self, identity: str) -> list[str]:
        names = self._client.list_collections(timeout=_PATIENCE)
        return [name for name in names if name.startswith(f"{_PREFIX}_{identity}_")]

    def _stamp(self, name: str) -> Collection | None:
        """What is in a collection; None if that was never said, or cannot be read."""
        properties = self._client.describe_collection(name, timeout=_PATIENCE).get("properties") or {}
        try:
            values = json.loads(properties[_STAMP])
            return Collection(**values | {"languages": tuple(values["languages"])})
        except (KeyError, TypeError, ValueError):
            return None

    def _count(self, filled: Collection) -> int:
        """The rows up to its highest id, of all that was ever put in."""
        self._client.load_collection(filled.name, timeout=_LONG)
        upto, what = f"id <= {filled.top}", ["count(*)"]
        counted = self._client.query(
            filled.name, upto, output_fields=what, consistency_level="Strong", timeout=_LONG
        )
        return int(counted[0]["count(*)"])

    def _lacking(self, filled: Collection, there: int) -> StorageError:
        return StorageError(
            f"Milvus at {self.location} has {there} rows in {filled.name}, not {filled.rows}: run `jv3search "
            "reindex`, which puts all there anew; nothing is embedded again"
        )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except MilvusException as error:
            raise self._meant(str(error.message), error.code == _NO_COLLECTION) from None
        except grpc.RpcError as error:  # where pymilvus does not turn it into its own
            raise self._meant(str(error)) from None

    def _meant(self, said: str, gone: bool = False) -> StorageError:
        said = " ".join(said.split())
        if self.location.token:
            said = said.replace(self.location.token, "***")
        if gone:
            return ReadInterrupted(f"Milvus at {self.location}: what was searched is gone; search again ({said})")
        check = "that it runs, the URL and the token (JV3SEARCH_MILVUS_TOKEN)"
        if self.location.is_file:
            check = "that no other process has this file of Milvus Lite open, and that milvus-lite is installed"
        return StorageError(
            f"Milvus at {self.location} does not do what is asked: check {check}; nothing is lost, for the "
            f"catalog holds all vectors ({said})"
        )


class MilvusIndex:
    """The rows of one collection that were in the catalog when it was opened, as a vector index."""

    def __init__(
        self, server: Milvus, collection: Collection, languages: ChunkLanguages, samples: LanguageSamples
    ) -> None:
        self._server = server
        self.collection = collection
        self.languages = languages
        self.samples = samples
        self._count = int((languages.codes[: collection.top + 1] != NO_LANGUAGE).sum())

    @property
    def approximate(self) -> bool:
        """Whether a search may overlook a row."""
        return self.collection.graph

    @property
    def top(self) -> int:
        """The highest id that may be in it."""
        return self.collection.top

    def __len__(self) -> int:
        return self._count

    def nearest(
        self, query: Embedding, k: int, among: IdBitmap | None = None, offsets: Scores | None = None
    ) -> tuple[Ids, Scores]:
        """As the port says, but for a small `among`: fewer may be found than there are."""
        share = 1.0 if among is None else min(1.0, among.count / max(self._count, 1))
        most = min(_MOST, self.collection.rows)
        asked = min(int(1.25 * k / max(share, 1e-9)) + _MARGIN, most)
        wide = self._wide(query, offsets)
        while asked:
            ids, scores = self._server.nearest(self.collection, wide, asked)
            kept = self._kept(ids, scores, among)
            best = np.flatnonzero(kept)[:k]
            cut = len(best) < k or scores[best[-1]] <= scores[-1]  # rows as good as the last may be missing
            if not cut or asked == most or len(ids) < asked:
                order = np.lexsort((ids[kept], -scores[kept]))[:k]
                return ids[kept][order], scores[kept][order]
            asked = min(4 * asked, most)
        return np.empty(0, np.int64), np.empty(0, np.float32)

    def size(self) -> int:
        """Bytes of the rows; Milvus does not tell what else it keeps of them."""
        return self.collection.rows * 4 * (self.collection.dimension + self.collection.columns)

    def _wide(self, query: Embedding, offsets: Scores | None) -> Embedding:
        known = len(self.collection.languages)
        taken = np.full(self.collection.columns, _LEFT_OUT, np.float32)
        taken[:known] = 0 if offsets is None else np.minimum(offsets[:known], _LEFT_OUT)
        return np.concatenate([query, -taken / _COLUMN]).astype(np.float32)

    def _kept(self, ids: Ids, scores: Scores, among: IdBitmap | None) -> NDArray[np.bool_]:
        """Which of some rows were in the catalog, and may be found."""
        there = (ids <= self.top) & (self.languages.codes_of(ids) != NO_LANGUAGE) & (scores > -_LEFT_OUT / 2)
        kept: NDArray[np.bool_] = there if among is None else there & among.contains(ids)
        return kept
