"""The training's sources: dictionaries, application handbooks and manuals as web pages become aligned pages."""

import gzip

import pytest

dictionaries = pytest.importorskip(
    "training.sources.dictionaries", reason="training/ is not part of the source distribution"
)
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def base64(value):
    return (base64(value // 64) if value >= 64 else "") + DIGITS[value % 64]


def write_dictionary(tree, package, name, articles):
    folder = tree / package / "usr/share/dictd"
    folder.mkdir(parents=True)
    data, lines = b"", ["00databaseinfo\tA\tB"]
    for article in articles:
        lines.append(f"{article.split()[0]}\t{base64(len(data))}\t{base64(len(article.encode()))}")
        lines.append(f"again\t{base64(len(data))}\t{base64(len(article.encode()))}")
        data += article.encode()
    (folder / f"{name}.dict.dz").write_bytes(gzip.compress(data))
    (folder / f"{name}.index").write_text("\n".join(lines), encoding="utf-8")


def test_a_headword_has_its_translations_from_all_dictionaries(tmp_path):
    write_dictionary(
        tmp_path, "dict-freedict-eng-hin", "freedict-eng-hin",
        ['maid /mˈeɪd/ <N>\n1. नौकरानी\n      "A maid comes to clean the house."\n2. अववाहिता\n see: {girl}\n'],
    )  # fmt: skip
    write_dictionary(
        tmp_path, "dict-freedict-deu-eng", "freedict-deu-eng",
        ["Dienstmädchen /x/ <neut>\nmaid <n>; servant girl (old)\n   Synonym: {Magd}\n", "Ort <masc>\n" + 70 * "x" + "\n"],
    )  # fmt: skip
    write_dictionary(tmp_path, "dict-freedict-deu-ita", "freedict-deu-ita", ["Haus\ncasa\n"])
    (page,) = dictionaries.translations(tmp_path)
    (block,) = page.blocks
    assert (page.source, block.level) == ("dictionaries", 0)
    assert block.texts == {"en": "maid", "hi": "नौकरानी, अववाहिता", "de": "Dienstmädchen"}


def test_terms_and_words_are_explained(tmp_path):
    write_dictionary(tmp_path, "dict-foldoc", "foldoc", ["tar\n\n   <tool> {Unix}'s archiver.\n"])
    write_dictionary(tmp_path, "dict-jargon", "jargon", [])
    wordnet = tmp_path / "wordnet-base/usr/share/wordnet"
    wordnet.mkdir(parents=True)
    (wordnet / "data.noun").write_text(
        '  1 a licence\n00002684 03 n 02 object 0 physical_object 0 001 @ 00001930 n 0000 | a tangible entity; "a stone"\n'
    )
    first, second = dictionaries.explanations(tmp_path)
    assert [block.texts["en"] for block in first.blocks] == ["tar", "<tool> Unix's archiver."]
    assert [block.texts["en"] for block in second.blocks] == [
        "object, physical object",
        'a tangible entity; "a stone"',
    ]
    assert [block.level for block in second.blocks] == [1, 0]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def blocks(page):
    return [(block.level, block.texts) for block in page.blocks]


def test_docbook_of_an_application_is_aligned_by_structure_and_entities_are_put_in_place(tmp_path):
    from training.sources import applications

    book = """<?xml version="1.0"?><!DOCTYPE book SYSTEM "x.dtd" [ <!ENTITY me "&app;"> <!ENTITY app "KPlayer"> ]>
    <book><bookinfo><title>{}</title><legalnotice><para>Licence</para></legalnotice></bookinfo>
    <chapter><title>{}</title><para>{} <emphasis>x</emphasis></para>
    <sect1><title>&me;</title><screen>ls</screen></sect1>{}</chapter></book>"""
    folder = tmp_path / "kplayer-data/usr/share/doc/kde/HTML"
    write(folder / "en/kplayer/index.docbook", book.format("The Handbook", "Playing", "Press &Play;", ""))
    write(folder / "ru/kplayer/index.docbook", book.format("Руководство", "Проигрывание", "Нажмите", ""))
    write(
        folder / "pt_BR/kplayer/index.docbook", book.format("Manual", "Tocar", "Pressione", "<para>a mais</para>")
    )
    (page,) = applications.pages(tmp_path)
    assert page.source == "applications"
    assert blocks(page) == [
        (1, {"en": "The Handbook", "ru": "Руководство"}),
        (2, {"en": "Playing", "ru": "Проигрывание"}),
        (0, {"en": "Press Play x", "ru": "Нажмите x"}),
        (3, {"en": "KPlayer"}),
    ]


def test_mallard_pages_of_an_application_are_read(tmp_path):
    from training.sources import applications

    page = (
        '<page xmlns="http://projectmallard.org/1.0/"><info><desc>no</desc></info><title>{}</title><p>{}</p>'
        "<section><info><title>no</title></info><title>{}</title></section></page>"
    )
    folder = tmp_path / "cheese-common/usr/share/help"
    write(folder / "C/cheese/burst.page", page.format("Take many", "Press burst", "Tips"))
    write(folder / "hi/cheese/burst.page", page.format("कई लें", "बर्स्ट दबाएँ", "सुझाव"))
    write(folder / "de/cheese/other.page", page.format("ohne", "englische", "Seite"))
    (found,) = applications.pages(tmp_path)
    assert blocks(found) == [
        (1, {"en": "Take many", "hi": "कई लें"}),
        (0, {"en": "Press burst", "hi": "बर्स्ट दबाएँ"}),
        (2, {"en": "Tips", "hi": "सुझाव"}),
    ]


@pytest.mark.parametrize(
    ("path", "name", "language"),
    [
        ("usr/share/doc/apache2-doc/manual/ja/bind.html", "usr/share/doc/apache2-doc/manual/bind.html", "ja"),
        ("usr/share/doc/a/live-manual.pt_BR.html", "usr/share/doc/a/live-manual.html", "pt-br"),
        ("usr/share/doc/debian-edu-doc-de/m.html", "usr/share/doc/debian-edu-doc/m.html", "de"),
        ("usr/share/doc/harden-doc/html/de-DE/x.html", "usr/share/doc/harden-doc/html/x.html", "de"),
        ("usr/share/doc/git-doc/git-show.html", "usr/share/doc/git-doc/git-show.html", "en"),
    ],
)
def test_a_translated_page_has_the_name_of_the_original(path, name, language):
    from training.sources import handbooks

    assert handbooks.name_of(path) == (name, language)


def test_web_pages_give_headings_and_what_stands_below_each(tmp_path):
    from training.sources import handbooks

    page = """<html><head><title>no</title></head><body><div class="toc"><p>no</p></div><h1>{}</h1><p>{}</p>
    <ul><li>{}</li></ul><pre>$ ls</pre><h2>1.2. {}¶</h2><dl><dt>-v</dt><dd><p>{}</p></dd></dl></body></html>"""
    folder = tmp_path / "apache2-doc/usr/share/doc/apache2-doc/manual"
    write(folder / "en/bind.html", page.format("Binding", "To an address.", "Or a port.", "Options", "more words"))
    write(folder / "ja/bind.html", page.format("バインド", "アドレスに。", "ポートに。", "オプション", "詳しく"))
    (folder / "en/bind.html").with_name("license.html").write_text("<h1>Licence</h1><p>no</p>")
    (found,) = handbooks.pages(tmp_path)
    assert found.source == "handbooks"
    assert blocks(found) == [
        (1, {"en": "Binding", "ja": "バインド"}),
        (0, {"en": "To an address. Or a port.", "ja": "アドレスに。 ポートに。"}),
        (2, {"en": "Options", "ja": "オプション"}),
        (0, {"en": "-v more words", "ja": "-v 詳しく"}),
    ]
