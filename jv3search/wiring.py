"""From settings to parts: the only module that knows every part, and which imports each on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from jv3search.config import Settings, load_settings
from jv3search.errors import IndexMismatch, IndexNotFound, InputError
from jv3search.types import Filter, Hit, Mode

if TYPE_CHECKING:
    from jv3search.encoders.jina_v3.encoder import JinaV3Encoder
    from jv3search.encoders.port import Encoder
    from jv3search.evaluation.dimensions import Bench
    from jv3search.evaluation.reports import Evaluation
    from jv3search.evaluation.runs import Plan as EvaluationPlan
    from jv3search.evaluation.runs import Progress as Steps
    from jv3search.evaluation.variant import Variant
    from jv3search.indexes import LedgerRow, Reader, Recipe, Writer
    from jv3search.ingest.pipeline import Progress
    from jv3search.ingest.plan import Plan
    from jv3search.ingest.walk import Found
    from jv3search.search.answer import Answer
    from jv3search.search.query import Query

# Country codes that people take for language codes.
_COUNTRIES = {"jp": "ja", "cn": "zh", "gr": "el", "cz": "cs", "dk": "da", "ua": "uk", "us": "en"}


def settings_for(flags: Mapping[str, object]) -> Settings:
    """Settings for an index as it is: what made it counts, unless a flag says otherwise.

    Settings of the file and the environment that describe an index (model, dimension, kind, chunk_tokens) are for
    new ones; so is the choice of the best model that is here.
    """
    settings = load_settings(flags)
    try:
        with open_reader(settings) as reader:
            recipe = reader.recipe
    except IndexNotFound:
        return replace(settings, model=model_name(settings))
    made = {"model": recipe.model, "chunk_tokens": recipe.chunk_tokens, "dimension": 0, "kind": ""}
    return load_settings(dict(flags) | {key: value for key, value in made.items() if flags.get(key) is None})


def model_name(settings: Settings) -> str:
    """The model that is set, else the best that is here."""
    from jv3search.encoders.models import default_model

    return settings.model or default_model(settings.models)


def open_encoder(settings: Settings) -> JinaV3Encoder:
    """Load the model that is set, or the best that is here."""
    from jv3search.encoders.models import load, locate

    return load(locate(model_name(settings), settings.models), settings.threads)


def open_reader(settings: Settings) -> Reader:
    """The index for reading; IndexNotFound says how to make one."""
    from jv3search import indexes

    return indexes.open_reader(settings.index, url=settings.catalog or None)


def open_writer(settings: Settings, recipe: Recipe, *, wait: float) -> Writer:
    """The index for writing, made if it is not there; IndexLocked while another process writes to it."""
    from jv3search import indexes

    return indexes.open_writer(
        settings.index,
        recipe,
        dimension=settings.dimension or None,
        kind=settings.kind or None,
        url=settings.catalog or None,
        timeout=wait,
    )


def reopen_writer(settings: Settings) -> Writer:
    """An index that exists, for changes that need no model."""
    from jv3search import indexes

    with open_reader(settings) as reader:
        recipe = reader.recipe
    return indexes.open_writer(settings.index, recipe, url=settings.catalog or None)


def recipe_of(settings: Settings) -> Recipe:
    """What an index made with these settings has to remember; the model itself is not loaded."""
    from jv3search.encoders.jina_v3.config import read_config, weights_digest
    from jv3search.encoders.models import known_models, locate
    from jv3search.indexes import Recipe
    from jv3search.ingest.chunking import CHUNKING_VERSION

    name = model_name(settings)
    folder = locate(name, settings.models)
    config = read_config(folder)
    named = any(name == model.name for model in known_models(settings.models))
    return Recipe(
        model=name if named else str(folder),  # a folder must be found again from anywhere
        weights=weights_digest(folder),
        task="retrieval.passage",
        prefix=config.instructions["retrieval.passage"],
        pooling="late",
        chunk_tokens=settings.chunk_tokens,
        dimension=config.dimension,
        chunking=CHUNKING_VERSION,
    )


def open_for_search(settings: Settings) -> tuple[Reader, JinaV3Encoder]:
    """The index and the very model that made it; IndexMismatch if the model's weights are others by now."""
    reader = open_reader(settings)
    weights = recipe_of(settings).weights
    if weights != reader.recipe.weights:
        raise IndexMismatch(
            f"{settings.index} was made by {reader.recipe.model} with other weights "
            f"({reader.recipe.weights[:12]}) than {settings.model} has ({weights[:12]}): a search would give "
            f"wrong results. Rebuild it: delete {settings.index} and ingest the documents again; or give the "
            "model that made it with --model"
        )
    return reader, open_encoder(settings)


def search(
    reader: Reader,
    encoder: Encoder | None,
    query: str,
    *,
    where: Filter,
    k: int = 10,
    mode: Mode = "hybrid",
    group: bool = True,
    explain: bool = False,
    languages: Sequence[str] = (),
) -> Answer:
    """The answer to a query as a person types it, operators included; `languages` are the reader's, best first.

    InputError for an operator or a value there is not, and where filters and operators leave nothing to search.
    """
    from jv3search.ingest.language import detect
    from jv3search.search.answer import Question, Wishes, answer
    from jv3search.search.query import parse

    asked = parse(query)
    meaning = _meaning(asked)
    words = asked.words or asked.question
    question = Question(query, meaning, words, detect(meaning), _scope(reader, asked, where))
    found = answer(reader, encoder, question, Wishes(k, mode, group, tuple(languages)))
    return explained(found, encoder) if explain else found


def explained(answer: Answer, encoder: Encoder | None) -> Answer:
    """The same answer with the sentence of each hit that matches the query best: one more forward pass."""
    from jv3search.ingest.chunking import sentences
    from jv3search.search.answer import needed
    from jv3search.search.query import parse
    from jv3search.search.why import with_sentences

    hits = with_sentences(answer.hits, _meaning(parse(answer.query)), needed(encoder), sentences)
    return replace(answer, hits=tuple(hits))


def _meaning(asked: Query) -> str:
    """What of a query is embedded."""
    return asked.question.replace("*", " ")


def _scope(reader: Reader, asked: Query, where: Filter) -> Filter:
    """What the operators of a query and a filter admit together."""
    from jv3search.search.scope import both, folders

    typed = make_filter(languages=asked.languages, formats=asked.formats, since=asked.since, until=asked.until)
    under = folders((row.uri for row in reader.documents()), asked.under) if asked.under else frozenset()
    return both(where, replace(typed, under=under, phrases=asked.phrases, without=asked.without))


def language_codes(values: Sequence[str]) -> tuple[str, ...]:
    """Language codes as a person types them, in their order; InputError for one there is not."""
    from jv3search.ingest.language import KNOWN_LANGUAGES

    _known(values, KNOWN_LANGUAGES, "language code", "use codes such as en, de, ja, zh")
    return tuple(value.lower() for value in values)


def make_filter(
    *,
    languages: Sequence[str] = (),
    formats: Sequence[str] = (),
    under: Sequence[Path] = (),
    since: str = "",
    until: str = "",
) -> Filter:
    """A filter from what a person types; InputError for a language, format or date there is not.

    A day in `since` is meant from its beginning, one in `until` to its end (UTC).
    """
    from jv3search.ingest.language import KNOWN_LANGUAGES
    from jv3search.ingest.readers import READERS

    return Filter(
        languages=_known(languages, KNOWN_LANGUAGES, "language code", "use codes such as en, de, ja, zh"),
        formats=_known(formats, READERS, "document type", f"there are: {' '.join(READERS)}"),
        under=frozenset(str(folder.expanduser().resolve()) for folder in under),
        since=_date(since) if since else None,
        until=_date(until) + (timedelta(days=1) if len(until) == len("2026-01-31") else timedelta())
        if until
        else None,
    )


def find_documents(settings: Settings, paths: Sequence[Path], *, prune: bool) -> Found:
    """The files below some paths; InputError if there is none, unless it is to prune what was there before."""
    from jv3search.ingest.walk import below, find_files

    known = _held(settings) if prune else {}
    found = find_files(paths, leave_out=settings.index, known=known)
    if not (found.files or found.refused or any(below(uri, paths) for uri in known)):
        hidden = f" ({found.hidden} hidden, {found.links} links left out)" if found.hidden + found.links else ""
        raise InputError(
            f"there is no document in {', '.join(map(str, paths))}{hidden}: put some there, or use --prune to "
            "remove from the index what was there before"
        )
    return found


def dry_run(settings: Settings, found: Found, roots: Sequence[Path], on_file: Callable[[], None]) -> Plan:
    """What an ingest would do now; nothing is locked and nothing is written."""
    from jv3search.ingest.plan import make_plan

    return make_plan(found, roots, _held(settings), on_file)


def _held(settings: Settings) -> dict[str, str]:
    """Digest of each document in the index, by uri; none if there is no index yet."""
    try:
        with open_reader(settings) as reader:
            return {row.uri: row.digest for row in reader.documents()}
    except IndexNotFound:
        return {}


def ingest(settings: Settings, plan: Plan, writer: Writer, *, prune: bool, progress: Progress) -> list[LedgerRow]:
    """Carry out a plan; the model is loaded only if there is something to embed."""
    from jv3search.ingest.pipeline import embed, settle

    rows = settle(plan, writer, prune=prune, progress=progress)
    if plan.of("add", "replace"):
        encoder = open_encoder(settings)
        rows += embed(plan, writer, encoder, chunk_tokens=settings.chunk_tokens, progress=progress)
    return rows


def _known(values: Sequence[str], known: Iterable[str], what: str, help_text: str) -> frozenset[str]:
    choices = set(known)
    wanted = [value.lower() for value in values]
    for value in wanted:
        if value not in choices:
            near = [_COUNTRIES[value]] if value in _COUNTRIES else get_close_matches(value, choices, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near and len(value) < 5 else help_text
            raise InputError(f"{value!r} is no {what}; {hint}")
    return frozenset(wanted)


def _date(value: str) -> datetime:
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{value!r} is no date; write it as 2026-01-31 or 2026-01-31T08:00") from None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def evaluate(
    flags: Mapping[str, object], dataset: Path | None, plan: EvaluationPlan, *, sample: int, progress: Steps
) -> Evaluation:
    """How well searches find what is known to be right.

    `dataset` is a folder in the BEIR layout, for which an index is made and deleted again, a TSV about the index
    of the settings, or None for that index's own headings, at most `sample` of them (0: all).
    """
    from jv3search.evaluation import datasets
    from jv3search.evaluation.measures import require_ir_measures
    from jv3search.evaluation.reports import Evaluation
    from jv3search.evaluation.runs import runs

    require_ir_measures()
    with ExitStack() as stack:
        if dataset is not None and dataset.is_dir():
            settings = load_settings(flags)
            settings = replace(settings, model=model_name(settings))
            encoder, recipe = open_encoder(settings), recipe_of(settings)
            reader, collection = stack.enter_context(
                datasets.beir(dataset, encoder, recipe, plan.poolings[0], progress)
            )
        else:
            reader, encoder = open_for_search(settings_for(flags))
            stack.enter_context(reader)
            collection = datasets.of_index(reader, dataset, sample)
        found = tuple(runs(plan, collection, reader, encoder, _hits, progress))
    return Evaluation(collection.name, len(collection.questions), reader.recipe.model, found, collection.notices)


def bench(
    settings: Settings, dims: Sequence[int], queries: Sequence[str] | None, *, sample: int, k: int, progress: Steps
) -> Bench:
    """What each dimension gives and costs on an index, of those that its vectors have."""
    from jv3search.evaluation import dimensions

    reader, encoder = open_for_search(settings)
    with reader:
        return dimensions.bench(reader, encoder, dims, queries, sample=sample, k=k, progress=progress)


def _hits(reader: Reader, encoder: Variant, query: str, k: int, where: Filter, mode: Mode) -> Sequence[Hit]:
    """A search as evaluations make it: nothing in a query is an operator, and no hit is folded into another."""
    from jv3search.ingest.language import detect
    from jv3search.search.answer import Question, Wishes, answer

    plain = query.replace("*", " ")
    question = Question(query, plain, plain, detect(plain), where)
    return answer(reader, encoder, question, Wishes(k, mode, group=False)).hits
