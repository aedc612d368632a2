"""Matrices as plain values, for --json and for a baseline's file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jv3search.evaluation.baseline import FORMAT
from jv3search.evaluation.matrix import Cell, Matrix, MeanOfCells
from jv3search.evaluation.runs import Run

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, with which model, by asking how many questions."""

    dataset: str
    questions: int
    model: str
    runs: tuple[Run, ...]
    notices: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The public form, which is also a baseline."""
        return {
            "format": FORMAT,
            "dataset": self.dataset,
            "questions": self.questions,
            "model": self.model,
            "runs": [
                {
                    "mode": run.mode,
                    "pooling": run.pooling,
                    "dimension": run.dimension,
                    **matrix_as_json(run.matrix),
                }
                for run in self.runs
            ],
        }


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
