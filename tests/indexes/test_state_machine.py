"""Any sequence of changes, reopenings and searches, compared with a dictionary and a slow search."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jv3search.types import Filter

from .conftest import Place
from .corpus import FORMATS, LANGUAGES, Oracle, check_dense, document, done, rows

QUERIES = rows(8, seed=94)
URIS = st.sampled_from(["/a", "/a/b", "/a/bc", "/Ä/日本", "/x y", "/سطر"])
FILTERS = st.builds(
    Filter,
    languages=st.frozensets(st.sampled_from(LANGUAGES), max_size=2),
    formats=st.frozensets(st.sampled_from(FORMATS), max_size=2),
    under=st.frozensets(st.sampled_from(["/a", "/a/b", "/Ä", "/"]), max_size=2),
)


class Life(RuleBasedStateMachine):
    """An index, its oracle, and a reader that is opened once and again."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.oracle = Oracle()
        self.version = 0

    @initialize(kind=st.sampled_from(["flat", "ivf"]))
    def start(self, kind: str) -> None:
        self.place = Place(self.folder / "index", kind)
        self.writer = self.place.writer()
        self.reader = self.place.reader()

    @rule(uri=URIS, count=st.integers(0, 70))
    def replace(self, uri: str, count: int) -> None:
        self.version += 1
        embedded = document(uri, count, seed=self.version % 10, version=self.version)
        self.writer.replace(embedded, done(embedded))
        self.oracle.replace(embedded)

    @rule(uri=URIS)
    def remove(self, uri: str) -> None:
        assert self.writer.remove(uri) == (self.oracle.documents.pop(uri, None) is not None)

    @rule(old=URIS, new=URIS)
    def move(self, old: str, new: str) -> None:
        if old in self.oracle.documents:
            self.oracle.move(old, new)
            self.writer.move(old, new, done(self.oracle.documents[new]))

    @rule(dimension=st.sampled_from([4, 16, 32]))
    def reindex(self, dimension: int) -> None:
        self.writer.reindex(dimension=dimension)

    @rule()
    def reopen_writer(self) -> None:
        self.writer.close()
        assert self.writer.notices == []
        self.writer = self.place.writer()

    @rule()
    def reopen_reader(self) -> None:
        self.reader.close()
        self.reader = self.place.reader()

    @rule(number=st.integers(0, 7), k=st.integers(1, 12), where=FILTERS)
    def search(self, number: int, k: int, where: Filter) -> None:
        check_dense(self.reader, self.oracle, QUERIES[number], k, where)

    @invariant()
    def same_documents(self) -> None:
        if hasattr(self, "writer"):
            expected = {uri: one.source.digest for uri, one in self.oracle.documents.items()}
            assert self.writer.documents() == expected
            assert set(self.writer.known()) == set(expected)

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.reader.close()
            self.writer.close()
            assert self.reader.notices == []
        shutil.rmtree(self.folder)


Life.TestCase.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLife = Life.TestCase
