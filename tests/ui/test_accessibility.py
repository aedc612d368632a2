"""axe-core in the browser: nothing serious or critical on the search page and the source, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from .test_source import place

SERIOUS = {"serious", "critical"}

_FADED_IN = """() => Promise.all(document.getAnimations()
    .filter(each => each.effect.getComputedTiming().endTime !== Infinity)
    .map(each => each.finished.catch(() => null)))"""
"""Text that is fading in has less contrast."""

KNOWN: set[tuple[str, str]] = set()
"""Findings in Streamlit's own frame that cannot be mended from here: (rule, selector)."""


def findings(page) -> list[tuple[str, str]]:
    """The serious findings on a page: (rule, where)."""
    page.evaluate(_FADED_IN)
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
