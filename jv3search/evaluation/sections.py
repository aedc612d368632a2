"""Which sections of its document a chunk stands for: small sections share a chunk, long ones have several."""

from __future__ import annotations

from jv3search.types import Section, Span


def stands_for(chunk: Span, section: Section) -> bool:
    """Whether a chunk holds at least half of a section, or lies in it with at least half of itself."""
    return 2 * chunk.overlap(section.span) >= min(len(chunk), len(section.span)) > 0
