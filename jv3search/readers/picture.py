"""A page as people see it: its image, and where some passages stand on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in shares of the page's width and height, counted from the top left."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left <= self.right <= 1 and 0 <= self.top <= self.bottom <= 1):
            raise ValueError(f"{self} is not on the page")


@dataclass(frozen=True, slots=True)
class PageWanted:
    """Which page of a document to draw, counted from 1, how wide in pixels, and what to find on it.

    Each passage is looked for within the one before it, as a sentence is within its passage.
    """

    number: int
    width: int
    passages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PageImage:
    """A drawn page: a PNG of `width` x `height` pixels; `boxes` holds for each passage its lines' boxes.

    A passage that was not found on the page has no boxes.
    """

    png: bytes
    width: int
    height: int
    boxes: tuple[tuple[Box, ...], ...]
