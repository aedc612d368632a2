"""Text in legacy encodings comes out exactly, from a paragraph and from a single line of it."""

from __future__ import annotations

import pytest

from jv3search.errors import ReadError
from jv3search.readers.encoding import detect
from jv3search.readers.sandbox.limits import Raw

from .paragraphs import PARAGRAPHS

CASES = [
    pytest.param(text, encoding, id=f"{language}-{encoding}")
    for language, (text, encodings) in PARAGRAPHS.items()
    for encoding in encodings
]


@pytest.mark.parametrize(("text", "encoding"), CASES)
def test_paragraph(read, text: str, encoding: str) -> None:
    assert read("note.txt", text.encode(encoding)).text == text.strip()


@pytest.mark.parametrize(("text", "encoding"), CASES)
def test_first_line(text: str, encoding: str) -> None:
    line = text.split("\n")[0]
    if encoding.startswith("utf-16") and text[0] > "\u2e80":
        pytest.skip("a single line of Han in UTF-16 without a mark is not to be known")
    data = line.encode(encoding)
    assert data.decode(detect(data, "note.txt")) == line


@pytest.mark.parametrize("text", [text for text, _ in PARAGRAPHS.values()], ids=list(PARAGRAPHS))
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode(text: str, encoding: str) -> None:
    from jv3search.readers.encoding import decode

    assert decode(Raw(text.encode(encoding), "note.txt")) == text


def test_html_charset_is_honoured(read) -> None:
    """ISO-8859-2 and windows-1250 differ in a few letters that only the declaration can tell."""
    page = "<meta charset='iso-8859-2'><title>Ž</title><p>ľúbim žltú šťavu</p>"
    assert read("page.html", page.encode("iso8859_2")).text == "ľúbim žltú šťavu"


def test_xml_declaration_is_honoured(read) -> None:
    page = '<?xml version="1.0" encoding="euc-jp"?><html><body><p>短い文</p></body></html>'
    assert read("page.xhtml", page.encode("euc_jp")).text == "短い文"


def test_latin1_label_means_windows_1252(read) -> None:
    page = '<meta http-equiv="content-type" content="text/html; charset=ISO-8859-1"><p>“5 €” – naïve</p>'
    assert read("page.html", page.encode("cp1252")).text == "“5 €” – naïve"


def test_utf8_wins_over_a_wrong_declaration(read) -> None:
    page = "<meta charset='iso-8859-1'><p>Größe – 大小</p>"
    assert read("page.html", page).text == "Größe – 大小"


def test_mail_body_without_a_charset(read) -> None:
    text, _ = PARAGRAPHS["ru"]
    mail = b"From: a@b.c\nSubject: x\n\n" + text.encode("cp1251")
    assert text.strip() in read("a.eml", mail).text


def test_damaged_utf8_is_not_read_as_latin(read) -> None:
    text = "Die größte Überraschung für Günther: die Äpfel und Öle schmecken süß. " * 20
    with pytest.raises(ReadError, match=r"note.txt is UTF-8 but damaged at byte 1,500 \(1 in all\)"):
        read("note.txt", text.encode()[:1500] + b"\xff" + text.encode()[1500:])


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_text(read, seed: int) -> None:
    import random

    noise = bytes(random.Random(seed).choices(range(1, 256), k=3000))
    with pytest.raises(ReadError, match=r"note.txt is text in an unknown encoding \(tried UTF-8, UTF-16, cp932"):
        read("note.txt", noise)


def test_text_is_kept_character_by_character(read) -> None:
    """No normalisation: ligatures, full-width forms, decomposed accents, tatweel, bidi marks, emoji."""
    text = "ﬁ ＡＢ e\u0301 ﷺ كـــتاب \u200fשלום\u200e \U0001f468\u200d\U0001f469 ½ 𠮷野家 ẛ̣ \u00ad\u00a0x"
    assert read("note.txt", text).text == text


def test_what_a_database_cannot_hold_is_removed(read) -> None:
    assert read("note.txt", b"a\x01b\x08c\x1b[0m\x7f\r\nd\re\x0bf").text == "abc[0m\nd\ne\nf"
    assert read("a.json", '{"a": "x\\u0000y\\ud800z"}').text == "a: xy\ufffdz"


def test_label_that_cannot_be_true_is_ignored(read) -> None:
    page = "<meta charset='utf-16'><p>Łódź leży nad rzeką, a żółw śpi w ogródku pod jabłonią.</p>"
    assert read("page.html", page.encode("cp1250")).text.startswith("Łódź leży nad rzeką, a żółw")
