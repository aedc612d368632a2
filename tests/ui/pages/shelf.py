"""Several indexes side by side under one server, so that each test changes one of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from jv3search import indexes
from tests.ui.conftest import settled


@dataclass(frozen=True)
class Shelf:
    """A server's address, the folder its indexes lie in, and the folder of its documents."""

    address: str
    indexes: Path
    documents: Path
    model: Path

    def copy(self, name: str) -> Path:
        """A fresh index of the shared texts under a new name."""
        return Path(shutil.copytree(self.model, self.indexes / name))


@dataclass(frozen=True)
class Base:
    """One index on the shelf, opened in any number of tabs."""

    shelf: Shelf
    folder: Path
    open_page: Callable[..., Page]

    def visit(self, path: str = "library", **how: object) -> Page:
        """A new tab that shows a page for this index."""
        page = self.open_page(f"{self.shelf.address}/{path}?index={self.folder.name}", **how)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        settled(page)
        return page

    def titles(self) -> set[str]:
        """What is in the index."""
        with indexes.open_reader(self.folder) as reader:
            return {row.title for row in reader.documents()}


def turn_to(page: Page, tab: str) -> None:
    """Show a tab of the library."""
    page.get_by_role("tab", name=tab).click()
    settled(page)


def choose_row(page: Page, table: str, number: int) -> None:
    """Click the box at the left edge of a row, counted from 0, of the table with this accessible name."""
    frame = page.get_by_test_id("stDataFrame").filter(has=page.get_by_label(table))
    expect(page.get_by_label(table).locator("[role=gridcell]").first).to_be_attached()  # the grid is drawn
    frame.scroll_into_view_if_needed()  # and stands still
    box = frame.bounding_box()  # the grid is a picture; what lies over it takes the clicks
    page.mouse.click(box["x"] + 16, box["y"] + 38 + 35 * number + 17)
    settled(page)


def cells(page: Page, table: str) -> list[str]:
    """The words that the table offers to a screen reader."""
    found = page.get_by_label(table).locator("[role=gridcell]")
    expect(found.first).to_be_attached()  # the grid is drawn
    return found.all_text_contents()
