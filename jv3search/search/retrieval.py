"""From a query to hits: both legs, relevance, groups, and the result as every face shows it."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from jv3search.encoders.port import Encoder
from jv3search.errors import InputError
from jv3search.search.filters import folders, intersection, make_filter, relative_folders
from jv3search.search.grouping import grouped
from jv3search.search.query import ParsedQuery, parse
from jv3search.search.ranking import RANKING
from jv3search.search.relevance import by_relevance, nothing_relevant
from jv3search.text.scripts import scripts_of
from jv3search.types import UNKNOWN_LANGUAGE, Embedding, Filter, Hit, LegScore, Mode, document_id

if TYPE_CHECKING:
    from jv3search.indexes import IndexReader
    from jv3search.indexes.snapshot import IndexSnapshot

MODES: tuple[Mode, ...] = ("hybrid", "dense", "keyword")

# Of a hit that the keyword leg did not find.
_NO_WORD = LegScore("keyword", None, None, coverage=0.0, rare_coverage=0.0)


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is asked: `text` as it was typed, `meaning` to be embedded, `words` for the keyword leg."""

    text: str
    meaning: str
    words: str
    language: str
    where: Filter


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How a question is to be answered.

    `group` folds copies and translations of a passage into one hit. It is shown in the first of `languages` that
    it exists in; where none are named in the question's own, else in the first of `otherwise`.
    """

    k: int = 10
    mode: Mode = "hybrid"
    group: bool = True
    languages: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"k is {self.k}; ask for at least 1 hit")
        if self.mode not in MODES:
            raise InputError(f"there is no mode {self.mode!r}; choose one of {', '.join(MODES)}")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits for a question, best first, and the language, model, dimension and mode they were found with.

    `nothing_relevant` is said when no hit is likely enough to answer it; the hits are then the nearest there are.
    """

    query: str
    language: str
    model: str
    dimension: int
    mode: Mode
    hits: tuple[Hit, ...]

    @property
    def nothing_relevant(self) -> bool:
        """Whether no hit is likely to answer the question."""
        return nothing_relevant(self.hits, self.mode)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    def as_json(self) -> dict[str, Any]:
        """The public form: plain values that `json.dumps` takes."""
        return {
            "query": self.query,
            "language": self.language,
            "model": self.model,
            "dimension": self.dimension,
            "mode": self.mode,
            "nothing_relevant": self.nothing_relevant,
            "hits": [hit_as_json(hit) for hit in self.hits],
        }


def typed_request(reader: IndexReader, query: str, where: Filter) -> SearchRequest:
    """What a person asks for who types a query, operators included, beside a filter.

    InputError for an operator or a value there is not, and where filters and operators leave nothing to search.
    """
    from jv3search.text.language import detect

    parsed = parse(query)
    meaning = _meaning(parsed)
    uris = reader.uris_with(relative_folders(parsed.under)) if parsed.under else ()
    under = folders(uris, parsed.under)
    where = intersection(where, replace(_filter_of(parsed), under=under))
    return SearchRequest(query, meaning, parsed.words or parsed.question, detect(meaning), where)


def plain_request(query: str, where: Filter) -> SearchRequest:
    """A query in which nothing is an operator."""
    from jv3search.text.language import detect

    plain = query.replace("*", " ")
    return SearchRequest(query, plain, plain, detect(plain), where)


def check_query(query: str) -> None:
    """InputError for a query that no index could answer: it has no word, or an operator or value there is not."""
    _filter_of(parse(query))


def _meaning(parsed: ParsedQuery) -> str:
    """What of a query is embedded."""
    return parsed.question.replace("*", " ")


def _filter_of(parsed: ParsedQuery) -> Filter:
    """The operators of a query, but for folders, which only an index knows."""
    typed = make_filter(languages=parsed.languages, formats=parsed.formats, since=parsed.since, until=parsed.until)
    return replace(typed, phrases=parsed.phrases, without=parsed.without)


def highlighted(result: SearchResult, encoder: Encoder) -> SearchResult:
    """The same result with the sentence of each hit that matches the query best: one more forward pass."""
    from jv3search.search.highlight import highlighted_hits

    return replace(result, hits=tuple(highlighted_hits(result.hits, meaning_of(result.query), encoder)))


def meaning_of(query: str) -> str:
    """What is embedded of a query as a person types it."""
    return _meaning(parse(query))


def retrieve(
    reader: IndexReader, encoder: Encoder | None, request: SearchRequest, options: SearchOptions
) -> SearchResult:
    """Find the chunks that answer a question, in one read transaction; a keyword search needs no encoder."""
    vector = None if options.mode == "keyword" else _needed(encoder).encode_query(request.meaning)
    with reader.snapshot() as index:
        hits = _enough(index, vector, request, options)
        model, dimension = index.manifest.model, index.dimension
    return SearchResult(request.text, request.language, model, dimension, options.mode, tuple(hits))


def _enough(
    index: IndexSnapshot, vector: Embedding | None, request: SearchRequest, options: SearchOptions
) -> list[Hit]:
    """The hits asked for: the legs are asked for more until that many are left after grouping."""
    languages = options.languages or (request.language, *options.otherwise)
    depth = max(RANKING.depth, RANKING.depth_per_hit * options.k)
    while True:
        found = _ranked(index, vector, request, options.mode, depth)
        hits = found[: options.k]
        if options.group:
            hits = grouped(found, index, options.k, languages, request.where)
        if len(hits) == options.k or len(found) < depth:
            return hits
        depth *= 4


def _ranked(
    index: IndexSnapshot, vector: Embedding | None, request: SearchRequest, mode: Mode, depth: int
) -> list[Hit]:
    """All hits of the legs of a mode, most relevant first; without a vector there is no dense leg."""
    from jv3search.search.dense import dense_leg, dense_scores
    from jv3search.search.keyword import keyword_leg

    where = request.where
    dense: dict[int, LegScore] = {}
    keyword: dict[int, LegScore] = {}
    if mode != "dense":
        keyword = keyword_leg(index, request.words, depth, where, request.language)
    if vector is not None:
        dense = dense_leg(index, vector, depth, where)
        dense |= dense_scores(index, [key for key in keyword if key not in dense], vector)

    def with_legs(hit: Hit) -> Hit:
        legs = [dense[hit.chunk_id]] if dense else []
        if mode != "dense":
            legs.append(keyword.get(hit.chunk_id, _NO_WORD))
        return replace(hit, legs=tuple(legs))

    scripts = scripts_of(request.meaning)

    def foreign(hit: Hit) -> bool:
        return is_foreign(hit.language, hit.text, request.language, scripts)

    scores = {key: leg.score or 0.0 for key, leg in (dense or keyword).items()}
    hits = map(with_legs, index.hits(list(scores), list(scores.values())))
    return by_relevance(list(hits), foreign, mode)


def is_foreign(language: str, text: str, query_language: str, query_scripts: Set[str]) -> bool:
    """Whether a passage is in another language than the query, or else in another script.

    Nobody can tell whether a few Han characters are Chinese or Japanese.
    """
    if query_language == language != UNKNOWN_LANGUAGE:
        return False
    either = query_scripts == {"Han"} and {query_language, language} == {"zh", "ja"}
    if UNKNOWN_LANGUAGE not in (query_language, language) and not either:
        return True
    return bool(query_scripts) and not query_scripts & scripts_of(text)


def _needed(encoder: Encoder | None) -> Encoder:
    """The encoder; InputError if there is none."""
    if encoder is None:
        raise InputError("only a keyword search without explanation works without a model")
    return encoder


def hit_as_json(hit: Hit) -> dict[str, Any]:
    """A hit in its public form."""
    found: dict[str, Any] = {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "id": hit.chunk_id,
        "document": document_id(hit.uri),
        "uri": hit.uri,
        "title": hit.title,
        "format": hit.format,
        "page": hit.page,
        "section": hit.section,
        "span": [hit.span.start, hit.span.end],
        "language": hit.language,
        "text": hit.text,
    }
    if hit.legs:
        found["relevance"] = round(hit.relevance, 4)
        found["legs"] = [asdict(leg) for leg in hit.legs]
    if hit.sentence:
        found["sentence"] = [hit.sentence.start, hit.sentence.end]
    for name, others in (("copies", hit.copies), ("translations", hit.translations)):
        if others:
            found[name] = [hit_as_json(other) for other in others]
    return found
