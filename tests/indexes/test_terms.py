"""What a text is found by, in every kind of script."""

from __future__ import annotations

import threading

import pytest

from jv3search.indexes.keywords.phrases import Phrase, exact_phrase, query_terms
from jv3search.indexes.keywords.terms import Term, stemmed, terms
from jv3search.text.scripts import scripts_of


def written(text: str, language: str = "und") -> list[str]:
    return [term.exact for term in terms(text, language)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't apt-get /etc/fstab!", "don t apt get etc fstab"),
        ("v3.2, UTF-8; me@example.org", "v3 2 utf 8 me example org"),
        ("C++ and C#, but foo# i++11", "c++ and c# but foo i++ 11"),
        ("snake_case camelCase", "snake case camelcase"),
        ("ﬁne ＡＢＣ １２ Ⅷ ²", "fine abc 12 viii 2"),
        ("Straße STRASSE ẞ", "strasse strasse ss"),
        ("ΟΔΟΣ οδός", "οδοσ οδόσ"),
        ("İSTANBUL ILIK", "istanbul ilik"),
        ("Ёлка П'ять", "ёлка п ять"),
        ("كِتَابٌ كتـــاب ٢٠٢٥ ۲۰۲۵", "كتاب كتاب 2025 2025"),
        ("می‌خواهم کتاب", "ميخواهم كتاب"),
        ('שָׁלוֹם צה"ל', "שלום צה ל"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("தமிழ் മലയാളം", "தமிழ் മലയാളം"),
        ("東京都は", "東京 京都 都は は"),
        ("猫", "猫"),
        ("ﾌﾟﾘﾝﾀｰ", "プリ リン ンタ ター ー"),
        ("iPhone15を", "iphone15 を"),
        ("字体。字体", "字体 体 字体 体"),
        ("서버 설정을", "서버 버 설정 정을 을"),
        ("สวัสดี", "สวั วัส สดี ดี"),
        ("ສະບາຍ", "ສະ ະບ ບາ າຍ ຍ"),
        ("ភាសា។", "ភាសា សា"),
        ("မြန်မာ", "မြန် န်မာ မာ"),
        ("🚲👍🏽 → ✔ ■", "🚲 👍"),
        ("a\u00adb c\u200bd", "ab cd"),
        ("— … !? \x00 \ud800", ""),
        ("x" * 100, "x" * 64),
    ],
)
def test_terms_of_every_script(text: str, expected: str) -> None:
    assert written(text) == expected.split()


def test_other_forms_are_the_stem_and_the_word_without_accents() -> None:
    assert terms("running", "en") == [Term("running", ("run",))]
    assert terms("running", "und") == [Term("running")]
    assert terms("Häuser", "de") == [Term("häuser", ("hauser", "haus"))]
    assert terms("ёлками", "ru") == [Term("ёлками", ("елками", "елк"))]
    assert terms("किताबें", "hi") == [Term("किताबें", ("किताब",))]
    assert terms("đường", "vi") == [Term("đường", ("duong",))]
    assert terms("أحمد", "fa") == [Term("أحمد", ("احمد",))]
    assert terms("क़लम", "und") == [Term("क़लम")]  # a nukta is no accent
    assert terms("東京 서울", "ja") == [Term("東京"), Term("京"), Term("서울"), Term("울")]


def test_what_is_asked() -> None:
    running, shoes = query_terms("Running shoes", ("en",)).terms
    assert running.forms == (Phrase(("running",)), Phrase(("run",)))
    assert shoes.forms == (Phrase(("shoes",)), Phrase(("shoe",)))
    assert query_terms("apt-get", ()).phrases == [Phrase(("apt",)), Phrase(("get",)), Phrase(("apt", "get"))]
    assert query_terms("apt-get", ()).compounds == (Phrase(("apt", "get")),)
    (starred,) = query_terms("prog* prog*", ("en",)).terms
    assert starred.forms == (Phrase(("prog",), prefix=True),)
    assert query_terms("東京", ()).phrases == [Phrase(("東京",))]
    assert query_terms("東京都", ()).phrases == [Phrase(("東京",)), Phrase(("京都",)), Phrase(("東京", "京都"))]
    assert query_terms("猫", ()).phrases == [Phrase(("猫",), prefix=True)]
    assert query_terms("黒猫プリン", ()).compounds == (
        Phrase(("黒猫", "猫プ", "プリ", "リン")),
        Phrase(("プリ", "リン")),
    )
    assert query_terms("", ("en",)).phrases == query_terms("!? —", ("en",)).phrases == []


def test_phrases_are_as_written() -> None:
    assert exact_phrase("Running  SHOES!") == Phrase(("running", "shoes"))
    assert exact_phrase("설정을 바꾸") == Phrase(("설정", "정을", "을", "바꾸"))
    assert exact_phrase("the 猫") == Phrase(("the", "猫"), prefix=True)
    assert exact_phrase("conf*") == Phrase(("conf",), prefix=True)
    assert exact_phrase("---") is None


def test_scripts_of_a_text() -> None:
    assert scripts_of("Straße 12 → 🚲") == {"Latin"}
    assert scripts_of("東京タワーの中") == {"Han", "Kana"}
    assert scripts_of("서버 Linux") == {"Hangul", "Latin"}
    assert scripts_of("река नदी نهر ποτάμι แม่น้ำ") == {"Cyrillic", "Devanagari", "Arabic", "Greek", "Thai"}
    assert scripts_of("𐌰𐌱") == {"Other"}
    assert scripts_of("12:30 — 100 %") == frozenset()


def test_languages_with_a_stemmer() -> None:
    assert stemmed(["ja", "ru", "und", "en", "th"]) == ("en", "ru")


def test_stems_are_the_same_in_every_thread() -> None:
    words = [f"nation{'al' * (number % 2)}s{number}" for number in range(300)]
    results: list[list[Term]] = []
    threads = [threading.Thread(target=lambda: results.append(terms(" ".join(words), "fr"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == results[0] for result in results)
