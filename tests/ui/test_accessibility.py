"""axe-core in the browser: nothing serious or critical on the search page and the source, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from .conftest import settled
from .test_source import place

SERIOUS = {"serious", "critical"}

KNOWN: set[tuple[str, str]] = set()
"""Findings in Streamlit's own frame that cannot be mended from here: (rule, selector)."""


def findings(page) -> list[tuple[str, str, str]]:
    """The serious findings on a page: (rule, where, what). What is being drawn again is paler: once is not enough."""
    every = [found_now(page)]
    while every[-1] and len(every) < 4:
        page.wait_for_timeout(1000)
        settled(page)
        every.append(found_now(page))
    return every[-1]


def found_now(page) -> list[tuple[str, str, str]]:
    """The serious findings of one look."""
    found = Axe().run(page).response["violations"]
    every = [
        (rule["id"], " ".join(map(str, node["target"])), node["html"][:300])
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]
    return [finding for finding in every if finding[:2] not in KNOWN]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_search_and_source_have_no_serious_finding(serve, open_page, library, dark) -> None:
    address = serve(library)
    for path in (
        "/",
        "/?q=backup",
        "/answer?q=backup",
        place(library, "weather-ar.html", "الضغط", "weather"),
        place(library, "fahrrad-de.pdf", "Bremshebel", "Bremse"),
    ):
        page = open_page(address + path, dark=dark)
        assert findings(page) == [], path
