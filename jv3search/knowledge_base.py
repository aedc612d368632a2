"""A knowledge base: an index and the model that made it, with everything that can be done with both.

    import jv3search

    kb = jv3search.open("indexes/mine", create=True)
    kb.ingest("~/Documents")
    for hit in kb.search("How much notice do I have to give?"):
        print(hit.uri, hit.page, hit.text)

The command line, the application, background ingests, evaluations and benchmarks all use this class.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from jv3search.config import Settings, load_settings
from jv3search.errors import IndexMismatch, IndexNotFound, InputError, ReadInterrupted
from jv3search.location import IndexLocation
from jv3search.types import Document, Filter, Hit, Mode

if TYPE_CHECKING:
    from jv3search.encoders.port import Encoder
    from jv3search.indexes import Context, DocumentRow, IndexReader, IndexWriter, LedgerRow, Manifest, Status
    from jv3search.ingest.pipeline import Outcomes, Progress
    from jv3search.ingest.plan import Plan
    from jv3search.ingest.walk import Found
    from jv3search.search.retrieval import SearchResult

_EVERYTHING = Filter()
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did.

    plan     each file found with what was to be done, and the documents whose files are gone
    rows     what came of each file
    model    the model's name
    removed  how many documents were removed because their files are gone
    seconds  how long it took
    notices  what the user should know about the index
    """

    plan: Plan
    rows: tuple[LedgerRow, ...]
    model: str
    removed: int
    seconds: float
    notices: tuple[str, ...]


class KnowledgeBase:
    """Documents of any language, embedded by one model, to ingest into and to search; safe for several threads.

    The index and the model are opened when they are first needed. Close it, or use it in a `with` statement.
    """

    def __init__(self, settings: Settings, reader: IndexReader | None = None) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._reader = reader
        self._encoder: Encoder | None = None
        self._checked = False  # that the encoder is the very model that made the index

    # -- search ------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        where: Filter = _EVERYTHING,
        mode: Mode = "hybrid",
        group: bool = True,
        languages: Sequence[str] = (),
        otherwise: Sequence[str] = (),
    ) -> SearchResult:
        """The k passages most relevant to a query as a person types it, operators included, best first.

        With `group`, copies and translations of a passage are one hit. A passage that exists in several languages
        is shown in the first of `languages`; where none are named in the query's own, else in the first of
        `otherwise`. A search by `mode="keyword"` loads no model.

        InputError for an operator or a value there is not, and where filters and operators leave nothing to
        search; IndexNotFound where nothing was ingested yet.
        """
        reader = self.reader
        if mode != "keyword":
            self.load_beside()
        from jv3search.search.retrieval import SearchOptions, retrieve, typed_request

        options = SearchOptions(k, mode, group, tuple(languages), tuple(otherwise))
        encoder = None if mode == "keyword" else self.encoder
        return _retried(lambda: retrieve(reader, encoder, typed_request(reader, query, where), options))

    def highlight(self, result: SearchResult) -> SearchResult:
        """The same result with the sentence of each hit that matches the query best: one more forward pass."""
        from jv3search.search.retrieval import highlighted

        return highlighted(result, self.encoder)

    def context(self, hit: Hit | int, neighbours: int | None = 2) -> Context:
        """A hit (or the id of a chunk) among so many neighbours on either side; None is all of its section.

        InputError if the chunk is not in the index any more.
        """
        key = hit.chunk_id if isinstance(hit, Hit) else hit
        return _retried(lambda: self.reader.context(key, neighbours))

    # -- documents ---------------------------------------------------------------------------------

    def ingest(
        self,
        *paths: str | Path,
        prune: bool = False,
        wait: float = 0.0,
        on: str = "",
        shards: Path | None = None,
        on_file: Callable[[LedgerRow], None] | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Read new and changed files below some paths, embed them with late chunking, and store them.

        Without a path the folder of the settings is read. A file that cannot be read never stops the others; its
        row in the report has the reason. `prune` removes documents below the paths whose files are gone.
        `on_file` is told each file's outcome; `progress` is told more.

        `on` names a Ray cluster that reads and embeds: "local-cluster", "auto" or "ray://HOST:PORT". What it
        embeds goes through the folder `shards`, which all its machines share, and is embedded only once; this
        process stores it.

        InputError if there is no document, IndexLocked if another process still writes to the index after `wait`
        seconds, IndexMismatch if another model made it, ClusterError if the cluster cannot be used.
        """
        from jv3search.ingest.pipeline import Progress, apply_without_encoding, embed
        from jv3search.ingest.plan import make_plan

        outcomes = self._outcomes_on(on, shards) if on else self._outcomes_here
        began = time.perf_counter()
        progress = progress or Progress(on_row=on_file or (lambda row: None))
        roots = self._roots(paths)
        found = self._found(roots, prune)
        progress.on_found(found)
        with self._writer(self.manifest(), wait=wait) as writer:
            plan = make_plan(found, roots, writer.documents(), progress.on_compared)
            progress.on_plan(plan)
            rows = apply_without_encoding(plan, writer, prune=prune, progress=progress)
            if plan.of("add", "replace"):
                rows += embed(plan, writer, outcomes(), progress)
        removed, seconds = len(plan.vanished) if prune else 0, time.perf_counter() - began
        return IngestReport(plan, tuple(rows), self.settings.model, removed, seconds, tuple(writer.notices))

    def plan(self, *paths: str | Path, prune: bool = False, progress: Progress | None = None) -> Plan:
        """What `ingest` would do now; nothing is locked and nothing is written."""
        from jv3search.ingest.pipeline import Progress
        from jv3search.ingest.plan import make_plan

        progress = progress or Progress()
        roots = self._roots(paths)
        found = self._found(roots, prune)
        progress.on_found(found)
        return make_plan(found, roots, self._digests(), progress.on_compared)

    def remove(self, *uris: str) -> list[str]:
        """Take documents out of the index; files stay where they are. Returns those that were in it."""
        with self._changes() as writer:
            return [uri for uri in uris if writer.remove(uri)]

    def documents(self) -> list[DocumentRow]:
        """Every document, sorted by uri."""
        return _retried(lambda: self.reader.documents())

    def document(self, uri: str) -> Document:
        """A document as it was read; InputError if it is not in the index."""
        return _retried(lambda: self.reader.document(uri))

    # -- the index ---------------------------------------------------------------------------------

    def status(self) -> Status:
        """The index at a glance; of a replica that is searched, with how far it is behind."""
        from jv3search import indexes

        state = _retried(lambda: self.reader.status())
        if not self.settings.read_url:
            return state
        return replace(state, replica=indexes.behind(self.settings.index, state.generation))

    def runs_on(self) -> tuple[str, str]:
        """(engine, precision) of the model on this machine, without loading it; ModelError if it is not here."""
        from jv3search.encoders.models import locate, runs_on

        folder = locate(self.settings.model, self.settings.models)
        return runs_on(folder, self.settings.engine, self.settings.precision)

    def reindex(self, *, dimension: int | None = None, kind: str | None = None) -> tuple[str, ...]:
        """Change the dimension or the kind of the vector index, from the stored full-size vectors.

        Returns what the user should know; nothing is embedded again.
        """
        with self._changes() as writer:
            writer.reindex(dimension=dimension, kind=kind)
        return tuple(writer.notices)

    def embed_again(
        self, progress: Callable[[int, str], AbstractContextManager[Callable[[], None]]] | None = None
    ) -> tuple[str, ...]:
        """Embed every document again with the model of the settings, from the stored texts; no file is read.

        Searches go on in the old vectors until all is done; a run that is cut off changes nothing. `progress` is
        given the number of documents, and opens what is told of each. Returns what the user should know.
        """
        from jv3search.ingest.reembedding import embed_again

        manifest = self.manifest()
        with self._written() as reader:
            if manifest == replace(reader.manifest, model=manifest.model):
                return (f"{self.settings.index} was made by {manifest.model} already; nothing was embedded",)
            count = len(reader.documents())
            with self._changes() as writer, (progress or _unwatched)(count, "embedding again") as step:
                embed_again(reader, writer, self._loaded(), manifest, step)
        with self._lock:
            old, self._reader = self._reader, None
        if old is not None:
            old.close()
        return tuple(writer.notices)

    @property
    def reader(self) -> IndexReader:
        """The index for reading, or its replica, opened once; IndexNotFound says how to make one."""
        reader = self._reader
        if reader is not None:  # without the lock, which is held while a model is loaded
            return reader
        with self._lock:
            if self._reader is None:
                self._reader = open_to_search(self.settings)
            return self._reader

    @property
    def encoder(self) -> Encoder:
        """The very model that made the index, loaded once; IndexMismatch if its weights are others by now."""
        with self._lock:
            self._check()
            return self._loaded()

    def load(self) -> None:
        """Open the index and load its model now, which otherwise happens when they are first needed."""
        _ = self.encoder

    def load_beside(self) -> None:
        """Load the model in a thread, unless it is loaded, and open the search vectors meanwhile.

        IndexMismatch at once if it is not the model that made the index; whoever needs it first is told what else
        is wrong with it.
        """
        self._check()
        if self._encoder is None:
            threading.Thread(target=self._try_to_load, name="load", daemon=True).start()
            _retried(self._open_vectors)

    def load_for(self, wrap: Callable[[Encoder], Encoder]) -> None:
        """Load the model now, and have `wrap(encoder)`, a queue say, stand for it from now on.

        Where there is no index yet, it is the model of the settings.
        """
        try:
            encoder = self.encoder
        except IndexNotFound:
            encoder = self._loaded()
        with self._lock:
            self._encoder = wrap(encoder)

    def close(self) -> None:
        """Let go of the index and the model."""
        with self._lock:
            reader, self._reader, self._encoder, self._checked = self._reader, None, None, False
        if reader is not None:
            reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # -- parts -------------------------------------------------------------------------------------

    def _open_vectors(self) -> None:
        with self.reader.snapshot():
            pass

    def _loaded(self) -> Encoder:
        with self._lock:
            if self._encoder is None:
                self._encoder = encoder_of(self.settings)
            return self._encoder

    def _outcomes_here(self) -> Outcomes:
        from jv3search.ingest.pipeline import embedded_here

        return partial(embedded_here, self._loaded(), self.settings.chunk_tokens)

    def _outcomes_on(self, on: str, shards: Path | None) -> Callable[[], Outcomes]:
        """What has a cluster read and embed; what can be wrong with the arguments is found out now."""
        from jv3search.ingest.cluster.connection import check_address, shards_folder

        check_address(on)
        folder = shards_folder(on, shards)

        def outcomes() -> Outcomes:
            from jv3search.ingest.cluster.run import embedded_on
            from jv3search.ingest.cluster.shards import make_folder
            from jv3search.ingest.cluster.worker import Recipe

            settings, manifest = self.settings, self.manifest()
            own = make_folder(folder, manifest)
            recipe = Recipe(manifest, settings.models, settings.engine, settings.precision, settings.threads, own)
            return partial(embedded_on, on, recipe)

        return outcomes

    def _check(self) -> None:
        """IndexMismatch unless the model is the very one that made the index; looked at once."""
        if self._checked:
            return
        made_by, wanted = self.reader.manifest, self.manifest()
        if wanted.precision != made_by.precision:
            raise IndexMismatch(
                f"{self.settings.index} was made with the precision {made_by.precision}, a search with "
                f"{wanted.precision} would give other results: leave the precision to the index"
            )
        if wanted.weights != made_by.weights:
            raise IndexMismatch(
                f"{self.settings.index} was made by {made_by.model} with other weights "
                f"({made_by.weights[:12]}) than {self.settings.model} has ({wanted.weights[:12]}): a search would "
                "give wrong results. Use --model to name the model that made it, or embed it again: "
                f"jv3search reindex --index {self.settings.index} --model {self.settings.model}"
            )
        self._checked = True

    def _try_to_load(self) -> None:
        with suppress(Exception):  # whoever needs the model tries again, and is told
            _ = self.encoder

    def manifest(self) -> Manifest:
        """What an index made with these settings has to remember; the model itself is not loaded."""
        from jv3search.encoders.models import facts_of, known_models, locate
        from jv3search.indexes import Manifest
        from jv3search.ingest.chunks import CHUNKING_VERSION

        name, models = self.settings.model, self.settings.models
        folder = locate(name, models)
        facts = facts_of(folder)
        named = any(name == model.name for model in known_models(models))
        return Manifest(
            model=name if named else str(folder),  # a folder must be found again from anywhere
            weights=facts.weights,
            task="retrieval.passage",
            prefix=facts.passage_instruction,
            pooling="late",
            chunk_tokens=self.settings.chunk_tokens,
            dimension=facts.dimension,
            chunking=CHUNKING_VERSION,
            precision="int8" if self.settings.precision == "int8" else "full",
        )

    def _writer(self, manifest: Manifest, *, wait: float) -> IndexWriter:
        from jv3search import indexes

        return indexes.open_writer(
            self.settings.index,
            manifest,
            dimension=self.settings.dimension or None,
            kind=self.settings.kind or None,
            timeout=wait,
        )

    def _changes(self) -> IndexWriter:
        """The index for changes that need no model."""
        from jv3search import indexes

        with self._written() as reader:
            manifest = reader.manifest
        return indexes.open_writer(self.settings.index, manifest)

    @contextmanager
    def _written(self) -> Iterator[IndexReader]:
        """The index that is written to: what is searched may be a replica, which is behind."""
        from jv3search import indexes

        if not self.settings.read_url:
            yield self.reader
            return
        with indexes.open_reader(self.settings.index) as reader:
            yield reader

    def _roots(self, paths: Sequence[str | Path]) -> list[Path]:
        return [Path(path).expanduser() for path in paths] or [self.settings.documents]

    def _found(self, roots: Sequence[Path], prune: bool) -> Found:
        """The files below some paths; InputError if there is none, unless it is to prune what was there before."""
        from jv3search.ingest.walk import below, find_files

        known = self._digests() if prune else {}
        found = find_files(roots, leave_out=self.settings.index.folder, known=known)
        if not (found.files or found.refused or any(below(uri, roots) for uri in known)):
            hidden = (
                f" ({found.hidden} hidden, {found.links} links left out)" if found.hidden + found.links else ""
            )
            raise InputError(
                f"there is no document in {', '.join(map(str, roots))}{hidden}: put some there, or use --prune to "
                "remove from the index what was there before"
            )
        return found

    def _digests(self) -> dict[str, str]:
        """Digest of each document in the index, by uri; none if there is no index yet."""
        try:
            with self._written() as reader:
                return {row.uri: row.digest for row in reader.documents()}
        except IndexNotFound:
            return {}


def _retried(read: Callable[[], T]) -> T:
    """What is read; once more if the database broke it off."""
    try:
        return read()
    except ReadInterrupted:
        return read()


@contextmanager
def _unwatched(count: int, what: str) -> Iterator[Callable[[], None]]:
    yield lambda: None


def open(  # noqa: A001 - jv3search.open, as gzip.open
    index: str | Path | IndexLocation | None = None, *, create: bool = False, **settings: object
) -> KnowledgeBase:
    """The knowledge base in a folder or at the URL of a database; that of the settings if none is named.

    With `create` there need not be one yet: the first ingest makes it. Keywords are settings as in
    `jv3search.toml` (model, dimension, kind, chunk_tokens, ...); None is one that is not given. What made an index
    counts, unless a keyword says otherwise: settings of the file and the environment that describe an index are
    for new ones, and so is the choice of the best model that is here.

    IndexNotFound if there is no index and none is to be created, ConfigError for a setting that does not fit.
    """
    given = {"index": index, **settings}
    read = load_settings(given)
    try:
        reader = open_to_search(read)
    except IndexNotFound:
        if not create:
            raise
        return KnowledgeBase(with_model(read))
    manifest = reader.manifest
    made = {"model": manifest.model, "chunk_tokens": manifest.chunk_tokens, "dimension": 0, "kind": ""}
    if "int8" in (manifest.precision, read.precision):  # the other precisions may be mixed
        made["precision"] = "int8" if manifest.precision == "int8" else "auto"
    kept = {key: value for key, value in made.items() if given.get(key) is None}
    return KnowledgeBase(load_settings(given | kept), reader)


def open_to_search(settings: Settings) -> IndexReader:
    """The index of some settings to search: its replica if they name one."""
    from jv3search import indexes

    if settings.read_url:
        return indexes.open_replica(settings.index, IndexLocation.of(settings.read_url), settings.vector_engine)
    return indexes.open_reader(settings.index, settings.vector_engine)


def load_encoder(name: str = "", *, engine: str | None = None) -> Encoder:
    """A model by its name or its checkpoint's folder; if none is named that of the settings, else the best here.

    `engine` is what runs it: cuda, mps, openvino, torch, auto; None is that of the settings. ModelError if there
    is no model of that name, if it is damaged, or if the engine is not here.
    """
    return encoder_of(load_settings({"model": name or None, "engine": engine}))


def encoder_of(settings: Settings) -> Encoder:
    """The model that some settings name, or the best that is here."""
    from jv3search.encoders.models import load, locate

    folder = locate(with_model(settings).model, settings.models)
    return load(folder, settings.threads, settings.engine, settings.precision)


def with_model(settings: Settings) -> Settings:
    """The settings with a model's name: the one that is set, else the best that is here."""
    from jv3search.encoders.models import default_model

    return replace(settings, model=settings.model or default_model(settings.models))
