"""A process that is killed loses at most the document in hand."""

from __future__ import annotations

from pathlib import Path

from . import kill_loop


def test_nothing_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    result = kill_loop.run(tmp_path / "index", kills=10)
    assert result["acknowledged"] > 20
