"""A test set from the user's own index, without a person's judgement: headings ask for their own sections.

Silver, not gold. It can tell one setting from another (dimension, pooling, mode) on these very documents. It
cannot tell how good the answers to people's questions are: a heading is part of the passage it asks for, so
the keyword leg finds it easily; its words are the author's, not an asker's; and other sections that answer it
as well count as wrong.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from jv3search.errors import InputError
from jv3search.evaluation.collection import Collection, Question
from jv3search.evaluation.sections import stands_for
from jv3search.indexes import Reader
from jv3search.ingest.language import document_language
from jv3search.types import Hit

_LEAST_BODY = 120  # characters below a heading; a shorter section is little more than the heading itself
_LEAST_LETTERS = 4  # of a heading; "FAQ" asks for nothing
_MOST_WORDS = 20  # of a heading; longer ones are sentences set in bold


@dataclass(frozen=True, slots=True)
class _Headed:
    """A section that is worth asking for, and where the chunks start that stand for it."""

    name: str
    uri: str
    title: str
    language: str
    starts: tuple[int, ...]


def silver(reader: Reader, sample: int) -> Collection:
    """At most `sample` headings (0: all), evenly spread; InputError if the index has none to ask.

    A heading that several sections share is left out: it cannot say which one it means.
    """
    headed = [section for row in reader.documents() for section in _headed(reader, row.uri)]
    titles = Counter(section.title.casefold() for section in headed)
    once = [section for section in headed if titles[section.title.casefold()] == 1]
    if not once:
        raise InputError(
            "no silver set can be made of this index: it has no section with a heading of its own and at least "
            f"{_LEAST_BODY} characters below it (plain text files have no headings)"
        )
    chosen = [once[i * len(once) // sample] for i in range(sample)] if 0 < sample < len(once) else once
    held: dict[tuple[str, int], list[str]] = defaultdict(list)
    for section in chosen:
        for start in section.starts:
            held[section.uri, start].append(section.name)

    def target(question: Question, hit: Hit) -> str:
        names = held.get((hit.uri, hit.span.start), [])
        return next((name for name in names if name in question.relevant), f"{hit.uri} {hit.span.start}")

    questions = tuple(Question(of.name, of.title, of.language, {of.name: 1}) for of in chosen)
    languages = {of.name: of.language for of in chosen}
    notice = f"silver: {len(questions)} of {len(once)} headings ask for their own sections"
    return Collection("silver", questions, languages, target, notices=(notice,))


def _headed(reader: Reader, uri: str) -> Iterator[_Headed]:
    chunks = reader.chunks(uri)
    for number, section in enumerate(reader.document(uri).sections):
        title = " ".join(section.title.split())
        standing = [chunk for chunk in chunks if stands_for(chunk.span, section)]
        if standing and _asks(title) and len(section.span) - len(title) >= _LEAST_BODY:
            language = document_language([c.language for c in standing], [len(c.span) for c in standing])
            yield _Headed(f"{uri} § {number}", uri, title, language, tuple(c.span.start for c in standing))


def _asks(title: str) -> bool:
    """Whether a heading says enough to be looked for."""
    letters = sum(character.isalpha() for character in title)
    return letters >= _LEAST_LETTERS and len(title.split()) <= _MOST_WORDS
