"""`jv3search status`, `reindex` and `remove`: the index itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from jv3search.cli.ingest import row_as_json
from jv3search.cli.options import (
    counted,
    echo_json,
    engine_option,
    forms,
    index_option,
    json_option,
    kind_option,
    notice,
    plain,
)
from jv3search.cli.progress import counting
from jv3search.errors import InputError, ModelError

if TYPE_CHECKING:
    from jv3search.indexes import Status
    from jv3search.knowledge_base import KnowledgeBase
    from jv3search.location import IndexLocation


@click.command()
@index_option
@json_option
def status(index: IndexLocation | None, as_json: bool) -> None:
    """Show what is in the index: documents, languages, formats, model, size, failures."""
    from jv3search import knowledge_base

    with knowledge_base.open(index) as kb:
        state = kb.status()
        engine, precision = _runs_on(kb)
    if as_json:
        echo_json(_as_json(state, kb.settings.index) | {"runs_on": {"engine": engine, "precision": precision}})
    else:
        _show(state, kb.settings.index, f"{engine} in {precision}" if engine else "not on this machine")


@click.command("list")
@index_option
@click.option("--translations", "linked", is_flag=True, help="List the translations of each document below it.")
@json_option
def list_documents(index: IndexLocation | None, linked: bool, as_json: bool) -> None:
    """List the documents in the index by URI; with --json, one line with all that is known about each."""
    from jv3search import knowledge_base

    with knowledge_base.open(index) as kb:
        translations = kb.reader.every_translation() if linked else {}
        for row in kb.documents():
            others = translations.get(row.uri, [])
            if as_json:
                times = {"modified": row.modified.isoformat(), "ingested_at": row.ingested_at.isoformat()}
                named = [{"uri": uri, "language": language, "score": score} for uri, language, score in others]
                echo_json(asdict(row) | times | ({"translations": named} if linked else {}))
                continue
            click.echo(plain(row.uri))
            for uri, language, _ in others:
                click.echo(f"  also in {language}: {plain(uri)}")


@click.command()
@index_option
@click.option("--dim", type=int, metavar="N", help="Search at N dimensions from now on.")
@kind_option
@click.option("--model", metavar="NAME", help="Embed every document again with this model, from its stored text.")
@engine_option
def reindex(
    index: IndexLocation | None, dim: int | None, kind: str | None, model: str | None, engine: str | None
) -> None:
    """Change the dimension or kind of the vector index, from the stored full-size vectors; or the model.

    With another model, searches go on in the old vectors until all documents are embedded again; if that is
    interrupted, the index stays as it was.
    """
    from jv3search import knowledge_base

    with knowledge_base.open(index, model=model, engine=engine, read_url="") as kb:
        remarks = kb.embed_again(counting) if model else ()
        if dim is not None or kind or not model:
            remarks += kb.reindex(dimension=dim, kind=kind)
        for remark in remarks:
            notice(remark)
        size = counted(kb.reader.dimension, "dimension")
        of = f" with {kb.reader.manifest.model}" if model else ""
        click.echo(f"{kb.settings.index} is now searched{of} at {size}, kind {kb.reader.kind}.")


@click.command()
@click.argument("uris", nargs=-1, required=True, metavar="URI...")
@index_option
def remove(uris: tuple[str, ...], index: IndexLocation | None) -> int:
    """Take documents out of the index by their URI, as hits and status show it; files stay where they are."""
    from jv3search import knowledge_base

    with knowledge_base.open(index, read_url="") as kb:
        removed = set(kb.remove(*(form for uri in uris for form in dict.fromkeys(forms(uri)))))
    absent = [uri for uri in uris if removed.isdisjoint(forms(uri))]
    click.echo(f"{counted(len(uris) - len(absent), 'document')} removed.")
    if absent:
        raise InputError(f"not in {kb.settings.index}: {', '.join(absent)}")
    return 0


def _runs_on(kb: KnowledgeBase) -> tuple[str, str] | tuple[None, None]:
    """Engine and precision of the model; neither if it is not here: an index may be looked at without."""
    try:
        return kb.runs_on()
    except ModelError:
        return None, None


def _as_json(state: Status, index: IndexLocation) -> dict[str, Any]:
    return asdict(state) | {
        "index": str(index),
        "last_ingest": state.last_ingest.isoformat() if state.last_ingest else None,
        "failures": [row_as_json(row) for row in state.failures],
    }


def _show(state: Status, index: IndexLocation, runs_on: str) -> None:
    last = state.last_ingest.astimezone().strftime("%Y-%m-%d %H:%M") if state.last_ingest else "never"
    for name, value in (
        ("index", str(index)),
        ("documents", f"{state.documents:,}"),
        ("chunks", f"{state.chunks:,}"),
        ("languages", _counted(state.languages)),
        ("formats", _counted(state.formats)),
        ("model", state.model),
        ("runs on", runs_on),
        ("dimension", f"{state.dimension} of {state.full_dimension}, kind {state.kind}, vectors {state.vectors}"),
        ("without words", counted(state.wordless, "chunk")),
        ("size on disk", f"{state.size / 1e6:,.1f} MB"),
        ("replica", state.replica),
        ("last ingest", last),
        ("failures", f"{len(state.failures)}"),
    ):
        if value:
            click.echo(f"{name:13} {value}")
    for row in state.failures:
        click.echo(f"  {row.state:12} {plain(row.uri)}: {row.reason}")


def _counted(counts: dict[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ordered) or "none"
