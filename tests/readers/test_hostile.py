"""Hostile and unfit files: each is refused with a clear reason, and the next document is still read."""

from __future__ import annotations

import io
import os
import socket
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from jv3search.errors import EmptyDocument, ReadError, UnsupportedFormat
from jv3search.readers import Limits, SandboxedReader, fetch, format_of

from .conftest import SAMPLES
from .test_office import rezipped

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")


@pytest.fixture(autouse=True)
def next_document_is_read(reader: SandboxedReader) -> Iterator[None]:
    yield
    assert reader.read_bytes("Weiter geht’s.".encode(), "next.txt").text == "Weiter geht’s."


def pdf(*objects: bytes) -> bytes:
    """A PDF of numbered objects, with a correct cross-reference table."""
    out, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(out))
    )


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>"


def test_flate_bomb(read) -> None:
    """2.4 kB that unpack, twice, to a gigabyte of zeros."""
    once = zlib.compressobj(1)
    inner = b"".join([once.compress(bytes(1_000_000)) for _ in range(1000)]) + once.flush()
    packed = zlib.compress(inner, 9)
    bomb = pdf(CATALOG, PAGES, PAGE, b"<< /Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n%s\nendstream"
               % (len(packed), packed))  # fmt: skip
    assert len(bomb) < 30_000
    with pytest.raises(ReadError, match=r"bomb.pdf"):
        read("bomb.pdf", bomb)


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param((CATALOG, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"), id="loop of one"),
        pytest.param(
            (CATALOG, PAGES, b"<< /Type /Pages /Kids [2 0 R] /Count 1 /Parent 2 0 R >>"), id="loop of two"
        ),
        pytest.param((CATALOG, b"<< /Type /Pages /Kids [] /Count 0 >>"), id="no pages"),
        pytest.param((CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 999999999 >>", b"null"), id="a lie"),
        pytest.param((b"[" * 200_000,), id="brackets"),
    ],
)
def test_page_tree(read, objects: tuple[bytes, ...]) -> None:
    with pytest.raises(ReadError, match=r"tree.pdf"):
        read("tree.pdf", pdf(*objects))


def archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("passwords-ru.docx", "word/document.xml"),
        ("meeting-ko.pptx", "ppt/slides/slide1.xml"),
        ("budget-en.xlsx", "xl/worksheets/sheet1.xml"),
        ("spreadsheet-hi.odt", "content.xml"),
        ("plan-lekcji-pl.ods", "content.xml"),
        ("recetas-es.epub", "OEBPS/chapter1.xhtml"),
    ],
)
def test_zip_bomb(read, name: str, part: str) -> None:
    bomb = rezipped((SAMPLES / name).read_bytes(), {part: b"<x>" + b" " * 30_000_000})
    with pytest.raises(ReadError, match=rf"{name}: '{part}' unpacks to [\d,]+ times its size; the limit is 200"):
        read(name, bomb)


def test_archive_that_declares_too_much(read) -> None:
    half = os.urandom(1_500_000) * 20  # hardly packs under deflate's window of 32 kB
    with SandboxedReader(Limits(unpacked=50_000_000)) as strict:
        data = rezipped((SAMPLES / "passwords-ru.docx").read_bytes(), {"a.bin": half, "b.bin": half})
        with pytest.raises(ReadError, match=r"a.docx declares more than 50 MB unpacked, the limit"):
            strict.read_bytes(data, "a.docx")


def test_archive_with_too_many_members(read) -> None:
    many = {f"word/{number}": b"" for number in range(10_001)} | {"word/document.xml": b"<x/>"}
    with pytest.raises(ReadError, match=r"many.docx has 10,002 members; the limit is 10,000"):
        read("many.docx", archive(many))


def test_archive_that_lies_about_a_size(read) -> None:
    """The directory says 100 bytes, the stream holds 30 million."""
    honest = archive({"[Content_Types].xml": b"<x/>", "word/document.xml": bytes(30_000_000)})
    lying = honest.replace((30_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != honest
    with pytest.raises(ReadError, match=r"lie.docx: its part 'word/document.xml' is damaged: .*CRC"):
        read("lie.docx", lying)


LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
OUTSIDE = '<!DOCTYPE l [<!ENTITY i SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("doctype", [LAUGHS, OUTSIDE], ids=["billion laughs", "external entity"])
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("passwords-ru.docx", "word/document.xml"),
        ("passwords-ru.docx", "docProps/core.xml"),
        ("meeting-ko.pptx", "ppt/slides/slide1.xml"),
        ("budget-en.xlsx", "xl/sharedStrings.xml"),
        ("spreadsheet-hi.odt", "content.xml"),
        ("plan-lekcji-pl.ods", "content.xml"),
        ("recetas-es.epub", "OEBPS/content.opf"),
    ],
)
def test_entities(read, name: str, part: str, doctype: str) -> None:
    data = (SAMPLES / name).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        xml = made.read(part).decode()
    body = xml[xml.index("?>") + 2 :] if xml.startswith("<?xml") else xml
    end = body.rindex("</")
    hostile = doctype + body[:end] + "&i;" + body[end:]
    with pytest.raises(ReadError, match=f"{name}.*(DTD|EntitiesForbidden|DTDForbidden)"):
        read(name, rezipped(data, {part: hostile.encode()}))


def test_entities_in_html_stay_text(read) -> None:
    page = OUTSIDE + "<html><body><p>a &i; b</p></body></html>"
    assert read("a.xhtml", page).text.endswith("a &i; b")


def test_includes_of_restructuredtext_read_nothing(read) -> None:
    text = read("a.rst", ".. include:: /etc/passwd\n\n.. csv-table::\n   :file: /etc/passwd\n\nnur das\n").text
    assert "root" not in text
    assert text.endswith("nur das")


@pytest.mark.parametrize("tag", ["div", "b", "blockquote", "svg", "my-own"])
def test_deeply_nested_html(read, tag: str) -> None:
    with pytest.raises(ReadError, match=r"deep.html nests more than 2,000 HTML elements, the limit"):
        read("deep.html", f"<{tag}>" * 100_000)


def test_many_paragraphs_without_an_end_tag_are_fine(read) -> None:
    assert read("flat.html", "<p>é" * 50_000).text.count("é") == 50_000


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000 + "1"], ids=["lists", "objects", "digits"]
)
def test_deep_json(read, text: str) -> None:
    if text.startswith("1"):
        assert len(read("deep.json", text).text) == 5001
    else:
        with pytest.raises(ReadError, match=r"deep.json is nested too deeply to be read as json"):
            read("deep.json", text)


@pytest.mark.parametrize("text", ["> " * 50_000, "- " * 20_000, "[" * 50_000, "*a " * 30_000, "![" * 30_000])
def test_markdown_of_malice(reader, text: str) -> None:
    """Slow or deep as it may be, it ends in a document or in a ReadError."""
    with SandboxedReader(Limits(seconds=3)) as hurried:
        try:
            hurried.read_bytes(text.encode() + b"x", "a.md")
        except ReadError as error:
            assert "a.md" in str(error)


def test_hundred_megabytes_in_one_line(reader, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"0123456789" * 100_000)
    with pytest.raises(ReadError, match=r"long.txt has more than 20 MB of text, the limit for one document"):
        reader.read(path)


def test_oversized_file_is_not_even_read(reader, tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(300_000_000)  # a hole: takes no room
    with pytest.raises(ReadError, match=r"huge.txt is 300 MB; the limit for one file is 200 MB"):
        reader.read(path)


def test_spreadsheet_with_two_cells_at_the_corners(read) -> None:
    """A1 and XFD1048576: calamine lays out every cell between them."""
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1">'
        '<v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>'
    )
    with pytest.raises(ReadError, match=r"far.xlsx"):
        read(
            "far.xlsx",
            rezipped((SAMPLES / "budget-en.xlsx").read_bytes(), {"xl/worksheets/sheet1.xml": sheet.encode()}),
        )


@pytest.mark.parametrize("name", ["a.txt", "a.pdf", "a.docx", "a.html", "a.png", "a"])
def test_zero_bytes(read, name: str) -> None:
    with pytest.raises(EmptyDocument, match=rf"{name} is empty \(0 bytes\)"):
        read(name, b"")


def test_binary_under_a_text_name(read, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match=r"a.txt looks like a PNG image, not text"):
        read("a.txt", PNG)
    with pytest.raises(UnsupportedFormat, match=r"a.txt looks like a PNG image, not text"):
        format_of(tmp_path / "a.txt")


def test_text_that_begins_like_an_image_is_text(read) -> None:
    assert read("a.txt", "BM is how a bitmap begins; also BMW, MZ and ID3.").text.startswith("BM is")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"hello world", r"a.pdf is named .pdf but looks like plain text, not a pdf file"),
        ("a.docx", PNG, r"a.docx is named .docx but looks like a PNG image, not a docx file"),
        ("a.exe", b"MZ\0\0", r"no reader for files named \*.exe"),
        (
            "README",
            b"text",
            r"README: no reader for a file without a suffix \(looks like plain text\); known: csv docx",
        ),
        ("a.zip", archive({"a.txt": b"x"}), r"no reader for files named \*.zip \(looks like application/zip\)"),
        ("a.docx", archive({"a.txt": b"x"}), r"a.docx is named .docx but looks like application/zip"),
    ],
)
def test_no_reader(read, tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    with pytest.raises(UnsupportedFormat, match=reason):
        read(name, data)
    with pytest.raises(UnsupportedFormat, match=reason):
        format_of(tmp_path / name)


def test_links_folders_pipes_and_devices(reader, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "real.txt").write_text("x")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(tmp_path)  # a socket may be bound to 108 bytes of path only
        listening.bind("socket.txt")
    reasons = {
        "link.txt": "is a symbolic link; give the file it points to",
        "loop.txt": "is a symbolic link",
        "folder.txt": "is a folder, not a file",
        "pipe.txt": "is a named pipe, not a file",
        "socket.txt": "is a socket or a device, not a file",
        "nowhere.txt": "does not exist",
        "nul\0.txt": "cannot be opened: embedded null byte",
        "x" * 300 + ".txt": "cannot be opened: .*File name too long",
    }
    for name, reason in reasons.items():
        for door in (reader.read, format_of, fetch):
            with pytest.raises(ReadError, match=reason):
                door(tmp_path / name)
    with pytest.raises(ReadError, match=r"/dev/zero is a device, not a file"):
        reader.read(Path("/dev/zero"))


def test_names_that_are_no_utf8(reader, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("Kaffee")
    assert reader.read(path).title == "caf\ufffd"
    with pytest.raises(ReadError, match=r"fehlt\ufffd.txt does not exist"):
        reader.read(tmp_path / os.fsdecode(b"fehlt\xe9.txt"))
