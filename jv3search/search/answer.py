"""A question and what was found for it, as every face shows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from jv3search.encoders.port import Encoder
from jv3search.errors import InputError
from jv3search.types import Filter, Hit

if TYPE_CHECKING:
    from jv3search.indexes import Reader


@dataclass(frozen=True, slots=True)
class Answer:
    """The hits for a query, best first, and the model and dimension they were found with."""

    query: str
    model: str
    dimension: int
    hits: tuple[Hit, ...]

    def as_json(self) -> dict[str, Any]:
        """The public form: plain values that `json.dumps` takes."""
        return {
            "query": self.query,
            "model": self.model,
            "dimension": self.dimension,
            "hits": [_hit_as_json(hit) for hit in self.hits],
        }


def answer(reader: Reader, encoder: Encoder, query: str, k: int, where: Filter) -> Answer:
    """Embed a query and find the `k` chunks nearest to it; InputError for a blank query or a k below 1."""
    if k < 1:
        raise InputError(f"k is {k}; ask for at least 1 hit")
    if not query.strip():
        raise InputError("the query is empty: say what to look for")
    hits = reader.search(encoder.encode_query(query), k, where)
    return Answer(query, reader.recipe.model, reader.dimension, tuple(hits))


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
