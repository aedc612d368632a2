"""jv3search beside other products, given the same documents and weights, and beside libraries for vectors."""

from pathlib import Path

RESULTS = Path(__file__).parent.parent.parent / "docs" / "benchmarks"
