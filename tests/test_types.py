"""Values that go into JSON and come back."""

import pytest

from jv3search.types import Page, Section, Span


def test_pages_and_sections_come_back_from_their_rows():
    page = Page(3, Span(10, 25), "Übersicht 表")
    section = Section("Резервная копия", 2, Span(0, 9))
    assert page.as_row() == [3, 10, 25, "Übersicht 表"]
    assert section.as_row() == ["Резервная копия", 2, 0, 9]
    assert Page.from_row(page.as_row()) == page
    assert Section.from_row(section.as_row()) == section


@pytest.mark.parametrize(
    "row",
    [
        [1, 0, 5],  # a value too few
        [1, 0, 5, "a", "b"],
        [True, 0, 5, "a"],
        [1.0, 0, 5, "a"],
        [1, 5, 0, "a"],  # no span
        [1, 0, 5, None],
        [1, 0, 5, "\ud800"],  # a lone surrogate
    ],
)
def test_a_row_of_anything_else_is_refused(row):
    with pytest.raises(ValueError):
        Page.from_row(row)
