"""A simple TSV about the user's own index: query <tab> relevant file, or file#page [<tab> language]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePath

from jv3search.errors import InputError
from jv3search.evaluation.collection import Collection, Query, language_tag, numbered_lines
from jv3search.indexes import IndexReader
from jv3search.text.language import detect, document_language
from jv3search.types import Hit

_HEADER = ("query", "file")
_PAGE = "\0"  # between a file's address and a page: no file's name holds it


@dataclass(slots=True)
class _Judged:
    """What the lines of one query say together."""

    where: str
    language: str
    relevant: dict[str, int] = field(default_factory=dict)


def read_tsv(path: Path, reader: IndexReader) -> Collection:
    """Queries about documents of an index; InputError names the line that does not fit.

    A query may stand on several lines. It is judged by pages if its lines name pages, else by files.
    """
    files = _Files(reader)
    judged: dict[str, _Judged] = {}
    for number, line in numbered_lines(path, missing="give a folder in the BEIR layout, or a .tsv file"):
        fields = [part.strip() for part in line.split("\t")]
        if number == 1 and tuple(part.lower() for part in fields[:2]) == _HEADER:
            continue
        _add(judged, fields, f"{path}, line {number}", files)
    if not judged:
        raise InputError(f"{path} has no query; a line is: query, a tab, and the file that answers it")
    queries = tuple(Query(text, text, of.language, of.relevant) for text, of in judged.items())
    languages = {name: files.language(name) for query in queries for name in query.relevant}
    return Collection(path.name, queries, languages, _target)


def _add(judged: dict[str, _Judged], fields: Sequence[str], where: str, files: _Files) -> None:
    if len(fields) not in (2, 3) or not fields[0] or not fields[1]:
        raise InputError(f"{where} is not: query, a tab, the file or file#page that answers it[, a tab, language]")
    query, name = fields[0], fields[1]
    told = language_tag(fields[2], where) if len(fields) == 3 else ""
    of = judged.setdefault(query, _Judged(where, told or detect(query)))
    if told and told != of.language:
        raise InputError(f"{where}: the query {query!r} is in {told} here, in {of.language} at {of.where}")
    target = files.target(name, where)
    if target in of.relevant:
        raise InputError(f"{where} says a second time that {name} answers {query!r}")
    if any((_PAGE in target) != (_PAGE in other) for other in of.relevant):
        raise InputError(f"{where}: name a page on every line of the query {query!r}, or on none")
    of.relevant[target] = 1


class _Files:
    """The documents of an index by what a person calls them."""

    def __init__(self, reader: IndexReader) -> None:
        self._reader = reader
        self._documents = {row.uri: row for row in reader.documents()}

    def target(self, name: str, where: str) -> str:
        """The uri of a file, or of a file's page."""
        uri = self._uri(name, where)
        if uri is not None:
            return uri
        file, _, page = name.rpartition("#")
        uri = self._uri(file, where) if file and page.isdecimal() else None
        if uri is None:
            raise InputError(f"{where}: there is no document {name!r} in the index{self._hint(name)}")
        if int(page) not in {of.number for of in self._reader.document(uri).pages}:
            raise InputError(f"{where}: {uri} has no page {page}")
        return f"{uri}{_PAGE}{int(page)}"

    def language(self, target: str) -> str:
        """The language of a target: of the whole document, or of the chunks that start on the page."""
        uri, _, page = target.partition(_PAGE)
        if not page:
            return self._documents[uri].language
        chunks = [chunk for chunk in self._reader.chunks(uri) if chunk.page == int(page)]
        return document_language([chunk.language for chunk in chunks], [len(chunk.span) for chunk in chunks])

    def _uri(self, name: str, where: str) -> str | None:
        """An address, or the end of the only address that ends so."""
        for path in (name, str(Path(name).expanduser().resolve())):
            if path in self._documents:
                return path
        parts = PurePath(name).parts
        found = [uri for uri in self._documents if parts and PurePath(uri).parts[-len(parts) :] == parts]
        if len(found) > 1:
            raise InputError(f"{where}: {name!r} may be {' or '.join(found[:3])}: give more of the path")
        return found[0] if found else None

    def _hint(self, name: str) -> str:
        near = get_close_matches(PurePath(name).name, {PurePath(uri).name for uri in self._documents}, n=1)
        return f"; did you mean {near[0]}?" if near else "; see `jv3search list`"


def _target(query: Query, hit: Hit) -> str:
    by_pages = _PAGE in next(iter(query.relevant))
    return f"{hit.uri}{_PAGE}{hit.page}" if by_pages else hit.uri
