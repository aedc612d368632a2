"""A question and what was found for it, as every face shows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from jv3search.encoders.port import Encoder
from jv3search.errors import InputError
from jv3search.indexes.keywords.terms import scripts_of
from jv3search.search.fusion import fuse
from jv3search.search.grouping import grouped
from jv3search.types import UNKNOWN_LANGUAGE, Embedding, Filter, Hit, Mode, Vote

if TYPE_CHECKING:
    from jv3search.indexes import Reader

_DEPTH = 100  # hits of each leg, at least, for two rankings to have enough in common
_PER_HIT = 3  # hits of each leg for one asked for: some are copies of others

MODES: tuple[Mode, ...] = ("hybrid", "dense", "keyword")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: `text` as it was typed, `meaning` to be embedded, `words` for the keyword leg."""

    text: str
    meaning: str
    words: str
    language: str
    where: Filter


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a question is to be answered.

    `group` folds copies and translations of a passage into one hit, shown in the first of `languages` that has it.
    """

    k: int = 10
    mode: Mode = "hybrid"
    group: bool = True
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"k is {self.k}; ask for at least 1 hit")
        if self.mode not in MODES:
            raise InputError(f"there is no mode {self.mode!r}; choose one of {', '.join(MODES)}")


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits for a question, best first, and the language, model, dimension and mode they were found with."""

    query: str
    language: str
    model: str
    dimension: int
    mode: Mode
    hits: tuple[Hit, ...]

    def as_json(self) -> dict[str, Any]:
        """The public form: plain values that `json.dumps` takes."""
        return {
            "query": self.query,
            "language": self.language,
            "model": self.model,
            "dimension": self.dimension,
            "mode": self.mode,
            "hits": [_hit_as_json(hit) for hit in self.hits],
        }


def answer(reader: Reader, encoder: Encoder | None, question: Question, wishes: Wishes) -> Answer:
    """Find the chunks that answer a question; a keyword search needs no encoder."""
    hits = _enough(reader, encoder, question, wishes)
    model, dimension = reader.recipe.model, reader.dimension
    return Answer(question.text, question.language, model, dimension, wishes.mode, tuple(hits))


def _enough(reader: Reader, encoder: Encoder | None, question: Question, wishes: Wishes) -> list[Hit]:
    """The hits asked for: the legs are asked for more until that many are left after grouping."""
    vector = None if wishes.mode == "keyword" else needed(encoder).encode_query(question.meaning)
    depth = max(_DEPTH, _PER_HIT * wishes.k)
    while True:
        found = _ranked(reader, vector, question, wishes.mode, depth)
        hits = _grouped(found, reader, question, wishes) if wishes.group else found[: wishes.k]
        if len(hits) == wishes.k or len(found) < depth:
            return hits
        depth *= 4


def _grouped(found: list[Hit], reader: Reader, question: Question, wishes: Wishes) -> list[Hit]:
    return grouped(found, reader, wishes.k, wishes.languages, question.where)


def _ranked(reader: Reader, vector: Embedding | None, question: Question, mode: Mode, depth: int) -> list[Hit]:
    """All hits of the legs that `mode` asks, best first; without a vector only the keyword leg can be asked."""
    keyword = [] if mode == "dense" else _matched(reader, question, depth)
    if vector is None:
        return keyword
    dense = reader.nearest(vector, depth, question.where)
    if mode == "dense":
        return dense
    seen = {hit.chunk_id for hit in dense}
    cosines = reader.cosines([hit.chunk_id for hit in keyword if hit.chunk_id not in seen], vector)
    held = [hit for hit in keyword if hit.chunk_id in seen or hit.chunk_id in cosines]  # not gone meanwhile
    keyword = [replace(hit, score=cosines.get(hit.chunk_id, hit.score)) for hit in held]
    return fuse(dense, keyword, lambda hit: _is_foreign(hit, question), depth=depth)


def _matched(reader: Reader, question: Question, depth: int) -> list[Hit]:
    """The keyword leg's hits, with its vote."""
    hits = reader.match(question.words, depth, question.where, question.language)
    return [replace(hit, votes=(Vote("keyword", hit.rank, hit.score),)) for hit in hits]


def _is_foreign(hit: Hit, question: Question) -> bool:
    """Whether a passage is in another language than the question, or else in another script."""
    if UNKNOWN_LANGUAGE not in (question.language, hit.language):
        return question.language != hit.language
    asked = scripts_of(question.meaning)
    return bool(asked) and not asked & scripts_of(hit.text)


def needed(encoder: Encoder | None) -> Encoder:
    """The encoder; InputError if there is none."""
    if encoder is None:
        raise InputError("only a keyword search without explanation works without a model")
    return encoder


def _hit_as_json(hit: Hit) -> dict[str, Any]:
    found: dict[str, Any] = {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "id": hit.chunk_id,
        "uri": hit.uri,
        "title": hit.title,
        "format": hit.format,
        "page": hit.page,
        "section": hit.section,
        "span": [hit.span.start, hit.span.end],
        "language": hit.language,
        "text": hit.text,
    }
    if hit.votes:
        found["votes"] = [asdict(vote) for vote in hit.votes]
    if hit.sentence:
        found["sentence"] = [hit.sentence.start, hit.sentence.end]
    for name, others in (("copies", hit.copies), ("translations", hit.translations)):
        if others:
            found[name] = [_hit_as_json(other) for other in others]
    return found
