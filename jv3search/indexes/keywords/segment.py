"""A segment: the terms of up to 65,536 chunks as sorted arrays, which are mapped from a file and never changed."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from jv3search.indexes.keywords.phrases import Phrase
from jv3search.indexes.keywords.terms import Term

MOST_CHUNKS = 1 << 16  # a chunk's number in its segment takes 16 bits
_LAST_POSITION = 0xFFFE  # later terms of a chunk are counted, but begin no phrase: nothing is at the next position
_STEP = 128  # terms from one that is kept in memory to the next
_DENSE = 2_048  # occurrences from which counting in an array of all chunks is faster than sorting

Array = NDArray[Any]
_TYPES = {
    "ids": "<i8", "lengths": "<u4", "chunks_having": "<u4", "place_ends": "<u4", "places": "<u4",
    "form_ends": "<u4", "forms": "<u2", "term_ends": "<u4", "letters": "u1",
}  # fmt: skip


class Entry(NamedTuple):
    """The terms of a chunk."""

    chunk: int
    terms: Sequence[Term]


class Postings(NamedTuple):
    """Where a segment has something: `places` (number of the chunk << 16 | position) as it is written.

    `forms` has the number of a chunk once for each word of which it is another form. Both ascend. `having` is the
    number of chunks that have it, None if it has to be counted.
    """

    places: Array
    forms: Array
    having: int | None = None

    def counts(self, numbers: Array) -> Array:
        """How often each of some chunks has it."""
        first = numbers.astype(np.uint32) << 16
        found = np.searchsorted(self.places, first | 0xFFFF, "right") - np.searchsorted(self.places, first)
        if len(self.forms):
            same = numbers.astype(np.uint16)
            found += np.searchsorted(self.forms, same, "right") - np.searchsorted(self.forms, same)
        return found

    def chunks(self) -> tuple[Array, Array]:
        """The numbers of the chunks that have it, ascending, and how often."""
        numbers = np.concatenate([(self.places >> 16).astype(np.uint16), self.forms])
        if len(numbers) < _DENSE:
            return np.unique(numbers, return_counts=True)
        counts = np.bincount(numbers)
        found = np.flatnonzero(counts)
        return found, counts[found]


@dataclass(frozen=True, eq=False)
class Segment:
    """All arrays of a segment; terms are sorted, and what belongs to term i ends at `..._ends[i]`.

    `lengths` are occurrences of terms, forms included; a chunk without terms has length 0. `chunks_having` is the
    number of chunks with a term in any form, `letters` the terms in UTF-8.
    """

    ids: Array
    lengths: Array
    chunks_having: Array
    place_ends: Array
    places: Array
    form_ends: Array
    forms: Array
    term_ends: Array
    letters: Array

    def __len__(self) -> int:
        return len(self.ids)

    def anywhere(self, phrase: Phrase) -> Postings:
        """A single term as it is or as a form of another, several terms as they are."""
        if len(phrase.terms) > 1:
            return Postings(self._in_a_row(phrase), self.forms[:0])
        low, high = self._range(phrase.terms[0], phrase.prefix)
        places, forms = _of(self.places, self.place_ends, low, high), _of(self.forms, self.form_ends, low, high)
        if phrase.prefix:
            return Postings(np.sort(places), np.sort(forms))
        return Postings(places, forms, int(self.chunks_having[low]) if low < high else 0)

    def exact(self, phrase: Phrase) -> Array:
        """The numbers of the chunks with exactly these terms, one after the other."""
        return Postings(self._in_a_row(phrase), self.forms[:0]).chunks()[0]

    @cached_property
    def terms(self) -> list[str]:
        """Every term, sorted."""
        starts = [0, *self.term_ends.tolist()]
        letters = self.letters.tobytes()
        return [letters[start:end].decode() for start, end in pairwise(starts)]

    def save(self, path: Path) -> None:
        """Write it to a file; OSError if that fails."""
        arrays = [getattr(self, name) for name in _TYPES]
        with path.open("wb") as stream:
            stream.write(np.array([len(one) for one in arrays], "<i8").tobytes())
            for one in arrays:
                stream.write(np.ascontiguousarray(one).tobytes())
                stream.write(bytes(-stream.tell() % 8))  # each begins where its numbers may

    def _in_a_row(self, phrase: Phrase) -> Array:
        """The places where a phrase begins, found from its rarest term on."""
        *firsts, last = phrase.terms
        each = [self._places(term) for term in firsts] + [self._places(last, phrase.prefix)]
        order = sorted(range(len(each)), key=lambda at: len(each[at]))
        found = each[order[0]] - np.uint32(order[0])
        for at in order[1:]:
            found = found[_are_in(found + np.uint32(at), each[at])]
        return found

    def _places(self, term: str, prefix: bool = False) -> Array:
        places = _of(self.places, self.place_ends, *self._range(term, prefix))
        return np.sort(places) if prefix else places

    def _range(self, term: str, prefix: bool = False) -> tuple[int, int]:
        """The numbers [low, high) of a term, or of all that begin so; 0xFF is in no UTF-8."""
        wanted = term.encode()
        low = self._at(wanted)
        if prefix:
            return low, self._at(wanted + b"\xff")
        return low, low + (low < len(self.term_ends) and self._letters_of(low) == wanted)

    def _at(self, wanted: bytes) -> int:
        """How many terms are less."""
        near = bisect_left(self._guide, wanted) * _STEP
        low, high = max(near - _STEP, 0), min(near, len(self.term_ends))
        return low + bisect_left(range(low, high), wanted, key=self._letters_of)

    @cached_property
    def _guide(self) -> list[bytes]:
        """Some terms in memory, so that few are looked up in the file."""
        return [self._letters_of(number) for number in range(0, len(self.term_ends), _STEP)]

    def _letters_of(self, number: int) -> bytes:
        return _of(self.letters, self.term_ends, number, number + 1).tobytes()


def load(path: Path) -> Segment:
    """Map a file; OSError if it cannot be opened, ValueError if it is no segment."""
    mapped = np.memmap(path, np.uint8, "r").view(np.ndarray)
    at = 8 * len(_TYPES)
    found = {}
    for (name, kind), size in zip(_TYPES.items(), mapped[:at].view("<i8").tolist(), strict=True):
        end = at + size * np.dtype(kind).itemsize
        found[name] = mapped[at:end].view(kind)
        at = end + -end % 8
    return Segment(**found)


def build(entries: Iterable[Entry]) -> Segment:
    """A segment of up to 65,536 chunks, in the order of their ids."""
    ids, written, other = array("q"), array("I"), array("I")
    words, forms = array("I"), array("I")  # terms by their first occurrence
    known: dict[str, int] = {}
    for chunk, of_chunk in entries:
        ids.append(chunk)
        before = len(words), len(forms)
        words.extend(known.setdefault(term.exact, len(known)) for term in of_chunk)
        forms.extend(known.setdefault(form, len(known)) for term in of_chunk for form in term.forms)
        written.append(len(words) - before[0])
        other.append(len(forms) - before[1])
    vocabulary = sorted(known)
    ranks = np.empty(len(known), np.uint64)
    ranks[[known[term] for term in vocabulary]] = np.arange(len(known), dtype=np.uint64)
    lengths = _numbers(written), _numbers(other)
    chunks = np.arange(len(ids), dtype=np.uint64)
    places = np.repeat(chunks << np.uint64(16), lengths[0]) | _positions(lengths[0])
    return _assembled(
        np.array(ids, np.int64),
        (lengths[0] + lengths[1]).astype(np.uint32),
        vocabulary,
        ranks[_numbers(words)] << np.uint64(32) | places,
        ranks[_numbers(forms)] << np.uint64(16) | np.repeat(chunks, lengths[1]),
    )


def merged(segments: Sequence[Segment], live: Sequence[Array]) -> Segment:
    """One of several, in their order, without the chunks that are not live."""
    both = list(zip(segments, live, strict=True))
    vocabulary = sorted({term for segment, alive in both for term in _used(segment, alive)})
    ranks = {term: rank for rank, term in enumerate(vocabulary)}
    starts = accumulate((int(alive.sum()) for alive in live), initial=0)
    keys = [_keys(segment, alive, ranks, start) for (segment, alive), start in zip(both, starts, strict=False)]
    return _assembled(
        np.concatenate([segment.ids[alive] for segment, alive in both]),
        np.concatenate([segment.lengths[alive] for segment, alive in both]),
        vocabulary,
        np.concatenate([words for words, _ in keys]),
        np.concatenate([forms for _, forms in keys]),
    )


def _keys(segment: Segment, live: Array, ranks: Mapping[str, int], start: int) -> tuple[Array, Array]:
    """As `_assembled` takes them, of the live chunks, numbered from `start`."""
    new = np.array([ranks.get(term, 0) for term in segment.terms], np.uint64)
    numbers = (np.cumsum(live) + (start - 1)).astype(np.uint64)
    kept = live[segment.places >> 16]
    words = new[_owners(segment.place_ends)[kept]] << np.uint64(32)
    words |= numbers[segment.places[kept] >> 16] << np.uint64(16)
    words |= segment.places[kept] & 0xFFFF
    kept = live[segment.forms]
    forms = new[_owners(segment.form_ends)[kept]] << np.uint64(16)
    forms |= numbers[segment.forms[kept]]
    return words, forms


def _used(segment: Segment, live: Array) -> Iterator[str]:
    """The terms that a live chunk has."""
    used = np.zeros(len(segment.term_ends), bool)
    used[_owners(segment.place_ends)[live[segment.places >> 16]]] = True
    used[_owners(segment.form_ends)[live[segment.forms]]] = True
    return (segment.terms[rank] for rank in np.flatnonzero(used).tolist())


def _assembled(ids: Array, lengths: Array, vocabulary: list[str], words: Array, forms: Array) -> Segment:
    """From unsorted keys of words (term << 32 | number << 16 | position) and forms (term << 16 | number)."""
    words.sort()
    forms.sort()
    letters = [term.encode() for term in vocabulary]
    return Segment(
        ids=ids,
        lengths=lengths,
        chunks_having=_chunks_having(words >> np.uint64(16), forms, len(vocabulary)),
        place_ends=_ends(words >> np.uint64(32), len(vocabulary)),
        places=words.astype(np.uint32),
        form_ends=_ends(forms >> np.uint64(16), len(vocabulary)),
        forms=forms.astype(np.uint16),
        term_ends=np.cumsum([len(one) for one in letters], dtype=np.uint32),
        letters=np.frombuffer(b"".join(letters), np.uint8),
    )


def _chunks_having(words: Array, forms: Array, terms: int) -> Array:
    """Of sorted keys (term << 16 | number): how many chunks have each term, as a word or a form."""
    words, forms = _distinct(words), _distinct(forms)
    forms = forms[~_are_in(forms, words)]
    each = [np.bincount((keys >> np.uint64(16)).astype(np.uint32), minlength=terms) for keys in (words, forms)]
    return (each[0] + each[1]).astype(np.uint32)


def _distinct(keys: Array) -> Array:
    return np.asarray(keys[np.concatenate([[True], keys[1:] != keys[:-1]])]) if len(keys) else keys


def _ends(ranks: Array, terms: int) -> Array:
    return np.cumsum(np.bincount(ranks.astype(np.uint32), minlength=terms), dtype=np.uint32)


def _owners(ends: Array) -> Array:
    """The term of each occurrence."""
    return np.repeat(np.arange(len(ends), dtype=np.uint32), np.diff(ends, prepend=np.uint32(0)))


def _positions(lengths: Array) -> Array:
    """0, 1, 2, ... in every chunk."""
    starts = np.cumsum(lengths) - lengths
    every = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    return np.asarray(np.minimum(every, _LAST_POSITION), np.uint64)


def _numbers(values: array[int]) -> Array:
    return np.frombuffer(values, np.uint32).astype(np.int64) if len(values) else np.empty(0, np.int64)


def _are_in(values: Array, among: Array) -> Array:
    """Which of some values are among others that ascend."""
    if not len(among):
        return np.zeros(len(values), bool)
    at = np.minimum(np.searchsorted(among, values), len(among) - 1)
    return np.asarray(among[at] == values)


def _of(values: Array, ends: Array, low: int, high: int) -> Array:
    """What belongs to the terms [low, high)."""
    start = int(ends[low - 1]) if low else 0
    return np.asarray(values[start : int(ends[high - 1]) if high > low else start])
