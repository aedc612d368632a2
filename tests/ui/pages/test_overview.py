"""The overview: numbers, charts with words for them, a map that opens documents, the dial."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from jv3search import indexes
from jv3search.ui.corpus_map import make_map, topic_names
from tests.conftest import TEXTS
from tests.ui.conftest import settled
from tests.ui.pages.shelf import choose_row


def three_topics(count=60, dimension=24):
    """Unit vectors around three far directions, and which of them each belongs to: most to 1, then 0, then 2."""
    rng = np.random.default_rng(5)
    belongs = np.array([0] * (count // 3) + [1] * (count // 2) + [2] * (count - count // 3 - count // 2))
    vectors = np.eye(dimension)[belongs] + 0.15 * rng.normal(size=(count, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), belongs


def test_topics_are_found_numbered_by_size_and_apart_on_the_map():
    vectors, belongs = three_topics()
    drawn = make_map(vectors)
    sizes = np.bincount(drawn.topics).tolist()
    assert sizes == sorted(sizes, reverse=True)
    for each in range(3):
        own = set(drawn.topics[belongs == each].tolist())
        assert own.isdisjoint(drawn.topics[belongs != each].tolist())
    middles = np.stack([drawn.points[belongs == each].mean(axis=0) for each in range(3)])
    spread = max(np.linalg.norm(drawn.points[belongs == each] - middles[each], axis=1).mean() for each in range(3))
    apart = min(np.linalg.norm(middles[a] - middles[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert apart > 3 * spread
    assert np.allclose(drawn.points.min(axis=0), -1)
    assert np.allclose(drawn.points.max(axis=0), 1)


def test_the_map_is_the_same_every_time():
    vectors, _ = three_topics()
    one, two = make_map(vectors), make_map(vectors.copy())
    assert np.array_equal(one.points, two.points)
    assert np.array_equal(one.topics, two.topics)
    assert one.centres == two.centres


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_documents_have_a_map_too(count):
    vectors = np.eye(4, dtype=np.float32)[:count]
    drawn = make_map(vectors)
    assert drawn.points.shape == (count, 2)
    assert np.isfinite(drawn.points).all()
    assert len(drawn.topics) == count


def test_equal_documents_share_a_point():
    drawn = make_map(np.ones((5, 8), np.float32))
    assert np.array_equal(drawn.points, np.zeros((5, 2)))


def test_topics_are_called_after_their_most_typical_document():
    vectors, belongs = three_topics()
    drawn = make_map(vectors)
    titles = [("Wetter", "Шрифты", "備份")[each] for each in belongs]
    names = topic_names(titles, drawn)
    assert names[0] == titles[drawn.centres[0]]
    assert {name.split(" (")[0] for name in names} == {"Wetter", "Шрифты", "備份"}
    assert len(set(names)) == len(names) > 3
    assert topic_names(["同じ"] * 60, drawn)[:2] == ["同じ", "同じ (2)"]


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
