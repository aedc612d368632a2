"""The keyword index as a cache of the catalog: segments read from disk, and those made of texts not yet there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jv3search.indexes import checked_file
from jv3search.indexes.catalog.chunks import texts_between
from jv3search.indexes.catalog.embeddings import removed_ranges
from jv3search.indexes.catalog.index_info import IndexInfo, read_info, stamp
from jv3search.indexes.catalog.transaction import ReadTransaction
from jv3search.indexes.keywords import files
from jv3search.indexes.keywords.files import SegmentFile
from jv3search.indexes.keywords.segment import MOST_CHUNKS, Entry, Segment, build, load, merged
from jv3search.indexes.keywords.snapshot import KeywordSnapshot
from jv3search.indexes.keywords.terms import terms
from jv3search.indexes.vectors.port import Ids

AT_ONCE = 1 << 14  # chunks of which a segment is made: seconds, and some 200 MB of memory
_IN_MEMORY = 1 << 11  # chunks that each process makes a segment of for itself: less than a second
_MERGED = 4  # segments of about the same size, at least, that become one
_GONE_SHARE = 0.2  # of a segment that left: more, and it is written again


class Piece(NamedTuple):
    """A segment and its file, whose checksum is empty as long as it is only in memory."""

    file: SegmentFile
    segment: Segment


class KeywordCache(NamedTuple):
    """The segments of all chunks of one generation, in the order of their ids."""

    pieces: tuple[Piece, ...]
    snapshot: KeywordSnapshot


def opened(
    folder: Path, transaction: ReadTransaction, notices: list[str], before: KeywordCache | None = None
) -> KeywordCache:
    """The keywords of the catalog's generation; `before` is what this process knew of an earlier one."""
    if before is not None and (before.snapshot.identity, before.snapshot.generation) == stamp(transaction):
        return before
    info = read_info(transaction)
    if before is None and transaction.on_server:  # no writer may ever come to this machine
        _discard_others(folder, info)
    pieces = _pieces(folder, transaction, info, notices, before.pieces if before else ())
    cache = _cache(transaction, info, list(pieces))
    in_files = max((at for at, piece in enumerate(cache.pieces, 1) if piece.file.checksum), default=0)
    groups = _groups([len(piece.segment) for piece in cache.pieces[in_files:]])
    return _regrouped(cache, transaction, info, [1] * in_files + groups)


def save(
    folder: Path, transaction: ReadTransaction, notices: list[str], before: KeywordCache | None = None
) -> KeywordCache:
    """As `opened`, with all of it in files, small ones merged and those written again of which much has left."""
    info = read_info(transaction)
    cache = opened(folder, transaction, notices, before)
    sizes = [len(piece.segment) for piece in cache.pieces]
    left = [size - int(cache.snapshot.live_in(at).sum()) for at, size in enumerate(sizes)]
    again = [gone > _GONE_SHARE * size for gone, size in zip(left, sizes, strict=True)]
    cache = _regrouped(cache, transaction, info, _groups(sizes), again)
    kept = [_saved(folder, piece, notices) for piece in cache.pieces]
    if all(piece.file.checksum for piece in kept):
        files.keep_only(folder, [piece.file for piece in kept])
    return _cache(transaction, info, kept)


def clean(folder: Path, info: IndexInfo) -> None:
    """Delete segments that are not of this catalog as it is."""
    files.keep_only(folder, _there(folder, info))


def _discard_others(folder: Path, info: IndexInfo) -> None:
    """Delete segments of an index that was here before this one."""
    files.keep_only(folder, [file for file in files.saved(folder) if file.identity == info.identity[:8]])


def _pieces(
    folder: Path, transaction: ReadTransaction, info: IndexInfo, notices: list[str], known: Sequence[Piece]
) -> Iterator[Piece]:
    """The segments of all chunks, the largest there are; what no file has is made of the texts."""
    at = 1
    segments = {piece.file: piece.segment for piece in known if _fits(piece.file, info)}
    damaged: set[SegmentFile] = set()
    there = _there(folder, info) | set(segments)
    while at < info.next_chunk:
        file = max((file for file in there if file.first == at), key=_preferred, default=None)
        if file is None:
            end = min([info.next_chunk, at + AT_ONCE, *(file.first for file in there if file.first > at)])
            piece = _built(transaction, SegmentFile(info.identity[:8], at, end, info.generation))
            newest = end == info.next_chunk and end - at <= _IN_MEMORY
            yield piece if newest else _saved(folder, piece, notices)
        else:
            segment = segments[file] if file in segments else _loaded(folder, file, notices)
            if segment is None:
                damaged.add(file)
                there = (_there(folder, info) | set(segments)) - damaged
                continue
            yield Piece(file, segment)
            end = file.end
        at = end


def _there(folder: Path, info: IndexInfo) -> set[SegmentFile]:
    return {file for file in files.saved(folder) if _fits(file, info)}


def _fits(file: SegmentFile, info: IndexInfo) -> bool:
    same = (file.identity, file.terms) == (info.identity[:8], files.TERMS)
    return same and file.first < file.end <= info.next_chunk and file.generation <= info.generation


def _preferred(file: SegmentFile) -> tuple[int, int, str]:
    return file.end, file.generation, file.checksum


def _built(transaction: ReadTransaction, file: SegmentFile) -> Piece:
    texts = texts_between(transaction, file.first, file.end)
    return Piece(file, build(Entry(key, terms(text, language)) for key, text, language in texts))


def _loaded(folder: Path, file: SegmentFile, notices: list[str]) -> Segment | None:
    remedy = "its keywords are made again from the catalog"
    return checked_file.loaded(folder / file.name, file.checksum, load, notices, remedy)


def _saved(folder: Path, piece: Piece, notices: list[str]) -> Piece:
    """The same in a file; without room or right to save it, in memory as it was."""
    if piece.file.checksum:
        return piece
    if not os.access(folder, os.W_OK):  # a reader need not have the right to
        return piece
    try:
        file = files.save(folder, piece.segment, piece.file)
        return Piece(file, load(folder / file.name))
    except OSError as error:
        notices.append(f"{folder}: the keywords could not be saved; they will be made again ({error})")
        return piece


def _cache(transaction: ReadTransaction, info: IndexInfo, pieces: Sequence[Piece]) -> KeywordCache:
    since = min((piece.file.generation for piece in pieces), default=info.generation)
    ranges = [np.arange(first, first + count) for first, count in removed_ranges(transaction, since)]
    gone: Ids = np.sort(np.concatenate([np.empty(0, np.int64), *ranges]))
    segments = tuple(piece.segment for piece in pieces)
    return KeywordCache(tuple(pieces), KeywordSnapshot(info.identity, info.generation, segments, gone))


def _groups(sizes: Sequence[int]) -> list[int]:
    """How many neighbours each become one, in order: small ones, as soon as there are a few of them."""
    groups: list[list[int]] = []
    for size in reversed(sizes):
        total = sum(groups[-1]) if groups else 0
        if groups and size <= _MERGED * total and size + total <= MOST_CHUNKS:
            groups[-1].append(size)
        else:
            groups.append([size])
    counts = [[len(group)] if len(group) >= _MERGED else [1] * len(group) for group in reversed(groups)]
    return [count for group in counts for count in group]


def _regrouped(
    cache: KeywordCache,
    transaction: ReadTransaction,
    info: IndexInfo,
    groups: Sequence[int],
    again: Sequence[bool] | None = None,
) -> KeywordCache:
    """The same with neighbours merged, and alone those that are to be written again."""
    pieces: list[Piece] = []
    at = 0
    for count in groups:
        those = range(at, at + count)
        if count > 1 or (again is not None and again[at]):
            pieces.append(_merged(cache, those, info))
        else:
            pieces.append(cache.pieces[at])
        at += count
    return cache if len(pieces) == len(cache.pieces) and again is None else _cache(transaction, info, pieces)


def _merged(cache: KeywordCache, those: range, info: IndexInfo) -> Piece:
    parts = [cache.pieces[at] for at in those]
    file = replace(parts[0].file, end=parts[-1].file.end, generation=info.generation, checksum="")
    return Piece(file, merged([part.segment for part in parts], [cache.snapshot.live_in(at) for at in those]))
