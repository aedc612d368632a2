"""The overview: numbers, charts with words for them, a map that opens documents, the dial."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from playwright.sync_api import expect

import jv3search
from jv3search import indexes
from jv3search.analysis.clusters import clustered
from jv3search.analysis.topics import Clusters, Topic
from jv3search.indexes import DocumentRow
from jv3search.types import unit_rows
from jv3search.ui.corpus_map import points, topic_names
from tests.conftest import TEXTS
from tests.ui.conftest import settled
from tests.ui.pages.shelf import cells, choose_row


def three_topics(count=60, dimension=24):
    """Documents around three far directions: a third, half, and a sixth of them."""
    rng = np.random.default_rng(5)
    belongs = np.array([0] * (count // 3) + [1] * (count // 2) + [2] * (count - count // 3 - count // 2))
    rows = unit_rows(np.eye(dimension)[belongs] + 0.15 * rng.normal(size=(count, dimension)))
    return Clusters((), rows, *clustered(rows, 3))


def row():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return DocumentRow("/a.txt", "", "a", "txt", "ja", 1, moment, moment, 0, 1)


def test_topics_lie_apart_on_the_map():
    found = three_topics()
    drawn = points(found)
    own = [drawn[found.labels == each] for each in range(3)]
    middles = [of.mean(axis=0) for of in own]
    spread = max(np.linalg.norm(of - middle, axis=1).mean() for of, middle in zip(own, middles, strict=True))
    apart = min(np.linalg.norm(middles[a] - middles[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert apart > 3 * spread
    assert np.allclose(drawn.min(axis=0), -1)
    assert np.allclose(drawn.max(axis=0), 1)
    assert np.array_equal(drawn, points(three_topics()))


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_documents_have_a_map_too(count):
    rows = np.eye(4, dtype=np.float32)[:count]
    drawn = points(Clusters((), rows, *clustered(rows, 2)))
    assert drawn.shape == (count, 2)
    assert np.isfinite(drawn).all()


def test_equal_documents_share_a_point():
    rows = unit_rows(np.ones((5, 8)))
    assert np.array_equal(points(Clusters((), rows, *clustered(rows, 2))), np.zeros((5, 2)))


def test_names_of_topics_are_told_apart():
    topics = [Topic((row(),), {"de": ("Wetter",), "ja": ("天気",)}), Topic((row(),), {"ja": ("天気",)})]
    assert topic_names(topics, ("ja",)) == ["天気", "天気 (2)"]
    assert topic_names(topics, ("fr",)) == ["Wetter", "天気"]


def test_numbers_and_charts_say_what_is_in_the_index(base):
    page = base.visit("overview")
    for name, value in (("Documents", "8"), ("Passages", "8"), ("Languages", "8")):
        expect(page.get_by_test_id("stMetric").filter(has_text=name)).to_contain_text(value)
    charts = page.locator("[role=graphics-document]")
    expect(charts).to_have_count(4)
    names = [chart.get_attribute("aria-label") for chart in charts.all()]
    assert re.fullmatch(r"Passages by language: (\w+ 1(, )?){8}", names[0])
    assert names[1] == "Documents by type: txt 7, md 1"
    assert names[2] == "Documents by number of passages: 1 8"
    page.get_by_text("The same as tables").click()
    expect(page.get_by_role("cell", name="Japanese")).to_be_visible()


def test_the_map_tells_titles_and_a_click_opens_the_document(base):
    page = base.visit("overview")
    points = page.locator("[role=graphics-document]").last.locator("path[aria-roledescription=circle]")
    expect(points).to_have_count(len(TEXTS))
    labels = [point.get_attribute("aria-label") for point in points.all()]
    assert {label.split(" · ")[0] for label in labels} == base.titles()
    wanted = page.locator("path[aria-roledescription=circle][aria-label^='Backups · English']")
    wanted.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text("Backups")
    wanted.click()
    expect(page).to_have_url(re.compile(r"/\?doc=[0-9a-f]{16}"))
    expect(page.get_by_text("A backup is a copy of your files").first).to_be_visible()


def test_topics_are_named_in_the_readers_language_colour_the_map_and_filter_it(base):
    with jv3search.open(base.folder) as kb:
        topics = jv3search.topics(kb)
    page = base.visit("overview", locale="ja-JP")
    circles = page.locator("[role=graphics-document]").last.locator("path[aria-roledescription=circle]")
    expect(circles).to_have_count(len(TEXTS))
    page.get_by_test_id("stButtonGroup").get_by_text("話題").click()
    settled(page)
    shown = {circle.get_attribute("aria-label").split(" · ", 2)[2] for circle in circles.all()}
    assert shown == {topic.name(("ja",)) for topic in topics}
    page.get_by_role("combobox", name="話題").click()
    page.get_by_role("option", name=f"{topics[0].name(('ja',))} ({len(topics[0].documents)})").click()
    settled(page)
    expect(circles).to_have_count(len(topics[0].documents))
    titles = {circle.get_attribute("aria-label").split(" · ")[0] for circle in circles.all()}
    assert titles == {document.title for document in topics[0].documents}
    page.get_by_text("話題とその語").click()
    settled(page)
    told = cells(page, "話題とその語")
    for topic in topics:
        assert topic.name(("ja",)) in told
    assert any("日本語: " in cell for cell in told)


def test_the_table_under_the_map_opens_documents_from_the_keyboard(base):
    page = base.visit("overview")
    page.get_by_text("The same as a table").click()
    settled(page)
    choose_row(page, "Documents by topic", 0)
    expect(page).to_have_url(re.compile(r"/\?doc=[0-9a-f]{16}"))


def test_the_dial_is_measured_and_turned(base):
    page = base.visit("overview")
    page.get_by_role("button", name="Measure it on these documents").click()
    expect(page.get_by_text("Measured with")).to_be_visible(timeout=90_000)
    rows = page.get_by_test_id("stTable").last.locator("tbody tr").all_inner_texts()
    assert [int(row.split()[0]) for row in rows] == [32, 64, 128, 256]
    thumb = page.get_by_role("slider", name="Numbers to search")
    thumb.focus()
    page.keyboard.press("ArrowLeft")
    settled(page)
    page.get_by_role("button", name="Use this").click()
    expect(page.get_by_text("Searches now look through 128 numbers of each passage.")).to_be_visible()
    with indexes.open_reader(base.folder) as reader:
        assert reader.dimension == 128
