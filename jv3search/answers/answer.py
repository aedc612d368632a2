"""What an answer is: sentences in reading order, each with the passages it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jv3search.types import Hit

_OF_A_SOURCE = ("id", "document", "uri", "title", "page", "section", "span", "language", "text", "sentence")


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """A sentence of an answer and its passages, whose `rank` is the number it names them by.

    `supported` is False for a language model's sentence that none of its passages supports, or that names none.
    `unknown` are numbers it named though no passage has them; they are not in the text any more.
    """

    text: str
    language: str
    sources: tuple[Hit, ...]
    supported: bool = True
    unknown: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question; `model` is the language model that wrote it, empty where passages are quoted.

    `searched` is the query that was searched, for a follow-up question another than was typed.
    """

    question: str
    sentences: tuple[AnswerSentence, ...]
    model: str = ""
    searched: str = ""

    @property
    def refused(self) -> bool:
        """Whether nothing in the documents answers the question."""
        return not self.sentences

    def as_json(self) -> dict[str, Any]:
        """The public form: plain values that `json.dumps` takes."""
        return {
            "question": self.question,
            **({"searched": self.searched} if self.searched not in ("", self.question) else {}),
            "refused": self.refused,
            **({"model": self.model} if self.model else {}),
            "answer": [self._sentence_as_json(sentence) for sentence in self.sentences],
        }

    def _sentence_as_json(self, sentence: AnswerSentence) -> dict[str, Any]:
        found: dict[str, Any] = {"sentence": sentence.text, "language": sentence.language}
        if self.model:
            found |= {"supported": sentence.supported, "unknown_numbers": list(sentence.unknown)}
        return found | {"sources": [_source_as_json(hit) for hit in sentence.sources]}


def _source_as_json(hit: Hit) -> dict[str, Any]:
    from jv3search.search.retrieval import hit_as_json

    found = hit_as_json(hit)
    return {"number": hit.rank} | {name: found[name] for name in _OF_A_SOURCE if name in found}
