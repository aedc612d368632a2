"""Filters and operators together: what both admit, and errors where they leave nothing."""

from datetime import UTC, datetime

import pytest

from jv3search.errors import InputError
from jv3search.search.filters import folders, intersection
from jv3search.types import Filter

URIS = ["/home/ada/reports/2024/q1.pdf", "/home/ada/Отчёты/план.docx", "/srv/報告/reports/a.txt"]


def day(number):
    return datetime(2026, 1, number, tzinfo=UTC)


def test_what_both_admit():
    given = Filter(languages=frozenset({"de", "ja"}), since=day(3), until=day(20), phrases=("a b",))
    typed = Filter(languages=frozenset({"ja", "th"}), formats=frozenset({"pdf"}), since=day(9), without=("x",))
    assert intersection(given, typed) == Filter(
        languages=frozenset({"ja"}), formats=frozenset({"pdf"}), since=day(9), until=day(20), phrases=("a b",), without=("x",)
    )  # fmt: skip
    assert intersection(Filter(), given) == given == intersection(given, Filter())


def test_the_inner_of_two_folders_counts():
    outer, inner = Filter(under=frozenset({"/home/ada"})), Filter(under=frozenset({"/home/ada/reports", "/srv/x"}))
    assert intersection(outer, inner).under == intersection(inner, outer).under == {"/home/ada/reports"}


@pytest.mark.parametrize(
    ("given", "typed", "said"),
    [
        (Filter(languages=frozenset({"de"})), Filter(languages=frozenset({"ja"})), "no language fits both: .* ja"),
        (Filter(formats=frozenset({"pdf"})), Filter(formats=frozenset({"docx"})), "no type fits both"),
        (Filter(under=frozenset({"/a"})), Filter(under=frozenset({"/ab"})), "no folder fits both"),
    ],
)
def test_a_contradiction_is_an_error(given, typed, said):
    with pytest.raises(InputError, match=said):
        intersection(given, typed)


def test_folders_are_found_by_their_names():
    assert folders(URIS, ["reports"]) == {"/home/ada/reports", "/srv/報告/reports"}
    assert folders(URIS, ["reports/2024", "Отчёты"]) == {"/home/ada/reports/2024", "/home/ada/Отчёты"}
    assert folders(URIS, ["/srv"]) == {"/srv"}
    with pytest.raises(InputError, match="no document in the index is in a folder 'report'"):
        folders(URIS, ["report"])
