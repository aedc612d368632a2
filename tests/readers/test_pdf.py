"""PDF: paragraphs from glyphs, bookmarks, labels, right-to-left text, the second reader, refusals."""

from __future__ import annotations

import io

import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, NameObject

from jv3search.errors import EmptyDocument, ReadError
from jv3search.readers.pdf_direction import pieces_restored
from jv3search.readers.pdf_judge import better, naturalness, right_to_left, shredded
from jv3search.readers.pdf_lines import Line, paragraphs, paragraphs_of_text

from .conftest import SAMPLES


def written(*contents: str, **options: str) -> bytes:
    """A PDF of one page a content stream, set in Helvetica."""
    writer = pypdf.PdfWriter()
    font = pypdf.generic.DictionaryObject({
        NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1"),
        NameObject("/BaseFont"): NameObject("/Helvetica"), NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
    })  # fmt: skip
    for content in contents:
        page = writer.add_blank_page(595, 842)
        stream = DecodedStreamObject()
        stream.set_data(content.encode("cp1252"))
        page[NameObject("/Contents")] = writer._add_object(stream)
        page[NameObject("/Resources")] = pypdf.generic.DictionaryObject({
            NameObject("/Font"): pypdf.generic.DictionaryObject({NameObject("/F"): writer._add_object(font)})
        })  # fmt: skip
    if "password" in options:
        writer.encrypt(options["password"], algorithm="RC4-128")
    if "title" in options:
        writer.add_metadata({"/Title": options["title"]})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def lines(*texts: str, top: int = 800, left: int = 50, step: int = 14) -> str:
    """A content stream that shows lines of text under each other."""
    shown = "".join(f"1 0 0 1 {left} {top - number * step} Tm ({text}) Tj " for number, text in enumerate(texts))
    return f"BT /F 11 Tf {shown} ET "


FULL = "The quick brown fox jumps over the lazy dog and runs into the woods"


def test_wrapped_lines_are_joined_and_paragraphs_kept(read) -> None:
    first = lines(FULL, FULL, "to the end.")
    second = lines(FULL, "ends here.", top=730)
    document = read("a.pdf", written(first + second))
    assert document.text == f"{FULL} {FULL} to the end.\n\n{FULL} ends here."


def test_two_columns_are_read_one_after_the_other(read) -> None:
    """The second column carries the sentence on, so it is no paragraph of its own."""
    column = [f"left line number {number} of the column" for number in range(4)]
    other = [f"right line number {number} of the column" for number in range(4)]
    document = read("a.pdf", written(lines(*column) + lines(*other, left=320)))
    assert document.text == " ".join(column + other)


def test_hyphen_at_the_end_of_a_line_disappears(read) -> None:
    document = read("a.pdf", written(lines(f"{FULL} unbe-", f"lievably far, {FULL[4:60]}", "away.")))
    assert "woods unbelievably far" in document.text


def test_short_lines_stay_lines(read) -> None:
    document = read("a.pdf", written(lines("Milk", "Bread", FULL, FULL, FULL, FULL)))
    assert document.text.startswith("Milk\nBread\nThe quick")


def test_labels_and_blank_pages(read) -> None:
    reader = pypdf.PdfReader(io.BytesIO(written(lines("Preface"), "", lines("Begin"))))
    writer = pypdf.PdfWriter(reader)
    writer.set_page_label(0, 1, style="/r")
    writer.set_page_label(2, 2, style="/D")
    writer.add_outline_item(title="Not printed", page_number=2)
    out = io.BytesIO()
    writer.write(out)
    document = read("a.pdf", out.getvalue())
    assert [(p.number, p.label, p.span.of(document.text)) for p in document.pages] == [
        (1, "i", "Preface"), (2, "ii", ""), (3, "1", "Begin"),
    ]  # fmt: skip
    assert document.notices == ("1 of 3 pages have no text (scanned?)",)
    assert [(s.title, s.span.of(document.text)) for s in document.sections] == [("Not printed", "Begin")]


@pytest.mark.parametrize(
    ("declared", "title"),
    [
        ("Grüne Äpfel", "Grüne Äpfel"),
        ("Microsoft Word - x.doc", "my file"),
        ("untitled", "my file"),
        ("a.indd", "my file"),
    ],
)
def test_title(read, declared: str, title: str) -> None:
    assert read("my file.pdf", written(lines("text"), title=declared)).title == title


def test_scan_has_no_text_layer(read) -> None:
    with pytest.raises(EmptyDocument, match=r"scan.pdf has 2 pages but no text layer: run OCR \(e.g. ocrmypdf\)"):
        read("scan.pdf", written("0 0 100 100 re f", "0 0 100 100 re f"))


def test_password(read) -> None:
    with pytest.raises(ReadError, match=r"a.pdf is encrypted: it needs a password"):
        read("a.pdf", written(lines("secret"), password="x"))


def test_empty_password_opens(read) -> None:
    assert read("a.pdf", written(lines("not so secret"), password="")).text == "not so secret"


def test_truncated(read) -> None:
    whole = (SAMPLES / "handbook-en.pdf").read_bytes()
    with pytest.raises(ReadError, match=r"a.pdf has no end mark \(%%EOF\): the PDF is truncated"):
        read("a.pdf", whole[: len(whole) // 2])


def test_no_pdf_at_all(read) -> None:
    with pytest.raises(ReadError, match=r"a.pdf is damaged"):
        read("a.pdf", b"%PDF-1.7\nhello\n%%EOF\n")


def test_arabic_numbers_stay_in_reading_order(reader) -> None:
    text = reader.read(SAMPLES / "keyboard-ar.pdf").text
    assert text.startswith(
        "الكتابة بالعربية على الحاسوب\n\nتحتاج الكتابة بالعربية إلى ثلاثة أشياء: لوحة مفاتيح مناسبة،"
    )
    assert naturalness(text) > 0.8


def test_judge_knows_direction() -> None:
    for forwards in ("النسخة الاحتياطية هي نسخة ثانية من الملفات", "חברו את הכוננים החיצוניים לפני שמתחילים"):
        backwards = "\n".join(line[::-1] for line in forwards.split("\n"))
        assert right_to_left(forwards)
        assert better(backwards, forwards)
        assert not better(forwards, backwards)
        assert not better(forwards, forwards)
        assert better(" ".join(forwards), forwards)
    assert not right_to_left(FULL)


def test_judge_knows_shreds() -> None:
    assert shredded("\n".join("abcdefghij"))
    assert not shredded("\n".join(["a line of text"] * 10))


def test_lines_of_unspaced_scripts_join_without_a_space() -> None:
    def at(text: str, baseline: float) -> Line:
        return Line(text, 0, 100, baseline, 10)

    assert paragraphs([at("外付けディスクを", 50), at("接続します。", 36)]) == "外付けディスクを接続します。"
    assert paragraphs([at("ข้อมูลสำ", 50), at("รองไว้", 36)]) == "ข้อมูลสำรองไว้"
    assert paragraphs([at("백업을", 50), at("만든다", 36)]) == "백업을 만든다"
    assert paragraphs([at("Donau\u00ad", 50), at("dampfer", 36)]) == "Donaudampfer"
    assert paragraphs([at("Heading", 80), Line("body", 0, 100, 60, 5)]) == "Heading\n\nbody"
    assert paragraphs_of_text(f"{FULL}\n{FULL}\nshort\n{FULL}") == f"{FULL} {FULL} short\n{FULL}"


def test_left_to_right_pieces_in_right_to_left_lines() -> None:
    """pdfium gave "md.README" for the "README.md" in a Hebrew line."""

    def shown(*drawn: tuple[str, int]) -> str:
        """The line as pdfium tells it, and where it drew what."""
        text, lefts = "", []
        for part, left in drawn:
            text += part
            lefts += [left + 5 * index for index in range(len(part))]
        return pieces_restored(text, lambda index: lefts[index])

    assert shown(("קובץ ", 200), ("md", 130), (".", 125), ("README", 95), (" כאן", 50)) == "קובץ README.md כאן"
    assert shown(("גרסה ", 200), ("2.0", 150), (" כאן", 50)) == "גרסה 2.0 כאן"
    assert shown(("ראו ", 300), ("org", 280), (".", 275), ("example", 240), ("//:", 225), ("https", 200)) == (
        "ראו https://example.org"
    )
    assert shown(("see ", 0), ("md", 130), (".", 125), ("README", 95)) == "see md.README"
