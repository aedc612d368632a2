"""The words that tell one topic from the others, as people wrote them.

Words are compared by the terms of the keyword index, so that inflected forms count together, and weighed by
class-based TF-IDF (Grootendorst 2022, arXiv 2203.05794) within one language. Scripts without spaces have pairs
of characters for terms: such a pair is shown with what surrounds it in most places.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import regex

from jv3search.indexes.keywords.stopwords import stopwords
from jv3search.indexes.keywords.terms import RUN, pairs, parts, word
from jv3search.text.folding import folded

_CANDIDATES = 40  # terms looked at for each topic: pairs of characters that overlap give one word
_SHORTEST = 3  # letters of a word where words are parted by spaces
_LONGEST = 12  # characters of a word where they are not
_TOGETHER = 0.6  # share of a string's places at which a character must stand beside it to belong to it
_MARKS = 4  # code points of a character with its marks, at most
_JAPANESE = regex.compile(r"[\p{Han}々]{2,}+|[\p{Katakana}ー]{2,}+")  # words; what joins them is Hiragana
_TWO_ARE_A_WORD = regex.compile(r"[\p{Han}\p{Hangul}]")
_LEADING_VOWEL = regex.compile(r"\p{Logical_Order_Exception}++$")  # of the next syllable
_LEAST = 4  # characters of what may be a word in Thai, Lao, Khmer or Burmese; shorter strings are syllables
_FUNCTIONAL = regex.compile(r"\p{Han}|\p{Hangul}$")  # of Korean only the end of a word is a particle
_CHARACTER = regex.compile(r"\P{M}\p{M}*+")
_HYPHEN = "\u00ad"


@dataclass
class _Counts:
    """Of one topic in one language: how much each term weighs in it, how it is written, and its texts."""

    weights: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    written: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    text: str = ""


def telling_terms(texts: Mapping[int, Sequence[str]], language: str, most: int) -> dict[int, tuple[str, ...]]:
    """Topic -> up to `most` words that tell it from the others, given each topic's texts in one language."""
    stopped = stopwords(language) | stopwords("en")  # which texts of all languages quote
    counts = {topic: _counted(of_topic, language, stopped) for topic, of_topic in texts.items()}
    everywhere: dict[str, float] = defaultdict(float)
    for of_topic in counts.values():
        for term, weight in of_topic.weights.items():
            everywhere[term] += weight
    average = sum(everywhere.values()) / max(len(counts), 1)
    found = {}
    for topic, of_topic in counts.items():
        scores = {
            term: weight * math.log1p(average / everywhere[term]) for term, weight in of_topic.weights.items()
        }
        best = heapq.nlargest(_CANDIDATES, scores, key=scores.__getitem__)  # of equal ones the first in the texts
        words = (_as_written(term, of_topic, language, stopped) for term in best)
        found[topic] = tuple(islice(_without_overlaps(words), most))
    return found


def _counted(texts: Sequence[str], language: str, stopped: frozenset[str]) -> _Counts:
    """A word counts by the logarithm of how often a document has it: one long document does not name the topic."""
    counts = _Counts(text="\n".join(texts))
    for text in texts:
        of_document: Counter[str] = Counter()
        for term, written in _terms(text, language):
            if not _is_filler(term, written, stopped):
                of_document[term] += 1
                counts.written[term][written] += 1
        for term, count in of_document.items():
            counts.weights[term] += math.log1p(count)
    return counts


def _terms(text: str, language: str) -> Iterator[tuple[str, str]]:
    """(term, as it is written) of the words and pairs of characters of a text."""
    for run in RUN.findall(text.replace(_HYPHEN, "")):
        for part, joined in parts(run):
            if joined:
                found = _JAPANESE.findall(part) if language == "ja" else pairs(part)[:-1]
                yield from ((each, each) for each in found)
            elif plain := folded(part):
                term = word(plain, (language,))
                yield (term.forms or (term.exact,))[-1], part


def _is_filler(term: str, written: str, stopped: frozenset[str]) -> bool:
    """Stop words, numbers, and what is too short to tell anything."""
    if term in stopped or any(character.isdecimal() for character in written):
        return True
    if _is_joined(written):
        return any(character in stopped for character in _FUNCTIONAL.findall(written))
    return folded(written) in stopped or len(written) < _SHORTEST


def _is_joined(written: str) -> bool:
    return any(joined for _, joined in parts(written))


def _as_written(term: str, counts: _Counts, language: str, stopped: frozenset[str]) -> str:
    """The usual way of writing a term; "" for a pair of characters of which nobody can say if it is a word."""
    usual = counts.written[term]
    written = min(usual, key=lambda each: (-usual[each], len(each), each))
    if language == "ja" or not _is_joined(written):
        return written
    if usual[written] == 1:
        return ""
    grown = _LEADING_VOWEL.sub("", _grown(written, counts.text, stopped))
    least = 2 if _TWO_ARE_A_WORD.match(grown) else _LEAST
    return grown if len(_CHARACTER.findall(grown)) >= least else ""


def _without_overlaps(words: Iterable[str]) -> Iterator[str]:
    shown: list[str] = []
    for each in words:
        if each and not any(each in other or other in each for other in shown):
            shown.append(each)
            yield each


def _grown(pair: str, text: str, stopped: frozenset[str]) -> str:
    """A pair of characters with what stands beside it in most of its places."""
    grown = pair
    while len(grown) < _LONGEST:
        places = [found.start() for found in regex.finditer(regex.escape(grown), text)]
        longer = _longer(grown, places, text, stopped)
        best = max(longer, key=lambda each: (longer[each], each), default="")
        if not best or longer[best] < max(2, _TOGETHER * len(places)):
            break
        grown = best
    return grown


def _longer(grown: str, places: Sequence[int], text: str, stopped: frozenset[str]) -> Counter[str]:
    """How often each string occurs that is longer by one character of a joined script."""
    found: Counter[str] = Counter()
    for place in places:
        after = _CHARACTER.match(text, place + len(grown))
        before = _CHARACTER.findall(text[max(0, place - _MARKS) : place])[-1:]
        beside = [(each, each + grown) for each in before]
        if after:
            beside.append((after.group(), grown + after.group()))
        found.update(longer for each, longer in beside if _is_joined(each) and each not in stopped)
    return found
