"""Drawn pages: the boxes lie over the right words, in every script; what cannot be drawn says why."""

from __future__ import annotations

import io

import pypdf
import pytest
from PIL import Image

from jv3search.errors import ReadError
from jv3search.readers import PageWanted, fetch
from jv3search.readers.pdf_page import found, nested, plain
from jv3search.readers.picture import Box, PageImage
from jv3search.readers.sandbox import wire

from .conftest import SAMPLES
from .test_pdf import lines, written


def ink(image: PageImage, box: Box | None = None) -> int:
    """Dark pixels of the page, or of a box on it."""
    drawn = Image.open(io.BytesIO(image.png)).convert("L")
    if box is not None:
        edges = (
            box.left * image.width,
            box.top * image.height,
            box.right * image.width,
            box.bottom * image.height,
        )
        drawn = drawn.crop(tuple(map(round, edges)))
    return sum(drawn.histogram()[:128])


def test_the_box_holds_exactly_the_words(reader) -> None:
    data = written(lines("The first line.", "Here are the words we want.", "And a third line."))
    page = reader.draw(data, "a.pdf", PageWanted(1, 595, ("the words we want", "words", "not there")))
    assert (page.width, page.height) == (595, 842)
    (passage,), (sentence,), nothing = page.boxes
    assert nothing == ()
    assert passage.top * 842 == pytest.approx(842 - 786 - 10, abs=6)
    assert passage.left < sentence.left < sentence.right < passage.right
    assert ink(page, passage) > ink(page, sentence) > 20
    alone = reader.draw(written(lines("", "the words we want")), "b.pdf", PageWanted(1, 595))
    assert ink(page, passage) == pytest.approx(ink(alone), rel=0.15)


def test_a_sentence_is_marked_inside_its_passage_and_not_where_it_stood_before(reader) -> None:
    data = written(lines("Save it. Then go on to the next.", "Open the file again. Save it. Done."))
    page = reader.draw(data, "a.pdf", PageWanted(1, 595, ("Open the file again. Save it. Done.", "Save it.")))
    assert page.boxes[1][0].top == pytest.approx(page.boxes[0][0].top, abs=0.005)


def test_a_passage_over_two_lines_with_a_hyphen_has_a_box_each(reader) -> None:
    data = written(lines("We need a long exam-", "ple of a divided word."))
    page = reader.draw(data, "a.pdf", PageWanted(1, 600, ("long example of",)))
    above, below = page.boxes[0]
    assert above.bottom <= below.top + 0.01
    assert above.left > below.left


def test_turned_pages_are_measured_as_they_are_drawn(reader) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(written(lines("Turned around once."))))
    writer.pages[0].rotate(90)
    out = io.BytesIO()
    writer.write(out)
    page = reader.draw(out.getvalue(), "a.pdf", PageWanted(1, 842, ("Turned around once.",)))
    assert (page.width, page.height) == (842, 595)
    (box,) = page.boxes[0]
    assert (box.bottom - box.top) * page.height > 3 * (box.right - box.left) * page.width
    assert ink(page, box) == pytest.approx(ink(page), rel=0.05)


@pytest.mark.parametrize(
    ("name", "passage"),
    [
        ("keyboard-ar.pdf", "لا يحتاج إليها القارئ إلا في الشعر"),
        ("nightphoto-ja.pdf", None),
        ("fahrrad-de.pdf", None),
    ],
)
def test_samples_in_several_scripts(reader, name, passage) -> None:
    document = reader.read(SAMPLES / name)
    last = document.pages[-1]
    passage = passage or last.span.of(document.text)[-40:]
    page = reader.draw(fetch(SAMPLES / name), name, PageWanted(last.number, 1000, (passage,)))
    assert page.boxes[0]
    assert all(ink(page, box) > 10 for box in page.boxes[0])
    assert sum(box.right - box.left for box in page.boxes[0]) < 1.5


def test_what_cannot_be_drawn_says_why(reader) -> None:
    with pytest.raises(ReadError, match=r"^a.pdf has 1 pages; there is no page 7$"):
        reader.draw(written(lines("x")), "a.pdf", PageWanted(7, 600))
    with pytest.raises(ReadError, match=r"^a.txt is not a PDF"):
        reader.draw(b"plain text", "a.txt", PageWanted(1, 600))
    with pytest.raises(ReadError, match=r"^a.pdf cannot be read as pdf"):
        reader.draw(b"%PDF-1.7\nnonsense\n%%EOF", "a.pdf", PageWanted(1, 600))


def test_a_huge_page_is_drawn_small(reader) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(14_400, 14_400)
    out = io.BytesIO()
    writer.write(out)
    page = reader.draw(out.getvalue(), "a.pdf", PageWanted(1, 60_000))
    assert page.width == page.height == pytest.approx(2449, abs=2)


def test_letters_are_compared_in_their_plain_forms() -> None:
    assert plain("Ｆｉ-ﬁ\u00ad ½!") == "fifi12"
    letters = [(letter, index) for index, letter in enumerate(plain("Eins zwei drei. Zwei drei."))]
    assert found(letters, "zwei, drei") == list(range(4, 12))
    assert found(letters, "something else entirely") == []
    assert found(letters, "…") == []
    assert nested(letters, ["drei. Zwei", "zwei"])[1] == list(range(12, 16))


@pytest.mark.parametrize(
    "note", ['{"width": 1, "height": 1, "boxes": [[[0, 0, 2, 1]]]}', '{"boxes": 1}', "[]", "no"]
)
def test_a_childs_answer_is_checked(note) -> None:
    with pytest.raises(ReadError, match="is invalid"):
        wire.image_answer(note.encode(), b"\x89PNG\r\n\x1a\n")


def test_only_png_is_taken_for_an_image() -> None:
    with pytest.raises(ReadError, match="is invalid"):
        wire.image_answer(b'{"width": 1, "height": 1, "boxes": []}', b"<svg onload=alert(1)>")
