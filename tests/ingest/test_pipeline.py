"""Where a chunk is said to be: page and section, by value."""

from jv3search.encoders.late_chunking import token_ranges
from jv3search.ingest.prepare import make_chunks
from jv3search.types import Document, Page, Section, Span

TEXT = "preface " + "Alpha one two three " + "Beta four " + "Größe fünf sechs sieben"
ALPHA, BETA, GAMMA = TEXT.index("Alpha"), TEXT.index("Beta"), TEXT.index("Größe")


def places(mini, spans):
    document = Document(
        TEXT, "t", "txt",
        pages=(Page(1, Span(0, BETA)), Page(2, Span(BETA, len(TEXT)))),
        sections=(
            Section("Alpha", 1, Span(ALPHA, BETA)),
            Section("Beta", 2, Span(BETA, GAMMA)),
            Section("Größe", 1, Span(GAMMA, len(TEXT))),
        ),
    )  # fmt: skip
    chunks, _ = make_chunks(document, spans, token_ranges(mini.tokenize(TEXT), spans))
    return [(chunk.page, chunk.section) for chunk in chunks]


def test_a_chunk_is_where_it_starts_and_in_the_section_that_holds_most_of_it(mini):
    assert places(mini, [Span(0, 7), Span(ALPHA, BETA), Span(BETA, len(TEXT))]) == [
        (1, None), (1, "Alpha"), (2, "Größe"),
    ]  # fmt: skip
    assert places(mini, [Span(0, len(TEXT))]) == [(1, "Größe")]
    assert places(mini, [Span(0, GAMMA)]) == [(1, "Alpha")]
    assert places(mini, [Span(BETA + 5, GAMMA)]) == [(2, "Beta")]
