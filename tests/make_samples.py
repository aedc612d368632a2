"""Builds the binary samples in ingest/samples from tests/sample_texts, by one command.

    python tests/make_samples.py --fonts /usr/share/fonts

needs fpdf2, uharfbuzz and xlsxwriter beside jv3search, and for the PDFs the Debian packages fonts-noto-core and
fonts-noto-cjk. A source is plain text: "# " and "## " begin headings, "* " list items, "| " table rows,
"= " speaker notes, "! " a page header, "---" a new page; "[^...]" is a footnote.
"""

from __future__ import annotations

import argparse
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import escape
from pathlib import Path

import docx
import fpdf
import pptx
import xlsxwriter

HERE = Path(__file__).parent
SOURCES = HERE / "sample_texts"
SAMPLES = HERE.parent / "ingest" / "samples"
MADE = datetime(2025, 3, 1, tzinfo=UTC)

ENCODINGS = {
    "backup-ja.txt": "cp932",
    "borscht-ru.txt": "cp1251",
    "chess-zh.txt": "gb18030",
    "video-zh.txt": "utf-16",
}
FONTS = {
    "ar": "truetype/noto/NotoNaskhArabic-Regular.ttf",
    "ja": "opentype/noto/NotoSansCJK-Regular.ttc",
    "de": "truetype/noto/NotoSans-Regular.ttf",
    "en": "truetype/noto/NotoSans-Regular.ttf",
}
_FOOTNOTE = re.compile(r"\[\^([^\]]*)\]")
_KINDS = {"# ": "h1", "## ": "h2", "* ": "item", "| ": "row", "= ": "note", "! ": "header"}


@dataclass(frozen=True)
class Block:
    """One line of a source: its kind, its text, and the footnote in it."""

    kind: str
    text: str = ""
    footnote: str = ""

    @property
    def cells(self) -> list[str]:
        """Of a table row."""
        return [cell.strip() for cell in self.text.strip(" |").split("|")]


def blocks(name: str) -> list[Block]:
    """The blocks of a source file."""
    found = []
    for line in (SOURCES / name).read_text(encoding="utf-8").splitlines():
        if line == "---":
            found.append(Block("page"))
        elif line.strip():
            mark = next((mark for mark in _KINDS if line.startswith(mark)), "")
            note = _FOOTNOTE.search(line)
            text = _FOOTNOTE.sub("", line[len(mark) :])
            found.append(Block(_KINDS.get(mark, "p"), text, note[1] if note else ""))
    return found


def pages(source: list[Block]) -> list[list[Block]]:
    """The blocks between page marks."""
    result: list[list[Block]] = [[]]
    for block in source:
        if block.kind == "page":
            result.append([])
        else:
            result[-1].append(block)
    return result


def make_txt(name: str, encoding: str) -> None:
    """A plain text in a legacy encoding."""
    text = "\n\n".join(block.text for block in blocks(name)) + "\n"
    (SAMPLES / name).write_bytes(text.encode(encoding))


def make_docx(name: str) -> None:
    """A Word document; footnotes become comments, which python-docx can write."""
    document = docx.Document()
    document.core_properties.created = document.core_properties.modified = MADE
    table = None
    for block in blocks(name + ".txt"):
        if block.kind == "row":
            table = table or document.add_table(rows=0, cols=len(block.cells))
            for cell, text in zip(table.add_row().cells, block.cells, strict=True):
                cell.text = text
        elif block.kind == "header":
            document.sections[0].header.paragraphs[0].text = block.text
        else:
            paragraph = _docx_paragraph(document, block)
            if block.footnote:
                document.add_comment(paragraph.runs, text=block.footnote, author="jv3search")
    document.core_properties.title = blocks(name + ".txt")[0].text
    document.save(str(SAMPLES / name))


def _docx_paragraph(document, block: Block):
    if block.kind in ("h1", "h2"):
        return document.add_heading(block.text, int(block.kind[1]) - 1)
    return document.add_paragraph(block.text, style="List Bullet" if block.kind == "item" else None)


def make_pptx(name: str) -> None:
    """A presentation, a slide a page, with speaker notes and tables."""
    deck = pptx.Presentation()
    deck.core_properties.created = deck.core_properties.modified = MADE
    for page in pages(blocks(name + ".txt")):
        rows = [block.cells for block in page if block.kind == "row"]
        slide = deck.slides.add_slide(deck.slide_layouts[5 if rows else 1])
        slide.shapes.title.text = page[0].text
        if rows:
            _pptx_table(slide, rows)
        else:
            slide.placeholders[1].text = "\n".join(b.text for b in page[1:] if b.kind in ("p", "item"))
        for block in page:
            if block.kind == "note":
                slide.notes_slide.notes_text_frame.text = block.text
    deck.core_properties.title = blocks(name + ".txt")[0].text
    deck.save(str(SAMPLES / name))


def _pptx_table(slide, rows: list[list[str]]) -> None:
    table = slide.shapes.add_table(len(rows), len(rows[0]), 500_000, 1_600_000, 8_000_000, 2_000_000).table
    for row, cells in enumerate(rows):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text


def make_pdf(name: str, fonts: Path) -> None:
    """A PDF, a page a page, with bookmarks; Arabic is shaped by HarfBuzz."""
    language = name.removesuffix(".pdf")[-2:]
    align = "R" if language == "ar" else "L"
    pdf = fpdf.FPDF()
    pdf.set_creation_date(MADE)
    pdf.set_lang(language)
    source = blocks(name + ".txt")
    pdf.set_title(source[0].text)
    pdf.add_font("noto", fname=fonts / FONTS[language])
    pdf.set_text_shaping(language == "ar")
    for page in pages(source):
        pdf.add_page()
        for block in page:
            heading = block.kind in ("h1", "h2")
            pdf.set_font("noto", size={"h1": 20, "h2": 15}.get(block.kind, 11))
            if heading:
                pdf.start_section(block.text, level=int(block.kind[1]) - 1)
            pdf.multi_cell(0, 9 if heading else 6, block.text, align=align, new_x="LMARGIN", new_y="NEXT")
            pdf.ln(4)
    pdf.output(str(SAMPLES / name))


def make_zip(name: str, mimetype: str, members: dict[str, str]) -> None:
    """A zip-based format: the mimetype first and unpacked, as its standard demands."""
    with zipfile.ZipFile(SAMPLES / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in {"mimetype": mimetype, **members}.items():
            info = zipfile.ZipInfo(path, MADE.timetuple()[:6])
            info.compress_type = zipfile.ZIP_STORED if path == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(info, text)


_ODF_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{full}:1.0"'
    for name, full in {
        "office": "office", "text": "text", "table": "table", "draw": "drawing", "presentation": "presentation",
        "manifest": "manifest",
    }.items()
)  # fmt: skip


def make_odf(name: str, kind: str, body: str, title: str) -> None:
    """An OpenDocument file around a body."""
    mimetype = f"application/vnd.oasis.opendocument.{kind}"
    files = "".join(
        f'<manifest:file-entry manifest:full-path="{path}" manifest:media-type="{media}"/>'
        for path, media in {"/": mimetype, "content.xml": "text/xml", "meta.xml": "text/xml"}.items()
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    dublin = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    make_zip(name, mimetype, {
        "content.xml": f'{head}<office:document-content {_ODF_NAMES} office:version="1.2"><office:body>{body}'
        "</office:body></office:document-content>",
        "meta.xml": f'{head}<office:document-meta {_ODF_NAMES} {dublin} office:version="1.2"><office:meta>'
        f"<dc:title>{escape(title)}</dc:title></office:meta></office:document-meta>",
        "META-INF/manifest.xml": f'{head}<manifest:manifest {_ODF_NAMES} manifest:version="1.2">{files}'
        "</manifest:manifest>",
    })  # fmt: skip


def _odf_block(block: Block) -> str:
    text = escape(block.text)
    if block.kind in ("h1", "h2"):
        return f'<text:h text:outline-level="{block.kind[1]}">{text}</text:h>'
    if block.kind == "item":
        return f"<text:list><text:list-item><text:p>{text}</text:p></text:list-item></text:list>"
    note = (
        '<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation><text:note-body>'
        f"<text:p>{escape(block.footnote)}</text:p></text:note-body></text:note>"
    )
    return f"<text:p>{text}{note if block.footnote else ''}</text:p>"


def make_odt(name: str) -> None:
    """A text document with headings, lists and footnotes."""
    source = blocks(name + ".txt")
    body = "".join(map(_odf_block, source)).replace("</text:list><text:list>", "")
    make_odf(name, "text", f"<office:text>{body}</office:text>", source[0].text)


def make_odp(name: str) -> None:
    """A presentation with speaker notes."""
    source = blocks(name + ".txt")
    slides = "".join(_odp_slide(page) for page in pages(source))
    make_odf(name, "presentation", f"<office:presentation>{slides}</office:presentation>", source[0].text)


def _odp_slide(page: list[Block]) -> str:
    title, *rest = page
    body = "".join(_odf_block(block) for block in rest if block.kind != "note")
    body = body.replace("</text:list><text:list>", "")
    notes = "".join(f"<text:p>{escape(block.text)}</text:p>" for block in rest if block.kind == "note")
    frame = "<draw:frame{}><draw:text-box>{}</draw:text-box></draw:frame>"
    return (
        "<draw:page>"
        + frame.format(' presentation:class="title"', f"<text:p>{escape(title.text)}</text:p>")
        + frame.format("", body)
        + (f"<presentation:notes>{frame.format('', notes)}</presentation:notes>" if notes else "")
        + "</draw:page>"
    )


def make_ods(name: str, sheet: str, rows: list[list[str]]) -> None:
    """A spreadsheet of one sheet."""
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    lines = "".join(
        f"<table:table-row>{''.join(cell.format(escape(text)) for text in row)}</table:table-row>" for row in rows
    )
    table = f'<table:table table:name="{sheet}">{lines}</table:table>'
    make_odf(name, "spreadsheet", f"<office:spreadsheet>{table}</office:spreadsheet>", sheet)


def make_epub(name: str, title: str) -> None:
    """A book, a chapter a page."""
    chapters = pages(blocks(name + ".txt"))
    files = {f"OEBPS/chapter{number}.xhtml": _xhtml(page) for number, page in enumerate(chapters, start=1)}
    ids = range(1, len(chapters) + 1)
    items = "".join(f'<item id="c{n}" href="chapter{n}.xhtml" media-type="application/xhtml+xml"/>' for n in ids)
    spine = "".join(f'<itemref idref="c{n}"/>' for n in ids)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">jv3search-sample</dc:identifier>'
        f"<dc:title>{title}</dc:title><dc:language>es</dc:language></metadata><manifest>{items}</manifest>"
        f"<spine>{spine}</spine></package>"
    )
    container = (
        '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
        'full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    make_zip(name, "application/epub+zip", {
        "META-INF/container.xml": container, "OEBPS/content.opf": package, **files,
    })  # fmt: skip


def _xhtml(page: list[Block]) -> str:
    body = "".join(f"<{block.kind}>{escape(block.text)}</{block.kind}>" for block in page)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head>'
        f"<title>{escape(page[0].text)}</title></head><body>{body}</body></html>"
    )


def make_xlsx(name: str) -> None:
    """A household budget on two sheets, with numbers and dates."""
    book = xlsxwriter.Workbook(str(SAMPLES / name), {"default_date_format": "yyyy-mm-dd"})
    book.set_properties({"title": "Household budget 2025", "created": MADE.replace(tzinfo=None)})
    plan, spent = book.add_worksheet("Monthly plan"), book.add_worksheet("Spent in March")
    for row, cells in enumerate(_PLAN):
        plan.write_row(row, 0, cells)
    for row, (day, what, shop, amount) in enumerate(_SPENT, start=1):
        spent.write_datetime(row, 0, datetime.combine(day, datetime.min.time()))
        spent.write_row(row, 1, (what, shop, amount))
    spent.write_row(0, 0, ("Day", "What was bought", "Where", "Euro"))
    book.close()


_PLAN = [
    ["Household budget", "Planned euro per month", "Remark"],
    ["Rent", 840, "paid on the third of the month"],
    ["Heating and electricity", 160, "less in summer, more in winter"],
    ["Food and drink", 420, "market on Saturday, supermarket on Wednesday"],
    ["Bus and train", 49, "season ticket"],
    ["Telephone and internet", 35, "contract ends in October"],
    ["Insurance", 62.5, "house, bicycle and liability"],
    ["Savings for the holidays", 150, "standing order"],
]
_SPENT = [
    (date(2025, 3, 3), "Rent for March", "landlord", 840),
    (date(2025, 3, 5), "Bread, cheese, apples and coffee", "supermarket", 38.2),
    (date(2025, 3, 8), "Potatoes, carrots and fresh fish", "market", 27.9),
    (date(2025, 3, 12), "Repair of the washing machine", "electrician", 95),
    (date(2025, 3, 18), "Birthday present for grandmother", "bookshop", 24.5),
    (date(2025, 3, 27), "Two cinema tickets", "Rex cinema", 21),
]
_TIMETABLE = [
    ["Godzina", "Poniedziałek", "Wtorek", "Środa", "Czwartek", "Piątek"],
    ["8:00", "matematyka", "język polski", "fizyka", "matematyka", "historia"],
    ["8:55", "język polski", "matematyka", "chemia", "język angielski", "biologia"],
    ["9:50", "język angielski", "geografia", "język polski", "informatyka", "wychowanie fizyczne"],
    ["10:55", "historia", "język angielski", "muzyka", "informatyka", "plastyka"],
    ["11:50", "wychowanie fizyczne", "biologia", "matematyka", "język polski", "godzina wychowawcza"],
]


def main() -> None:
    """Build everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"))
    fonts = parser.parse_args().fonts
    for name, encoding in ENCODINGS.items():
        make_txt(name, encoding)
    for name in ("handbook-en.pdf", "fahrrad-de.pdf", "keyboard-ar.pdf", "nightphoto-ja.pdf"):
        make_pdf(name, fonts)
    make_docx("passwords-ru.docx")
    make_docx("bicycle-he.docx")
    make_pptx("meeting-ko.pptx")
    make_odt("spreadsheet-hi.odt")
    make_odp("energia-it.odp")
    make_ods("plan-lekcji-pl.ods", "Plan lekcji klasy 7b", _TIMETABLE)
    make_epub("recetas-es.epub", "Tres recetas de casa")
    make_xlsx("budget-en.xlsx")


if __name__ == "__main__":
    main()
