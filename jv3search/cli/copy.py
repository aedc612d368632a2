"""`jv3search copy`: an index in another place."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import IndexType, counted, echo_json, json_option
from jv3search.cli.progress import counting

if TYPE_CHECKING:
    from jv3search.location import IndexLocation


@click.command()
@click.argument("source", metavar="FROM", type=IndexType())
@click.argument("target", metavar="TO", type=IndexType())
@json_option
def copy(source: IndexLocation, target: IndexLocation, as_json: bool) -> None:
    """Copy an index FROM a folder or the URL of a PostgreSQL database TO another; nothing is embedded again.

    Every document is read back and compared. TO is no index before all is there: if the copy is interrupted, run
    the same command again. The index stays as it is where it is, and may be used meanwhile; the copy is of what it
    held at the beginning.
    """
    from jv3search import indexes

    report = indexes.copy_index(source, target, counting)
    if as_json:
        echo_json({"from": str(source), "to": str(target)} | asdict(report))
        return
    click.echo(
        f"{target} holds {counted(report.documents, 'document')} with {counted(report.chunks, 'chunk')}, "
        f"each compared with {source}; {report.copied:,} of them copied now."
    )
