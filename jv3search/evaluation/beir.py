"""The BEIR layout (Thakur et al. 2021, arXiv 2104.08663): corpus.jsonl, queries.jsonl, qrels/*.tsv.

Beyond BEIR each line of the two JSONL files may tell its "language" (or "lang"); otherwise it is detected. A query
may tell its "passages", the words that answer it by the ids of documents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jv3search.errors import InputError
from jv3search.evaluation.collection import Collection, Query, language_tag, numbered_lines
from jv3search.text.language import detect
from jv3search.types import Hit

_HEADER = ("query-id", "corpus-id", "score")
_LAYOUT = "a data set is a folder with corpus.jsonl, queries.jsonl and qrels/test.tsv, or train.tsv to learn from"


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """A line of corpus.jsonl."""

    id: str
    title: str
    text: str
    language: str


def read_beir(folder: Path, split: str = "test") -> tuple[list[CorpusDocument], Collection]:
    """The corpus, and the queries that qrels/`split`.tsv judges; InputError names the line that does not fit."""
    notices: list[str] = []
    corpus = {key: _document(key, row, where) for key, row, where in _rows(folder / "corpus.jsonl")}
    asked = list(_rows(folder / "queries.jsonl"))
    texts = {key: _query(key, row, where) for key, row, where in asked}
    passages = {key: _passages(row, where) for key, row, where in asked}
    path = _qrels_file(folder / "qrels", f"{split}.tsv", notices)
    qrels = _qrels(path, texts, corpus)
    queries = tuple(
        Query(key, text, language, qrels[key], passages[key])
        for key, (text, language) in texts.items()
        if qrels.get(key)
    )
    if not queries:
        raise InputError(f"{path}: no query has a relevant document, so there is nothing to measure")
    unanswerable = tuple(
        Query(key, text, language, {}) for key, (text, language) in texts.items() if not qrels.get(key)
    )
    kept = "left out" if split == "train" else "counted as unanswerable"
    _remark(notices, len(unanswerable), f"queries without a relevant document, {kept}")
    blank = {key for key, document in corpus.items() if not (document.title + document.text).strip()}
    _remark(notices, len(blank), "documents without text, which cannot be found")
    judged = {name for query in queries for name in query.relevant}
    languages = {name: corpus[name].language for name in judged}
    documents = [document for key, document in corpus.items() if key not in blank]
    name = folder.resolve().name
    return documents, Collection(name, queries, languages, _uri, unanswerable=unanswerable, notices=tuple(notices))


def _uri(query: Query, hit: Hit) -> str:
    return hit.uri


def _document(key: str, row: Mapping[str, Any], where: str) -> CorpusDocument:
    title, text = _text(row, "title", where), _text(row, "text", where)
    return CorpusDocument(key, title, text, _language(row, where) or detect(f"{title}\n{text}"))


def _query(key: str, row: Mapping[str, Any], where: str) -> tuple[str, str]:
    text = _text(row, "text", where)
    if not text.strip():
        raise InputError(f"{where}: query {key!r} is blank; give it a text, or take it out of the qrels as well")
    return text, _language(row, where) or detect(text)


def _passages(row: Mapping[str, Any], where: str) -> dict[str, str]:
    """The words that answer, by document; a line need not tell them."""
    found = row.get("passages", {})
    if not isinstance(found, dict) or not all(isinstance(words, str) for words in found.values()):
        raise InputError(f"{where}: 'passages' is {found!r}, not the words that answer by the ids of documents")
    return found


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if value is None and name == "title":
        return ""
    if not isinstance(value, str):
        raise InputError(f"{where}: {name!r} is {value!r}, not a text")
    return value


def _language(row: Mapping[str, Any], where: str) -> str:
    return language_tag(row.get("language", row.get("lang")), where)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The id, the values and the place of each line of a JSONL file."""
    seen: set[str] = set()
    for number, line in numbered_lines(path, missing=_LAYOUT):
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{where} is not JSON: {error}") from None
        key = row.get("_id") if isinstance(row, dict) else None
        if not isinstance(key, str | int) or key == "":
            raise InputError(f'{where} has no "_id"; it must look like {{"_id": "1", "text": "..."}}')
        if str(key) in seen:
            raise InputError(f"{where}: the id {str(key)!r} occurs twice; ids must be unique")
        seen.add(str(key))
        yield str(key), row, where


def _qrels_file(folder: Path, wanted: str, notices: list[str]) -> Path:
    """The file of that name, or the only one there is, which is said."""
    files = sorted(folder.glob("*.tsv"))
    if not files:
        raise InputError(f"there are no judgements: {folder} has no .tsv file (query-id, corpus-id, score)")
    chosen = next((file for file in files if file.name == wanted), files[0])
    if len(files) > 1:
        names = ", ".join(file.name for file in files if file != chosen)
        if chosen.name != wanted:
            raise InputError(f"{folder} has {chosen.name}, {names}: rename the one to use to {wanted}")
        notices.append(f"judgements of {chosen.name}; {names} left out")
    elif chosen.name != wanted:
        notices.append(f"judgements of {chosen.name}, for there is no {wanted}")
    return chosen


def _qrels(path: Path, queries: Mapping[str, object], corpus: Mapping[str, object]) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for number, line in numbered_lines(path, missing=_LAYOUT):
        fields = line.split("\t")
        if number == 1 and tuple(field.strip().lower() for field in fields) == _HEADER:
            continue
        where = f"{path}, line {number}"
        query, document, grade = _judgement(fields, where)
        if query not in queries or document not in corpus:
            what = f"query {query!r}" if query not in queries else f"document {document!r}"
            raise InputError(f"{where} judges {what}, which is not in the data set")
        if document in qrels.setdefault(query, {}):
            raise InputError(f"{where} judges document {document!r} for query {query!r} a second time")
        qrels[query][document] = grade
    return {query: {name: g for name, g in of.items() if g > 0} for query, of in qrels.items()}


def _judgement(fields: list[str], where: str) -> tuple[str, str, int]:
    try:
        query, document, grade = fields
        return query, document, int(grade)
    except ValueError:
        raise InputError(
            f"{where} is not three fields separated by tabs: query-id, corpus-id and a whole number"
        ) from None


def _remark(notices: list[str], count: int, what: str) -> None:
    if count:
        notices.append(f"{what}: {count}")
