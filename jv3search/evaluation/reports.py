"""An evaluation as JSON, which may be kept as a baseline, and what has become worse since."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jv3search.errors import InputError
from jv3search.evaluation.matrix import Cell, Matrix, MeanOfCells

if TYPE_CHECKING:
    from jv3search.evaluation.evaluate import Evaluation

FORMAT = 1
_DIGITS = 6

_Key = tuple[str, ...]


def evaluation_as_json(found: Evaluation) -> dict[str, Any]:
    """The public form, which is also a baseline."""
    return {
        "format": FORMAT,
        "dataset": found.dataset,
        "queries": found.queries,
        "model": found.model,
        "runs": [
            {
                "mode": run.mode,
                "pooling": run.pooling,
                "dimension": run.dimension,
                **matrix_as_json(run.matrix),
                "refusals": asdict(run.refusals) if run.refusals else None,
            }
            for run in found.runs
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


@dataclass(frozen=True, slots=True)
class Change:
    """One value of a baseline and what it is now; None if there is no such cell any more."""

    what: str
    before: float
    now: float | None

    def worse(self, tolerance: float) -> bool:
        """Whether it fell by more than the tolerance."""
        return self.now is None or self.now < self.before - tolerance

    def __str__(self) -> str:
        now = "not there" if self.now is None else f"{self.now:.3f}"
        return f"{self.what}: {self.before:.3f} before, {now} now"


def load_baseline(path: Path) -> dict[str, Any]:
    """A file that --save made; InputError if it is something else."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no baseline {path}; make one with --save {path}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"the baseline {path} cannot be read: {error}") from None
    try:
        if saved["format"] == FORMAT and saved["dataset"] and saved["queries"] and dict(_values(saved)):
            return dict(saved)
    except (KeyError, TypeError, AttributeError):
        pass
    raise InputError(f"{path} is not a baseline of this jv3search version; make one with --save")


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Every cell and mean of a baseline beside what it is now; InputError if the two cannot be compared."""
    for name, what in (("dataset", "data set"), ("queries", "number of queries")):
        if before[name] != now[name]:
            raise InputError(f"the baseline's {what} is {before[name]}, this one's is {now[name]}: not comparable")
    known, found = dict(_values(before)), dict(_values(now))
    missing = sorted({key[:3] for key in found} - {key[:3] for key in known})
    if missing:
        raise InputError(
            f"the baseline has no run {' '.join(missing[0])}: leave this run out, or make a new baseline"
        )
    runs = {key[:3] for key in found}
    return [Change(" ".join(key), value, found.get(key)) for key, value in known.items() if key[:3] in runs]


def _values(evaluation: Mapping[str, Any]) -> Iterator[tuple[_Key, float]]:
    """((mode, pooling, dimension, cell or mean, measure), value)."""
    for run in evaluation["runs"]:
        name = (run["mode"], run["pooling"], str(run["dimension"]))
        for measure in run["measures"]:
            for cell in run["cells"]:
                yield (*name, f"{cell['query']}→{cell['document']}", measure), cell[measure]["mean"]
            for mean, found in run["means"][measure].items():
                if found:
                    yield (*name, f"mean {mean}", measure), found["mean"]
