"""Matrices as text: rows ask, columns answer."""

from __future__ import annotations

from jv3search.evaluation.matrix import ANY, Cell, Matrix, MeanOfCells

_EMPTY = "-"
LEGEND = "rows ask, columns answer; below each mean its 95 % interval and the number of queries"


def matrix_table(matrix: Matrix, measure: str, *, intervals: bool = True) -> str:
    """One measure of a matrix: the cells, each with its interval and count if wished, and the means below."""
    columns = (*matrix.columns, ANY)
    lines = [[measure, *columns]]
    for asked in matrix.rows:
        cells = [matrix.cells.get((asked, answered)) for answered in columns]
        lines.append([asked, *(f"{cell.estimates[measure].mean:.3f}" if cell else _EMPTY for cell in cells)])
        if intervals:
            lines.append(["", *(_certainty(cell, measure) if cell else "" for cell in cells)])
    return "\n".join([*_aligned(lines), "", *_means(matrix, measure)])


def _certainty(cell: Cell, measure: str) -> str:
    found = cell.estimates[measure]
    if found.low is None or found.high is None:
        return f"n={cell.count}"
    return f"{found.low:.2f}-{found.high:.2f} n={cell.count}"


def _means(matrix: Matrix, measure: str) -> list[str]:
    same, other = matrix.diagonal(measure), matrix.rest(measure)
    lines = [_mean("same language", same), _mean("across languages", other)]
    empty = matrix.empty()
    if empty:
        named = ", ".join(f"{a}→{b}" for a, b in empty[:5]) + (", ..." if len(empty) > 5 else "")
        return [*lines, f"mean of all cells: not given, {len(empty)} of them are empty ({named})"]
    return [*lines, _mean("all cells", matrix.mean(measure))]


def _mean(name: str, found: MeanOfCells | None) -> str:
    if found is None:
        return f"{name}: {_EMPTY} (no such cell)"
    left_out = f", {found.empty} empty ones left out" if found.empty else ""
    return f"{name}: {found.mean:.3f} (mean of {found.cells} cells{left_out})"


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
