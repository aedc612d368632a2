"""`jv3search bench`: what each Matryoshka dimension gives and costs on one's own index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jv3search.cli.options import (
    Listed,
    PathType,
    counted,
    echo_json,
    engine_option,
    index_option,
    json_option,
    model_option,
    notice,
    query_lines,
)
from jv3search.cli.progress import counting

if TYPE_CHECKING:
    from jv3search.evaluation.dimensions import Bench, SearchFigures
    from jv3search.location import IndexLocation

_HEADINGS = f"{'':>5}  {'vector':>10}  {'coarse search alone':>28}  {'scored again at full size':>28}"
_COLUMNS = f"{'dims':>5}  {'index':>10}" + f"  {'recall':>8} {'median':>9} {'p95':>9}" * 2


@click.command()
@click.option(
    "--dims",
    type=Listed(),
    default="32,64,128,256,512,1024",
    show_default=True,
    metavar="D,...",
    help="Dimensions to try.",
)
@click.option(
    "--queries", type=PathType(), metavar="FILE", help="File with a query on each line [sentences of the index]."
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="How many sentences of the index to search for, without --queries.",
)
@click.option("--k", type=click.IntRange(min=1), default=10, show_default=True, help="How many hits.")
@click.option("--plot", type=PathType(), metavar="FILE", help="Draw the result as a .png or .svg.")
@index_option
@model_option
@engine_option
@json_option
def bench(
    dims: tuple[int, ...],
    queries: Path | None,
    sample: int,
    k: int,
    plot: Path | None,
    index: IndexLocation | None,
    model: str | None,
    engine: str | None,
    as_json: bool,
) -> None:
    """Try Matryoshka dimensions on the index: recall, size of the vectors, time of a search.

    Recall is the share of what exact search with the full vectors finds. The index itself stays as it is.
    """
    from jv3search import knowledge_base
    from jv3search.evaluation.dimensions import bench as measured
    from jv3search.evaluation.plot import check_plot, save_plot

    if plot:
        check_plot(plot)
    texts = list(query_lines(queries)) if queries else None
    with knowledge_base.open(index, model=model, engine=engine) as kb:
        found = measured(kb.reader, kb.encoder, dims, texts, sample=sample, k=k, progress=counting)
    left_out = sorted(set(dims) - {of.dimension for of in found.trials})
    if left_out:
        notice(f"Left out: {', '.join(map(str, left_out))}; the index's vectors have {found.full} values.")
    if found.sampled:
        sentences = counted(found.queries, "sentence")
        notice(f"The queries were {sentences} of the index itself; --queries FILE searches for your own.")
    if as_json:
        echo_json(found.as_json())
    else:
        click.echo(_table(found))
    if plot:
        save_plot(found, plot)


def _table(found: Bench) -> str:
    rows = [
        f"{of.dimension:>5}  {of.bytes / 2**20:>6.1f} MiB  {_cells(of.coarse)}  {_cells(of.rescored)}"
        for of in found.trials
    ]
    about = (
        f"{counted(found.chunks, 'chunk')}, {found.queries} queries, {found.model}; recall@{found.k} is against "
        f"exact search with {found.full} dimensions, times are without embedding the query"
    )
    return "\n".join([about, "", _HEADINGS, _COLUMNS, *rows])


def _cells(found: SearchFigures) -> str:
    return f"{found.recall:>8.3f} {found.median:>6.2f} ms {found.p95:>6.2f} ms"
