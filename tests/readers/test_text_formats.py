"""Formats that are text: Markdown, reStructuredText, HTML, tables, records, mail, subtitles."""

from __future__ import annotations

import pytest

from jv3search.errors import EmptyDocument, ReadError
from jv3search.types import Document


def outline(document: Document) -> list[tuple[str, int]]:
    return [(section.title, section.level) for section in document.sections]


def test_plain_text_with_form_feeds_has_pages(read) -> None:
    document = read("rfc.txt", "Первая страница\n\fВторая\n\f\fЧетвёртая")
    assert document.text == "Первая страница\n\nВторая\n\nЧетвёртая"
    assert [(p.number, p.span.of(document.text)) for p in document.pages] == [
        (1, "Первая страница"), (2, "Вторая"), (3, ""), (4, "Четвёртая"),
    ]  # fmt: skip


def test_indentation_of_plain_text_survives(read) -> None:
    assert read("code.txt", "  indented\n\tTabs\n\n\nend  \n").text == "  indented\n\tTabs\n\n\nend"


def test_a_short_line_that_stands_alone_above_a_text_is_a_heading(read) -> None:
    text = (
        "Mietvertrag\n\n1. Mietsache\n\nDie Wohnung liegt im zweiten Stock. Sie hat drei Zimmer.\n\n"
        "1.2. 家賃と支払い\n\n家賃は月末までに支払います。\n\n- Punkt\n\nПриложение\n\nОпись имущества,\nдва листа.\n\n"
        "قائمة الأثاث\n\nطاولة وأربعة كراسٍ.\n\nसामान की सूची\n\nएक मेज़ और दो कुर्सियाँ।\n\nรายการทรัพย์สิน\n\n"
        "โต๊ะหนึ่งตัวและเก้าอี้สี่ตัวอยู่ในห้องครัวของบ้าน ส่วนตู้เย็นและเครื่องซักผ้าอยู่ในห้องเล็กข้างบันไดชั้นล่าง\n\n"
        "Mit freundlichen Grüßen,\n\nA. Weber"
    )
    document = read("vertrag.txt", text)
    assert document.text == text
    assert [(section.title, section.level) for section in document.sections] == [
        ("1. Mietsache", 1), ("1.2. 家賃と支払い", 2), ("Приложение", 1), ("قائمة الأثاث", 1), ("सामान की सूची", 1),
        ("รายการทรัพย์สิน", 1),
    ]  # fmt: skip
    assert [section.span.of(text)[: len(section.title)] for section in document.sections] == [
        section.title for section in document.sections
    ]
    assert document.title == "Mietvertrag"


def test_a_list_of_short_lines_has_no_headings(read) -> None:
    assert read("einkauf.txt", "Milch\n\nBrot\n\nEier\n").sections == ()
    assert read("brief.txt", "Dear Ms Smith, \n\nthank you.\n\n" + "x" * 81 + "\n\nBest wishes.").sections == ()


def test_headings_of_the_second_page_are_where_the_text_has_them(read) -> None:
    document = read("zwei.txt", "Eins\n\nText der ersten.\n\f\n\nZwei\n\nText der zweiten.")
    assert [section.span.of(document.text) for section in document.sections] == [
        "Eins\n\nText der ersten.\n\n", "Zwei\n\nText der zweiten.",
    ]  # fmt: skip
    assert [page.span.of(document.text) for page in document.pages] == [
        "Eins\n\nText der ersten.", "Zwei\n\nText der zweiten.",
    ]  # fmt: skip


def test_markdown(read) -> None:
    document = read("a.md", """\
---
title: Fahrrad
tags: [rad]
---
# Das Rad *pflegen*

Ein Satz mit [Link](http://x) und `code`
weiter. ![Bild](x.png)

日本語の
文章です。

- eins
- zwei
  1. tief

| a | b |
|---|---|
| 1 | **2** |

```sh
ls  -l
```

<div>html <b>hier</b></div>

Zweite
------
> Zitat<br>neu
""")  # fmt: skip
    assert document.title == "Fahrrad"
    assert outline(document) == [("Das Rad pflegen", 1), ("Zweite", 2)]
    assert document.text == (
        "title: Fahrrad\ntags: [rad]\n\nDas Rad pflegen\n\nEin Satz mit Link und code weiter. Bild\n\n"
        "日本語の文章です。\n\n- eins\n- zwei\n  1. tief\n\na | b\n1 | 2\n\nls  -l\n\nhtml hier\n\nZweite\n\nZitat\nneu"
    )
    assert document.sections[1].span.of(document.text) == "Zweite\n\nZitat\nneu"


def test_restructuredtext_of_sphinx(read) -> None:
    document = read("a.rst", """\
Εγχειρίδιο
==========

See :ref:`the link <x>`, :class:`~a.B` and *em*,
second line.

.. versionadded:: 1.2
   Something new.

.. include:: /etc/passwd

.. raw:: html
   :file: /etc/passwd

.. a comment

Sub
---

- a

  1. c

::

   literal
     block
""")  # fmt: skip
    assert outline(document) == [("Εγχειρίδιο", 1), ("Sub", 2)]
    assert document.text == (
        "Εγχειρίδιο\n\nSee the link, a.B and em, second line.\n\n1.2\nSomething new.\n\n"
        "Sub\n\n- a\n  1. c\n\nliteral\n  block"
    )


def test_html(read) -> None:
    document = read(
        "a.html",
        """\
<!doctype html><title>Τίτλος &amp; λοιπά</title><nav>menu</nav><h1>Πρώτο <em>μέρος</em></h1>
<p>Μια   παράγραφος
με <b>έντο</b>να.<p hidden>no<p style="display: none">no<p>Δεύτερη<br>γραμμή
<ul><li>ένα<li>δύο <ul><li>τρία</ul></ul>
<table><caption>C</caption><tr><th>A<th>B<tr><td>c<td><p>d</p><p>e</p></table>
<pre hidden>no</pre><pre>x
  y</pre><script>bad()</script><style>bad</style><!-- bad --><h3>Τέλος</h3>
<div>μία <div>δύο</div> τρία <img alt="εικόνα" src="http://x/"></div>
<p>日本
語<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>&nbsp;終</p>""",
    )
    assert document.title == "Τίτλος & λοιπά"
    assert outline(document) == [("Πρώτο μέρος", 1), ("Τέλος", 3)]
    assert document.text == (
        "Πρώτο μέρος\n\nΜια παράγραφος με έντονα.\n\nΔεύτερη\nγραμμή\n\n- ένα\n- δύο\n- τρία\n\nC\nA | B\nc | d e\n\n"
        "x\n  y\n\nΤέλος\n\nμία\n\nδύο\n\nτρία εικόνα\n\n日本語漢字\xa0終"
    )


def test_csv_dialects(read) -> None:
    assert read("a.csv", 'Name;Preis\n"Äpfel; rot";1,50\n').text == "Name | Preis\nÄpfel; rot | 1,50"
    assert read("b.csv", 'a,b\n"x\ny","say ""hi"""\n,\n').text == 'a | b\nx y | say "hi"'
    assert read("c.tsv", "一\t二\n三\t四, 五\n").text == "一 | 二\n三 | 四, 五"


def test_json_keeps_numbers_as_written(read) -> None:
    document = read(
        "a.json", '{"name": "Ж", "version": 1.10, "big": 12345678901234567890123, "on": true, "no": null}'
    )
    assert document.text == "name: Ж\nversion: 1.10\nbig: 12345678901234567890123\non: true"
    assert document.title == "Ж"


def test_jsonl_names_the_bad_line(read) -> None:
    assert read("a.jsonl", '{"a": "x", "b": {"c": ["y", "z"]}}\n\n"w"\n').text == "a: x\nb.c: y\nb.c: z\n\nw"
    with pytest.raises(ReadError, match=r"b.jsonl, line 2 is not valid JSON"):
        read("b.jsonl", '{"a": 1}\n{"a": \n')


MAIL = """\
From: =?utf-8?q?J=C3=BCrgen?= <a@example.org>
To: b@example.org
Subject: =?utf-8?b?15LXmdeR15XXmQ==?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: multipart/alternative; boundary=A

--A
Content-Type: text/plain; charset=koi8-r
Content-Transfer-Encoding: base64

8NLJ18XU
--A
Content-Type: text/html

<p>other</p>
--A--
--B
Content-Type: message/rfc822

From: c@example.org
Subject: inner
Content-Type: multipart/mixed; boundary=C

--C
Content-Type: text/html

<h1>Bericht</h1><p>Gr=FC&szlig;e</p>
--C
Content-Type: image/png; name=x.png
Content-Disposition: attachment; filename=x.png
Content-Transfer-Encoding: base64

iVBORw0KGgoAAAANSUhEUg==
--C--
--B--
"""


def test_mail_in_mail(read) -> None:
    document = read("a.eml", MAIL)
    assert document.title == "גיבוי"
    assert document.text.startswith(
        "גיבוי\n\nFrom: Jürgen <a@example.org>\nTo: b@example.org\n\nПривет\n\nattachment.eml"
    )
    assert outline(document) == [("גיבוי", 1), ("attachment.eml", 2), ("inner", 3), ("Bericht", 3), ("x.png", 4)]
    assert document.notices == (
        "attachment not read: x.png: no reader for files named *.png (looks like a PNG image)",
    )


def test_messages_nested_too_deeply_are_not_read(read) -> None:
    mail = "From: a@b.c\nSubject: innermost\n\nsecret\n"
    for depth in range(5):
        mail = (
            f"From: a@b.c\nSubject: level {depth}\nContent-Type: multipart/mixed; boundary=B{depth}\n\n"
            f"--B{depth}\nContent-Type: message/rfc822\n\n{mail}\n--B{depth}--\n"
        )
    document = read("a.eml", mail)
    assert "level 2" in document.text
    assert "secret" not in document.text
    assert document.notices == ("attachment.eml: attached more than 3 messages deep, not read",)


def test_subtitles(read) -> None:
    document = read("a.srt", "1\r\n00:00:01,000 --> 00:00:02,000\r\n<i>Привет</i>\r\n{\\an8}мир\r\n\r\n2\r\n"
                             "00:00:09,000 --> 00:00:10,000\r\nконец\r\n")  # fmt: skip
    assert document.text == "Привет\nмир\n\nконец"
    with pytest.raises(ReadError, match=r"not a subtitle file"):
        read("b.srt", "just text")
    with pytest.raises(ReadError, match=r"does not begin with WEBVTT"):
        read("b.vtt", "00:01.000 --> 00:02.000\nx")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", " \n\t\n"),
        ("a.md", "[x]: http://y\n"),
        ("a.html", "<p> </p>"),
        ("a.json", "{}"),
        ("a.csv", ";;\n"),
    ],
)
def test_nothing_in_it(read, name: str, text: str) -> None:
    with pytest.raises(EmptyDocument, match=f"{name} has no text"):
        read(name, text)


def test_restructuredtext_keeps_its_field_list(read) -> None:
    text = read("a.rst", "Guide\n=====\n\n:Author: Zoë\n:Date: 2001\n\nText.\n").text
    assert text == "Guide\n\nAuthor\n\nZoë\n\nDate\n\n2001\n\nText."
