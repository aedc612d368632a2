"""What came of a tuning, as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jv3search.evaluation.matrix import Matrix
from jv3search.evaluation.measures import Estimate
from jv3search.evaluation.reports import matrix_as_json
from jv3search.evaluation.tables import matrix_table
from jv3search.fine_tuning.measured import MEASURE, worse


@dataclass(frozen=True, slots=True)
class Outcome:
    """Before and after on the queries held out, by pairs of languages; `folder` is where the copy is, or would be.

    `changes` are the differences with their intervals, `megabytes` the most memory it took.
    """

    folder: Path
    learned_from: int
    measured_on: int
    steps: int
    before: Matrix
    after: Matrix
    changes: dict[tuple[str, str], Estimate]
    seconds: float
    megabytes: float
    notices: tuple[str, ...]

    @property
    def worse(self) -> dict[tuple[str, str], Estimate]:
        """The pairs of languages that fell by more than their interval, because of which it is refused."""
        return worse(self.changes)

    def as_json(self) -> dict[str, Any]:
        """Every figure."""
        return {
            "learned_from": self.learned_from,
            "measured_on": self.measured_on,
            "steps": self.steps,
            "seconds": round(self.seconds, 1),
            "megabytes": round(self.megabytes),
            "before": matrix_as_json(self.before),
            "after": matrix_as_json(self.after),
            "changes": [{"query": a, "document": b, **asdict(of)} for (a, b), of in self.changes.items()],
            "worse": [list(pair) for pair in self.worse],
        }

    def as_text(self) -> str:
        """The matrices before and after, and what it took."""
        parts = [
            f"learned from {self.learned_from:,} queries in {self.steps:,} steps, measured on {self.measured_on} "
            f"others by cosine; {self.seconds / 60:.1f} minutes, {self.megabytes:,.0f} MB",
            "rows are the languages of the queries, columns those of the passages",
            f"before\n{matrix_table(self.before, MEASURE)}",
            f"after\n{matrix_table(self.after, MEASURE)}",
        ]
        return "\n\n".join(parts)

    def refusal(self) -> list[str]:
        """The pairs of languages that became worse, each with its figures."""
        return [
            f"{a} -> {b}: {MEASURE} {self.before.cells[a, b].estimates[MEASURE].mean:.3f} before, "
            f"{self.after.cells[a, b].estimates[MEASURE].mean:.3f} after, {of.mean:+.3f} "
            f"({of.low:+.3f} to {of.high:+.3f}, n={self.before.cells[a, b].count})"
            for (a, b), of in self.worse.items()
        ]
