"""Matrices as text: a row for each query language, a column for each document language."""

from __future__ import annotations

from jv3search.evaluation.evaluate import Evaluation, Refusals, Run
from jv3search.evaluation.matrix import ANY, Cell, Matrix, MeanOfCells

_EMPTY = "-"


def evaluation_text(found: Evaluation, k: int) -> str:
    """All runs: their matrices, and one line a run where there are several."""
    parts = [
        f"{found.dataset}: {found.queries} queries, {found.model}. Rows are the languages of the queries, columns "
        "those of the documents; below each mean stands its 95 % bootstrap interval. n counts queries."
    ]
    for run in found.runs:
        for measure in shown_measures(run.matrix, k):
            parts.append(f"{_name(run)}\n{matrix_table(run.matrix, measure)}")
        if run.refusals:
            parts.append(f"{_name(run)}\n{refusals_text(run.refusals)}")
    if len(found.runs) > 1:
        parts.append(_summary(found, k))
    return "\n\n".join(parts)


def refusals_text(found: Refusals) -> str:
    """How often "nothing relevant" was said, and how often that was right."""
    precision = _EMPTY if found.precision is None else f"{found.precision:.3f}"
    return (
        f'"nothing relevant" was the answer to {found.refused} of {found.unanswerable} unanswerable queries and '
        f"to {found.refused_wrongly} of {found.answerable} others (precision {precision})"
    )


def shown_measures(matrix: Matrix, k: int) -> list[str]:
    """nDCG and recall at k, and the reciprocal rank: those that stand in the text."""
    return [name for name in matrix.measures if name in (f"nDCG@{k}", f"R@{k}") or name.startswith("RR@")]


def _summary(found: Evaluation, k: int) -> str:
    measures = shown_measures(found.runs[0].matrix, k)
    lines = [["", *(f"{name} {which}" for name in measures for which in ("same", "across"))]]
    for run in found.runs:
        pairs = [(run.matrix.diagonal(name), run.matrix.rest(name)) for name in measures]
        lines.append([_name(run), *(f"{mean.mean:.3f}" if mean else _EMPTY for pair in pairs for mean in pair)])
    return "\n".join(
        ["same language and across languages, means of the cells that are not empty", *_aligned(lines)]
    )


def _name(run: Run) -> str:
    return f"{run.mode}, {run.pooling} pooling, {run.dimension} dimensions"


def matrix_table(matrix: Matrix, measure: str, *, intervals: bool = True) -> str:
    """One measure of a matrix: the cells, each with its interval and count if wished, and the means below.

    A count that all cells share stands once, below the table.
    """
    columns = (*matrix.columns, ANY)
    counts = {cell.count for cell in matrix.cells.values()}
    lines = [[measure, *columns]]
    for row in matrix.rows:
        cells = [matrix.cells.get((row, column)) for column in columns]
        lines.append([row, *(f"{cell.estimates[measure].mean:.3f}" if cell else _EMPTY for cell in cells)])
        if intervals:
            lines.append(["", *(_interval(cell, measure) if cell else "" for cell in cells)])
        if len(counts) > 1:
            lines.append(["", *(f"n={cell.count}" if cell else "" for cell in cells)])
    count = [f"n={counts.pop()} in each cell"] if len(counts) == 1 else []
    return "\n".join([*_aligned(lines), "", *count, *_means(matrix, measure)])


def _interval(cell: Cell, measure: str) -> str:
    found = cell.estimates[measure]
    return "" if found.low is None or found.high is None else f"{found.low:.2f}-{found.high:.2f}"


def _means(matrix: Matrix, measure: str) -> list[str]:
    same, other = matrix.diagonal(measure), matrix.rest(measure)
    lines = [_mean("same language", same), _mean("across languages", other)]
    empty = matrix.empty()
    if empty:
        named = ", ".join(f"{a}→{b}" for a, b in empty[:5]) + (", ..." if len(empty) > 5 else "")
        return [*lines, f"all cells: no mean, {_counted(len(empty), 'cell')} of the matrix empty ({named})"]
    return [*lines, _mean("all cells", matrix.mean(measure))]


def _mean(name: str, found: MeanOfCells | None) -> str:
    if found is None:
        return f"{name}: {_EMPTY} (no such cell)"
    left_out = f", {found.empty} empty left out" if found.empty else ""
    return f"{name}: {found.mean:.3f} (mean of {_counted(found.cells, 'cell')}{left_out})"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _aligned(lines: list[list[str]]) -> list[str]:
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for line in lines
    ]
