"""One server for all tests of these pages; each test has an index of its own on its shelf."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from jv3search.encoders.models import MINI
from tests.ui.pages.shelf import Base, Shelf

expect.set_options(timeout=30_000)  # the first search of a server loads the model


@pytest.fixture(scope="session")
def shelf(tmp_path_factory, serve, shared_index) -> Shelf:
    room = tmp_path_factory.mktemp("shelf")
    documents = room / "documents"
    documents.mkdir()
    first = Path(shutil.copytree(shared_index, room / "indexes" / "first"))
    address = serve(first, JV3SEARCH_DOCUMENTS=str(documents), JV3SEARCH_MODEL=MINI)
    return Shelf(address, room / "indexes", documents, shared_index)


@pytest.fixture
def base(shelf, open_page, request) -> Base:
    """An index for one test, called as the test is."""
    return Base(shelf, shelf.copy(request.node.name.removeprefix("test_")), open_page)
