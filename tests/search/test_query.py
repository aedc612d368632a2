"""The query language: what is an operator, what only looks like one, and what is said of mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jv3search.errors import InputError
from jv3search.search.query import HELP, ParsedQuery, parse


def test_everything_at_once() -> None:
    text = 'lang:ja,de type:pdf under:reports since:2025-01-01 until:2025-06-30 how to "restore files" -tape -"old disk" backup*'
    assert parse(text) == ParsedQuery(
        question="how to restore files backup*",
        words="how to backup*",
        phrases=("restore files",),
        without=("tape", "old disk"),
        languages=("ja", "de"),
        formats=("pdf",),
        under=("reports",),
        since="2025-01-01",
        until="2025-06-30",
    )


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ('wo steht "der Drucker"', "der Drucker"),
        ("wo steht „der Drucker“", "der Drucker"),
        ("wo steht „der Drucker”", "der Drucker"),
        ("wo steht »der Drucker«", "der Drucker"),
        ("où est «l'imprimante noire»", "l'imprimante noire"),
        ("where is “the printer”", "the printer"),
        ("var är ”min skrivare”", "min skrivare"),
        ("どこに「黒いプリンター」がある", "黒いプリンター"),
        ("どこに『黒いプリンター』", "黒いプリンター"),
        ("где «мой принтер»?", "мой принтер"),
        ('أين "الطابعة السوداء"', "الطابعة السوداء"),
        ('(see "the manual")', "the manual"),
        ('"सफ़ेद घर" कहाँ', "सफ़ेद घर"),
        ("＂全角 引用＂", "全角 引用"),
    ],
)
def test_quotation_marks_of_many_languages(text: str, phrase: str) -> None:
    found = parse(text)
    assert found.phrases == (phrase,)
    assert phrase in found.question
    assert phrase not in found.words


@pytest.mark.parametrize(
    "text",
    [
        "at 12:30 or 9:05",
        "see http://example.org/a?b=c and https://x",
        "std::vector and Foo::bar",
        "Note: it fails",
        "TypeError:missing argument",
        "C:\\Users\\me and d:/data",
        "localhost:8080 doi:10.1000/182",
        "minus -5 and -3.2% and - nothing - and --all and -x and ->",
        "apt-get wi-fi e-mail well-known",
        'a 5" disk and צה"ל',
        "rock 'n' roll don't",
        "注意:内容 と 比:例",
        "วันที่ 12:30 น.",
        "a:b :smile: :) ::",
        "50% * 3 (a) [b] {c} ^d ~e",
        "AND OR NOT NEAR",
        "Was heißt »",
    ],
)
def test_natural_text_is_no_operator(text: str) -> None:
    assert parse(text) == ParsedQuery(question=text, words=text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lnag:de x", r"no filter lnag: \(did you mean lang:\?.*in quotation marks: \"lnag:de\""),
        ("language:de x", r"did you mean lang:\?"),
        ("format:pdf x", r"did you mean type:\?"),
        ("folder:reports x", r"did you mean under:\?"),
        ("after:2025-01-01 x", r"did you mean since:\?"),
        ("before:2025-01-01 x", r"did you mean until:\?"),
        ("author:smith x", r"no filter author: \(there are lang: type: under: since: until:\)"),
        ("lang: de", "lang: needs a value right after it, such as lang:ja,de"),
        ("lang:, de", "lang: needs a value"),
        ("-lang:de x", "a filter cannot be excluded"),
        ("since:2025-01-01 since:2025-02-01 x", "since: is given more than once"),
        ('wo "der Drucker', 'mark of "der is not closed'),
        ("wo „der Drucker", "mark of „der is not closed"),
        ("lang:de -drucker", "no word to look for in"),
        ("   ", "the query is empty"),
    ],
)
def test_mistakes_are_explained(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(text)


def test_what_looks_like_an_operator_can_be_quoted() -> None:
    assert parse('"lang:ja" "-word" "author:smith"').phrases == ("lang:ja", "-word", "author:smith")
    assert parse("x -author:smith").without == ("author:smith",)


def test_values_of_filters() -> None:
    assert parse('under:"my reports" x').under == ("my reports",)
    assert parse("under:~/a,b under:C:\\x under:/c x").under == ("~/a,b", "C:\\x", "/c")
    assert parse("lang:de,fr lang:ja,de x").languages == ("de", "fr", "ja")
    assert parse("lang：ja，zh　設定").languages == ("ja", "zh")
    assert parse("LANG:de Type:pdf x").formats == ("pdf",)
    assert parse("-猫 -drucker* 犬").without == ("猫", "drucker*")


def test_every_line_of_the_help_is_true() -> None:
    for line in HELP.splitlines()[:-1]:
        example = line.split("  ")[0]
        assert parse(f"{example} more") != ParsedQuery(question="more", words="more"), line


@settings(max_examples=300)
@given(st.text(max_size=80) | st.text('ab 12:-"“”„«»「」()lang,*\n', max_size=40))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except InputError as error:
        assert str(error)
        return
    assert found.question.strip()
    assert set(found.words.split()) <= set(found.question.split())


@given(st.lists(st.text(st.characters(categories=("L",)), min_size=1, max_size=8), min_size=1, max_size=6))
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    assert parse(" ".join(words)) == ParsedQuery(question=" ".join(words), words=" ".join(words))
