"""What holds for each of these pages: readable by all, on a telephone too, and nothing from anywhere else."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.ui.conftest import settled

PAGES = ("library", "overview", "settings")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(base, name, dark):
    page = base.visit(name, dark=dark)
    for tab in page.get_by_role("tab").all() or [None]:
        if tab:
            tab.click()
            settled(page)
        found = Axe().run(page).response["violations"]
        serious = [
            (each["id"], node["target"], node.get("failureSummary"))
            for each in found
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert serious == []


@pytest.mark.parametrize("name", PAGES)
def test_a_telephone_needs_no_scrolling_sideways(base, name):
    page = base.visit(name, width=360, height=740)
    wide = "[...document.querySelectorAll('.stMain *')].filter(e => e.getBoundingClientRect().right > 361 && "
    wide += "!e.closest('[data-testid=stDataFrame], [data-testid=stTabs] [role=tablist]')).length"
    assert page.evaluate(wide) == 0
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


def test_nothing_is_fetched_from_another_machine(base):
    asked = []
    page = base.visit("library")
    page.on("request", lambda request: asked.append(request.url))
    for name in PAGES:
        page.goto(f"{base.shelf.address}/{name}")
        settled(page)
    assert asked
    assert all(url.startswith((base.shelf.address, "data:", "blob:")) for url in asked)
