"""Matrices as plain values, for --json and for a baseline's file."""

from __future__ import annotations

from typing import Any

from jv3search.evaluation.matrix import Cell, Matrix, MeanOfCells

_DIGITS = 6


def matrix_as_json(matrix: Matrix) -> dict[str, Any]:
    """{"measures", "cells": [{"query", "document", "n", <measure>: {"mean", "low", "high"}}], "means"}."""
    return {
        "measures": list(matrix.measures),
        "cells": [_cell(cell) for cell in matrix.cells.values()],
        "means": {
            measure: {
                "same_language": _mean(matrix.diagonal(measure)),
                "across_languages": _mean(matrix.rest(measure)),
                "all": _mean(matrix.mean(measure)),
            }
            for measure in matrix.measures
        },
    }


def _cell(cell: Cell) -> dict[str, Any]:
    estimates = {
        name: {"mean": _rounded(of.mean), "low": _rounded(of.low), "high": _rounded(of.high)}
        for name, of in cell.estimates.items()
    }
    return {"query": cell.query, "document": cell.document, "n": cell.count, **estimates}


def _mean(found: MeanOfCells | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"mean": _rounded(found.mean), "cells": found.cells, "empty": found.empty}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
