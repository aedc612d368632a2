"""Office formats: what other converters lose, and what each reader makes of damaged or locked files."""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import Path

import docx
import pptx
import pytest
import xlsxwriter
from docx.oxml import parse_xml
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

from jv3search.errors import EmptyDocument, ReadError, UnsupportedFormat

from .conftest import SAMPLES

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def saved(document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def rezipped(data: bytes, changes: dict[str, bytes]) -> bytes:
    """The archive with some members replaced or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changes:
                new.writestr(name, old.read(name))
        for name, content in changes.items():
            new.writestr(name, content)
    return out.getvalue()


def test_word(read) -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Kopfzeile"
    document.sections[0].footer.paragraphs[0].text = "Fußzeile"
    document.add_heading("Книга о саде", 0)
    document.add_heading("Полив", 1)
    paragraph = document.add_paragraph("Поливайте утром")
    document.add_comment(paragraph.runs, text="Или вечером?", author="x")
    paragraph._p.append(parse_xml(f"<w:ins {W} w:id='9'><w:r><w:t>, всегда</w:t></w:r></w:ins>"))
    paragraph._p.append(parse_xml(f"<w:del {W} w:id='8'><w:r><w:delText>никогда</w:delText></w:r></w:del>"))
    paragraph._p.append(parse_xml(f"<w:r {W}><w:br/><w:t>Новая</w:t><w:tab/><w:t>строка</w:t></w:r>"))
    for item in ("лейка", "шланг"):
        document.add_paragraph(item, style="List Number")
    document.element.body.insert(-1, parse_xml(
        f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>Поле формы</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    ))  # fmt: skip
    table = document.add_table(2, 2)
    for cell, text in zip((c for row in table.rows for c in row.cells), "АБВГ", strict=True):
        cell.text = text
    document.add_heading("Свет", 2)
    document.add_paragraph("Окно")
    document.core_properties.title = "Сад"
    result = read("a.docx", saved(document))
    assert result.title == "Сад"
    assert [(s.title, s.level) for s in result.sections] == [("Книга о саде", 1), ("Полив", 1), ("Свет", 2)]
    assert result.text == (
        "Kopfzeile\n\nКнига о саде\n\nПолив\n\nПоливайте утром, всегда\nНовая\tстрока\n\nИли вечером?\n\n- лейка\n- шланг"
        "\n\nПоле формы\n\nА | Б\nВ | Г\n\nСвет\n\nОкно\n\nFußzeile"
    )
    assert result.sections[2].span.of(result.text) == "Свет\n\nОкно"


FOOTNOTES = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<w:footnotes {W}><w:footnote w:type="separator" w:id="0"><w:p><w:r><w:t>___</w:t></w:r></w:p></w:footnote>
<w:footnote w:id="2"><w:p><w:r><w:t>脚注の文</w:t></w:r></w:p></w:footnote></w:footnotes>"""
BOX = (
    f'<w:r {W} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
    "<mc:AlternateContent><mc:Choice Requires='wps'><w:txbxContent><w:p><w:r><w:t>枠の中</w:t></w:r></w:p>"
    "</w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>枠の中</w:t></w:r></w:p></w:txbxContent>"
    "</mc:Fallback></mc:AlternateContent></w:r>"
)


def test_word_footnotes_and_text_boxes(read) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("本文")
    paragraph._p.append(parse_xml(f"<w:r {W}><w:footnoteReference w:id='2'/></w:r>"))
    paragraph._p.append(parse_xml(BOX))
    document.add_paragraph("次の段落")
    data = saved(document)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        rels = archive.read("word/_rels/document.xml.rels").decode()
        types = archive.read("[Content_Types].xml").decode()
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    override = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    result = read("a.docx", rezipped(data, {
        "word/footnotes.xml": FOOTNOTES.encode(),
        "word/_rels/document.xml.rels": rels.replace(
            "</Relationships>", f'<Relationship Id="rId99" Type="{kind}" Target="footnotes.xml"/></Relationships>'
        ).encode(),
        "[Content_Types].xml": types.replace(
            "</Types>", f'<Override PartName="/word/footnotes.xml" ContentType="{override}"/></Types>'
        ).encode(),
    }))  # fmt: skip
    assert result.text == "本文\n\n脚注の文\n\n枠の中\n\n次の段落"


def test_powerpoint(read) -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "日本語の題"
    slide.placeholders[1].text = "一行目\n二行目"
    slide.notes_slide.notes_text_frame.text = "話す人のためのメモ"
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 10, 10).text_frame.text = "グループの中"
    data = CategoryChartData()
    data.categories = ["東", "西"]
    data.add_series("人口", (1.5, 2))
    slide.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, 0, 0, 10, 10, data)
    result = read("a.pptx", saved(deck))
    assert result.title == "日本語の題"
    assert [p.span.of(result.text) for p in result.pages] == [
        "日本語の題\n\n一行目\n二行目\n\n話す人のためのメモ",
        "グループの中\n\n東 | 西\n人口 | 1.5 | 2",
    ]
    assert result.sections[0].span.of(result.text).endswith("メモ")


def test_excel_values_as_people_see_them(read, tmp_path: Path) -> None:
    path = tmp_path / "made.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("예산")
    sheet.write_row(0, 0, ["품목", 3.0, 0.1 + 0.2, True])
    sheet.write_datetime(2, 1, datetime.datetime(2024, 5, 1), book.add_format({"num_format": "yyyy-mm-dd"}))
    sheet.write_datetime(
        2, 2, datetime.datetime(2024, 5, 1, 8, 30), book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    )
    sheet.write_string(3, 0, "두 줄\n셀")
    book.add_worksheet("Leer")
    book.close()
    result = read("a.xlsx", path.read_bytes())
    assert result.text == "예산\n\n품목 | 3 | 0.3 | TRUE\n2024-05-01 | 2024-05-01 08:30:00\n두 줄 셀"
    assert [(p.number, p.label, p.span.of(result.text) != "") for p in result.pages] == [
        (1, "예산", True),
        (2, "Leer", False),
    ]


def test_empty_workbook(read, tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "made.xlsx"))
    book.add_worksheet()
    book.close()
    with pytest.raises(EmptyDocument, match=r"a.xlsx has no cell with a value in it"):
        read("a.xlsx", (tmp_path / "made.xlsx").read_bytes())


def test_opendocument_text(read) -> None:
    with zipfile.ZipFile(SAMPLES / "spreadsheet-hi.odt") as archive:
        content = archive.read("content.xml").decode()
    body = (
        '<text:h text:outline-level="2">Überschrift</text:h><text:p>a<text:s text:c="3"/>b<text:tab/>c<text:line-break/>d '
        "<text:span>e</text:span><draw:frame><draw:text-box><text:p>Kasten</text:p></draw:text-box></draw:frame> f</text:p>"
        "<text:list><text:list-item><text:p>eins</text:p><text:list><text:list-item><text:p>zwei</text:p></text:list-item>"
        "</text:list></text:list-item></text:list><table:table><table:table-row><table:table-cell><text:p>x</text:p>"
        "</table:table-cell><table:table-cell><text:p>y</text:p></table:table-cell></table:table-row></table:table>"
        '<text:p>Satz<office:annotation xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>Eva</dc:creator>'
        "<text:p>Anmerkung</text:p></office:annotation>.</text:p>"
    )
    start, end = content.index("<office:text>") + len("<office:text>"), content.index("</office:text>")
    changed = {"content.xml": (content[:start] + body + content[end:]).encode()}
    result = read("a.odt", rezipped((SAMPLES / "spreadsheet-hi.odt").read_bytes(), changed))
    assert result.text == (
        "Überschrift\n\na   b\tc\nd e f\n\nKasten\n\n- eins\n  - zwei\n\nx | y\n\nSatz.\n\nAnmerkung"
    )
    assert [(s.title, s.level) for s in result.sections] == [("Überschrift", 2)]


def test_encrypted_opendocument(read) -> None:
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry '
        'manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>'
    )
    locked = rezipped((SAMPLES / "spreadsheet-hi.odt").read_bytes(), {"META-INF/manifest.xml": manifest.encode()})
    with pytest.raises(ReadError, match=r"a.odt is encrypted: it needs a password"):
        read("a.odt", locked)


def test_encrypted_office_file(read) -> None:
    """Since 2007 an encrypted document is an old-style compound file with one stream of that name."""
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(500)
    with pytest.raises(ReadError, match=r"a.docx is encrypted: it needs a password"):
        read("a.docx", ole)


def test_old_word_is_told_what_to_do(read) -> None:
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(1000) + "WordDocument".encode("utf-16-le") + bytes(500)
    with pytest.raises(UnsupportedFormat, match=r"a.doc is a Word 97-2003 document: save it as .docx"):
        read("a.doc", ole)


def test_epub_chapter_titles_and_missing_chapters(read) -> None:
    data = (SAMPLES / "recetas-es.epub").read_bytes()
    bare = b"<html><head><title>Postre</title></head><body><p>Flan.</p></body></html>"
    result = read("a.epub", rezipped(data, {"OEBPS/chapter3.xhtml": bare}))
    assert result.sections[-1].title == "Postre"
    assert result.text.endswith("Postre\n\nFlan.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        package = archive.read("OEBPS/content.opf").replace(b"chapter2.xhtml", b"nowhere.xhtml")
    result = read("b.epub", rezipped(data, {"OEBPS/content.opf": package}))
    assert result.notices == ("chapter OEBPS/nowhere.xhtml is missing from the book",)


def test_locked_epub(read) -> None:
    locks = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData '
        'xmlns="http://www.w3.org/2001/04/xmlenc#"><CipherData><CipherReference URI="OEBPS/chapter1.xhtml"/></CipherData>'
        "</EncryptedData></encryption>"
    )
    locked = rezipped((SAMPLES / "recetas-es.epub").read_bytes(), {"META-INF/encryption.xml": locks.encode()})
    with pytest.raises(ReadError, match=r"a.epub is protected \(DRM\)"):
        read("a.epub", locked)


@pytest.mark.parametrize("name", ["passwords-ru.docx", "meeting-ko.pptx", "budget-en.xlsx", "spreadsheet-hi.odt"])
def test_content_counts_more_than_the_suffix(read, name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    assert read("renamed.txt", data).format == name.rsplit(".", 1)[1]
    assert read("renamed.pdf", data).format == name.rsplit(".", 1)[1]


@pytest.mark.parametrize(
    "name", ["passwords-ru.docx", "meeting-ko.pptx", "budget-en.xlsx", "spreadsheet-hi.odt", "recetas-es.epub"]
)
def test_truncated_archive(read, name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    with pytest.raises(ReadError, match=f"{name} is a damaged or truncated zip archive"):
        read(name, data[: len(data) // 2])


def test_excel_of_1997(reader) -> None:
    """old.xls was written once with xlwt, which writes no other format."""
    result = reader.read(Path(__file__).with_name("old.xls"))
    assert result.format == "xls"
    assert result.text == "Склад\n\nТовар | Количество\nГвозди | 120\nКлей | 3.5\n2001-02-03"
    assert [page.label for page in result.pages] == ["Склад"]
