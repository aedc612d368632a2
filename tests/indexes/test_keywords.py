"""What the keyword leg promises, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jv3search.errors import InputError
from jv3search.indexes.keywords.bm25 import K1, B
from jv3search.indexes.keywords.phrases import query_terms
from jv3search.indexes.keywords.stopwords import without_stopwords
from jv3search.indexes.keywords.terms import terms
from jv3search.types import Chunk, Document, EmbeddedDocument, Filter, Hit, Source, Span
from tests.legs import dense, keyword

from .conftest import Place
from .corpus import BORN, FULL, MANIFEST, done, rows

PASSAGES = {
    "en": [
        "The backups run every night; running jobs are listed in /etc/fstab and /etc/crontab.",
        "Use apt-get to install a package. A naïve café owner never makes a backup.",
        "Modern C++ and C# share braces; v3.2 fixed std::vector in rock'n'roll.org.",
        "12 34 --- 56",
    ],
    "de": ["Die Sicherungen laufen nachts. Der Häuserblock brennt.", "Das Haus am Fluss: große Straße."],
    "fr": ["L’homme préfère les chevaux.", "Aujourd'hui, les hommes chantent."],
    "ru": ["Дорога пересекает широкую реку.", "Ёлка стоит у реки."],
    "uk": ["П'ять студентів читають."],
    "el": ["Ο Οδυσσεύς ταξιδεύει στη θάλασσα."],
    "tr": ["İSTANBUL ve IŞIK."],
    "ar": ["كِتَابٌ جديد عن الطريق في عام ٢٠٢٥", "أحمد يقرأ الكـــتاب"],
    "fa": ["کتاب‌ها را می‌خوانم"],
    "he": ['שָׁלוֹם עולם, צה"ל'],
    "hi": ["किताबें मेज़ पर हैं।"],
    "zh": ["要安装新的字体，请把字体文件复制到文件夹中。", "数据库的备份很重要。"],
    "ja": ["東京都の人口は多い。黒猫がいる。", "京都は古い都です。ﾌﾟﾘﾝﾀｰを使う。Linuxの設定。", "猫"],
    "ko": ["서버 설정을 바꾸는 방법", "데이터베이스를 백업한다"],
    "th": ["สภาพอากาศวันพรุ่งนี้จะมีฝน", "การสำรองข้อมูลที่ดี"],
    "lo": ["ການສຳຮອງຂໍ້ມູນ"],
    "km": ["ភាសាខ្មែរគឺជាភាសាផ្លូវការ។"],
    "my": ["မြန်မာဘာသာစကား"],
    "und": ["🚲 → 🚂", "——— ※ ———"],
}


def written(uri: str, passages: list[tuple[str, str]], *, age: int = 0) -> EmbeddedDocument:
    """A document of one chunk a passage (language, text)."""
    spans, start = [], 0
    for _, passage in passages:
        spans.append(Span(start, start + len(passage)))
        start += len(passage) + 1
    text = "\n".join(passage for _, passage in passages)
    chunks = tuple(Chunk(span, tongue, len(span)) for span, (tongue, _) in zip(spans, passages, strict=True))
    source = Source(uri, "0" * 64, len(text), BORN + timedelta(days=age))
    return EmbeddedDocument(
        source, Document(text, uri, "txt"), "und", chunks, rows(len(chunks), seed=len(text), dimension=FULL)
    )


def library() -> list[EmbeddedDocument]:
    """A document a language."""
    return [
        written(f"/{tongue}/text.md", [(tongue, passage) for passage in passages], age=number)
        for number, (tongue, passages) in enumerate(PASSAGES.items())
    ]


def fill(place: Place, documents: list[EmbeddedDocument]) -> Place:
    with place.writer() as writer:
        for embedded in documents:
            writer.replace(embedded, done(embedded))
    return place


def texts(hits: list[Hit]) -> list[str]:
    return [hit.text for hit in hits]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The library in each database; no test changes it."""
    folder = tmp_path_factory.mktemp("shelf")
    url = request.getfixturevalue("new_database")() if request.param == "postgres" else ""
    return fill(Place(folder, url=url), library())


FINDS = [
    # (words, language, how the one passage that is found best begins)
    ("fstab", "en", "The backups run"),
    ("/etc/fstab", "en", "The backups run"),
    ("runs", "en", "The backups run"),
    ("apt-get", "en", "Use apt-get"),
    ("naive", "en", "Use apt-get"),
    ("CAFÉ", "en", "Use apt-get"),
    ("c++", "en", "Modern C++"),
    ("C#", "en", "Modern C++"),
    ("std::vector", "en", "Modern C++"),
    ("v3.2", "und", "Modern C++"),
    ("Sicherung", "de", "Die Sicherungen"),
    ("HÄUSERBLOCK", "de", "Die Sicherungen"),
    ("hauserblock", "de", "Die Sicherungen"),
    ("strasse", "de", "Das Haus"),
    ("cheval", "fr", "L’homme"),
    ("préférer", "fr", "L’homme"),
    ("aujourd’hui", "fr", "Aujourd"),
    ("широкая", "ru", "Дорога"),
    ("елка", "ru", "Ёлка"),
    ("п’ять", "uk", "П'ять"),
    ("ΟΔΥΣΣΕΥΣ", "el", "Ο Οδυσσεύς"),
    ("θαλασσα", "el", "Ο Οδυσσεύς"),
    ("istanbul", "und", "İSTANBUL"),
    ("كتاب جديد", "ar", "كِتَابٌ"),
    ("2025", "ar", "كِتَابٌ"),
    ("احمد", "ar", "أحمد"),
    ("كتابها", "fa", "کتاب‌ها"),
    ("שלום", "he", "שָׁלוֹם"),
    ('צה"ל', "he", "שָׁלוֹם"),
    ("किताब", "hi", "किताबें"),
    ("字体", "zh", "要安装"),
    ("如何备份数据库？", "zh", "数据库"),
    ("東京", "ja", "東京都"),
    ("京都は古い", "ja", "京都は"),
    ("プリンター", "ja", "京都は"),
    ("LINUXの設定", "ja", "京都は"),
    ("설정", "ko", "서버"),
    ("백업", "ko", "데이터"),
    ("อากาศ", "th", "สภาพ"),
    ("สำรอง", "th", "การสำรอง"),
    ("ຂໍ້ມູນ", "lo", "ການ"),
    ("ខ្មែរ", "km", "ភាសា"),
    ("ဘာသာ", "my", "မြန်မာ"),
    ("🚂", "und", "🚲"),
    ("ＦＳＴＡＢ", "en", "The backups run"),
    ("cront*", "und", "The backups run"),
    ("56", "und", "12 34"),
]


def test_words_of_every_script_are_found(shelf: Place) -> None:
    with shelf.reader() as reader:
        for words, language, begins in FINDS:
            hits = keyword(reader, words, 5, language=language)
            assert hits, words
            assert hits[0].text.startswith(begins), (words, texts(hits))


def test_a_language_need_not_be_told(shelf: Place) -> None:
    with shelf.reader() as reader:
        for words in ("Sicherung", "широкая", "किताब", "backup"):
            assert keyword(reader, words, 1)[0].text, words
        [hit] = keyword(reader, "Sicherung", 5, Filter(languages=frozenset({"de"})))
        assert hit.text.startswith("Die Sicherungen")


def test_single_characters_are_found_wherever_they_stand(shelf: Place) -> None:
    with shelf.reader() as reader:
        assert {hit.text[:2] for hit in keyword(reader, "猫", 9)} == {"東京", "猫"}  # 黒猫が; and alone
        assert [hit.text[:2] for hit in keyword(reader, "ฝ", 9)] == ["สภ"]
        assert [hit.text[:2] for hit in keyword(reader, "都", 9)] == ["京都", "東京"]  # twice, once


def test_what_is_not_there_is_not_found(shelf: Place) -> None:
    with shelf.reader() as reader:
        for words in ("", "  ", "zebra", "熊", "!?", "—", "\x00", "\ud800", "***", "fsta", "ebru", "京東"):
            assert keyword(reader, words, 5) == [], words


def test_filters_act_inside(shelf: Place) -> None:
    everything = " ".join(passage for passages in PASSAGES.values() for passage in passages)
    with shelf.reader() as reader:
        assert {hit.language for hit in keyword(reader, "猫 backup 備 река", 50, Filter(languages=frozenset({"ru", "ja"})))} == {"ru", "ja"}  # fmt: skip
        [hit] = keyword(reader, everything, 50, Filter(under=frozenset({"/km"})))
        assert hit.uri == "/km/text.md"
        assert keyword(reader, everything, 50, Filter(formats=frozenset({"pdf"}))) == []
        late = keyword(reader, everything, 50, Filter(since=BORN + timedelta(days=17)))
        assert {hit.language for hit in late} == {"my", "und"}
        early = keyword(reader, "backup", 50, Filter(until=BORN + timedelta(days=1)))
        assert {hit.language for hit in early} == {"en"}
        assert keyword(reader, "backup", 50, Filter(until=BORN)) == []
        assert len(keyword(reader, "the", 1)) == 1


PHRASES = [
    ("apt-get", ["Use apt-get"]),
    ("install a package", ["Use apt-get"]),
    ("a install package", []),
    ("backup", ["Use apt-get"]),  # not backups
    ("backups run", ["The backups"]),
    ("backups running", []),
    ("back*", ["The backups", "Use apt-get"]),
    ("京都", ["東京都", "京都は"]),
    ("東京都", ["東京都"]),
    ("猫が", ["東京都"]),
    ("설정을 바꾸는", ["서버"]),
    ("วันพรุ่งนี้", ["สภาพ"]),
    ("широкую РЕКУ", ["Дорога"]),
    ("les hommes", ["Aujourd'hui"]),
    ("🚂", ["🚲"]),
]


def test_phrases_are_exact_and_restrict_both_legs(shelf: Place) -> None:
    [query] = rows(1, seed=3)
    with shelf.reader() as reader:
        total = reader.status().chunks
        for phrase, begins in PHRASES:
            hits = dense(reader, query, 99, Filter(phrases=(phrase,)))
            assert len(hits) == len(begins), (phrase, texts(hits))
            assert all(hit.text.startswith(tuple(begins)) for hit in hits), (phrase, texts(hits))
            rest = dense(reader, query, 99, Filter(without=(phrase,)))
            assert len(rest) == total - len(hits), phrase
            assert {hit.chunk_id for hit in keyword(reader, phrase.strip("*"), 99, Filter(phrases=(phrase,)))} <= {
                hit.chunk_id for hit in hits
            }
        both = Filter(phrases=("backup*", "a package"), without=("fstab",), languages=frozenset({"en"}))
        assert [hit.text[:3] for hit in dense(reader, query, 9, both)] == ["Use"]
        assert texts(keyword(reader, "backup night", 9, Filter(without=("café",))))[0].startswith("The backups")
        for empty in ("", "---", "\ud800"):
            with pytest.raises(InputError, match="no searchable word"):
                dense(reader, query, 9, Filter(phrases=(empty,)))
            with pytest.raises(InputError, match="no searchable word"):
                keyword(reader, "backup", 9, Filter(without=(empty,)))


def bm25(words: str, language: str) -> dict[str, float]:
    """Every passage scored one after the other, single terms only."""
    query = without_stopwords(query_terms(words, (language,)), language)
    wanted = [phrase.terms[0] for phrase in query.phrases if len(phrase.terms) == 1 and not phrase.prefix]
    bags = {
        passage: [part for term in terms(passage, tongue) for part in (term.exact, *term.forms)]
        for tongue, passages in PASSAGES.items()
        for passage in passages
    }
    bags = {passage: bag for passage, bag in bags.items() if bag}
    average = sum(map(len, bags.values())) / len(bags)
    scores = dict.fromkeys(bags, 0.0)
    for term in wanted:
        having = sum(term in bag for bag in bags.values())
        weight = math.log((len(bags) - having + 0.5) / (having + 0.5))
        for passage, bag in bags.items():
            count = bag.count(term)
            scores[passage] += weight * count * (K1 + 1) / (count + K1 * (1 - B + B * len(bag) / average))
    return {passage: score for passage, score in scores.items() if score}


@pytest.mark.parametrize(
    ("words", "language"), [("running a backup", "en"), ("les hommes préférés", "fr"), ("реки", "ru")]
)
def test_scores_are_bm25_in_both_databases(shelf: Place, words: str, language: str) -> None:
    expected = bm25(words, language)
    with shelf.reader() as reader:
        hits = keyword(reader, words, 99, language=language)
    assert {hit.text: pytest.approx(hit.score, rel=1e-5) for hit in hits} == expected
    assert [hit.score for hit in hits] == sorted(expected.values(), reverse=True) or hits == sorted(
        hits, key=lambda hit: (-hit.score, hit.chunk_id)
    )
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


def test_equal_scores_are_ordered_by_id_and_k_is_kept(place: Place) -> None:
    copies = [written(f"/kopie {number}", [("ja", "黒猫がいる"), ("en", "a dog")]) for number in range(30)]
    others = [written(f"/other {number}", [("en", f"word{number} bird")]) for number in range(120)]
    fill(place, copies + others)
    with place.reader() as reader:
        hits = keyword(reader, "黒猫", 7)
        assert [hit.uri for hit in hits] == [f"/kopie {number}" for number in range(7)]
        assert len({hit.score for hit in hits}) == 1
        assert len(keyword(reader, "黒猫 dog", 500)) == 60
        with pytest.raises(InputError, match="k is 0"):
            keyword(reader, "黒猫", 0)


def test_words_come_and_go_with_their_document(place: Place) -> None:
    def found(words: str) -> list[str]:
        with place.reader() as reader:
            return sorted(hit.uri for hit in keyword(reader, words, 99))

    first = written("/a", [("en", "an elephant walks"), ("zh", "大象在走路"), ("und", "—")])
    fill(place, [first, written("/b", [("en", "the elephants sleep")]), written("/c", [("en", "nothing here")])])
    assert found("elephant") == ["/a", "/b"]
    with place.writer() as writer:
        writer.replace(replace(written("/a", [("en", "a tiger walks")])), done(first))
    assert (found("elephant"), found("大象"), found("tiger")) == (["/b"], [], ["/a"])
    with place.writer() as writer:
        writer.move("/a", "/c", replace(done(first), uri="/c"))
    assert (found("tiger"), found("nothing")) == (["/c"], [])
    with place.writer() as writer:
        assert writer.remove("/b")
        assert writer.remove("/c")
    assert (found("elephant"), found("tiger"), found("大象")) == ([], [], [])
    with place.reader() as reader:
        assert reader.status().wordless == 0
    fill(place, [first])
    with place.reader() as reader:
        assert (reader.status().chunks, reader.status().wordless) == (3, 1)


def test_a_failed_write_leaves_the_words_as_they_were(place: Place) -> None:
    fill(place, [written("/a", [("en", "an elephant walks")])])
    with place.writer() as writer, pytest.raises(RuntimeError), writer._catalog.write() as change:
        change.remove("/a")
        raise RuntimeError
    with place.reader() as reader:
        assert [hit.uri for hit in keyword(reader, "elephant", 9)] == ["/a"]


def test_frequent_words_count_only_where_rare_ones_match(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ranking is that of all words; and where the rare ones find too little, the frequent ones fill up."""
    dice = np.random.default_rng(5)
    rare = [f"rare{number}" for number in range(40)]
    bulk = [
        written(
            f"/{number}",
            [
                (
                    "und",
                    " ".join(
                        ["usual"] * dice.integers(1, 4) + ["x"] * dice.integers(1, 9) + [str(dice.choice(rare))]
                    ),
                )
            ],
        )
        for number in range(150)
    ] + [written(f"/other{number}", [("und", f"other thing{number}")]) for number in range(200)]
    fill(place, bulk)
    with place.reader() as reader:
        every = keyword(reader, "usual rare1 rare2", 300)
        few = keyword(reader, "usual rare1 rare2", 3)
        assert texts(few) == texts(every[:3])
        np.testing.assert_array_equal([hit.score for hit in few], [hit.score for hit in every[:3]])
        some = Filter(under=frozenset(f"/{number}" for number in range(0, 150, 2)))
        monkeypatch.setattr("jv3search.indexes.keywords.snapshot._FEW", 0)
        whole = keyword(reader, "usual rare1 rare2", 9, some)
        monkeypatch.setattr("jv3search.indexes.keywords.snapshot._FEW", 99)
        assert keyword(reader, "usual rare1 rare2", 9, some) == whole
        assert [hit.uri for hit in whole] == [hit.uri for hit in every if int(hit.uri[1:]) % 2 == 0][:9]
    assert len(every) == 150


NASTY = [
    "AND", "OR NOT", "NEAR(a b, 3)", '"', '"unbalanced', "a AND (b", "words : x", "forms:backup", "-x", "^start", "a + b",
    "{words} : y", "x*", "*", "* *", "' OR 1=1 --", "'; DROP TABLE chunk; --", "\\", "a\\'b:*", "<->", "!backup & |", "%_",
    "\x00", "a\x00b", "\ud800\udfff", "\U000e0001", "🏳️‍🌈", "ﷺ", "ẞ", "İ", "a" * 5000, "é" * 300, "ภ" * 400, "()" * 200,
]  # fmt: skip


def test_any_text_is_safe(shelf: Place) -> None:
    with shelf.reader() as reader:
        for words in NASTY:
            keyword(reader, words, 3)
            keyword(reader, f"backup {words}", 3, Filter(phrases=(f"{words} backups",), without=(f"{words}b",)))
        assert keyword(reader, "  ".join(NASTY) + " backup", 3)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(st.characters(codec=None), max_size=60) | st.text("ab\"*():-^+&|!<>'\\ AND", max_size=30))
def test_no_text_is_an_error(sqlite_shelf: Place, words: str) -> None:
    with sqlite_shelf.reader() as reader:
        keyword(reader, words, 3)
        keyword(reader, "backup", 3, Filter(phrases=("x" + words,), without=("y" + words,)))


@pytest.fixture(scope="module")
def sqlite_shelf(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return fill(Place(tmp_path_factory.mktemp("sqlite")), library())


def test_ten_thousand_words(shelf: Place) -> None:
    words = " ".join(f"wort{number}x 字字{number}y the" for number in range(3_400))
    with shelf.reader() as reader:
        hits = keyword(reader, f"{words} fstab", 3)
    assert hits[0].text.startswith("The backups run")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_a_part_of_a_text_is_found_by_what_it_is_indexed_by(text: str) -> None:
    """One function for both sides: whatever words are asked for, a text that is these words has them all."""
    held = {part for term in terms(text, "de") for part in (term.exact, *term.forms)}
    for phrase in query_terms(text, ("de",)).phrases:
        *firsts, last = phrase.terms
        assert held >= set(firsts)
        assert any(part.startswith(last) for part in held) if phrase.prefix else last in held


def test_the_manifest_is_none_of_the_words_business(tmp_path: Path, new_database: Callable[[], str]) -> None:
    """Two indexes with the same documents find the same, in any database."""
    here = fill(Place(tmp_path / "a"), library())
    there = fill(Place(tmp_path / "b", url=new_database()), library())
    with here.reader() as one, there.reader() as other:
        assert one.manifest == other.manifest == MANIFEST
        for words, language, _ in FINDS:
            mine, its = keyword(one, words, 9, language=language), keyword(other, words, 9, language=language)
            assert texts(mine) == texts(its), words
            np.testing.assert_allclose([hit.score for hit in mine], [hit.score for hit in its], rtol=1e-5)


QUESTIONS = {
    "en": ("When does my car insurance expire?", "the car insurance will expire", "when does my dog when does it"),
    "ru": ("Когда кончается моя страховка?", "страховка кончается скоро", "когда моя когда моя"),
    "ar": ("متى ينتهي تأمين السيارة؟", "ينتهي تأمين السيارة غدا", "متى كان هذا متى"),
    "hi": ("पासपोर्ट कब समाप्त हो रहा है?", "पासपोर्ट समाप्त", "कब है कब हो रहा है"),
    "zh": ("停车证每月多少钱?", "停车证每月八十元", "多少钱多少钱"),
    "ja": ("合唱団の練習はいつですか", "合唱団の練習は火曜", "いつですかいつですか"),
    "th": ("ค่าซ่อมหลังคาเท่าไร", "ค่าซ่อมหลังคาหกล้าน", "เท่าไร เท่าไร"),
}


def test_stop_words_find_nothing_beside_words_that_say_something(place: Place) -> None:
    written_in = {tongue: list(passages) for tongue, (_, *passages) in QUESTIONS.items()}
    fill(place, [written(f"/{tongue}", [(tongue, text) for text in of]) for tongue, of in written_in.items()])
    with place.reader() as reader:
        for tongue, (question, answer, _) in QUESTIONS.items():
            best, *others = keyword(reader, question, 9, language=tongue)
            assert best.text == answer
            assert best.legs[0].coverage > 0.55, question
            assert all(hit.legs[0].coverage < 0.3 for hit in others), (
                question
            )  # 月多 is in no list: no word ends there
        (alone,) = keyword(reader, "when does it", 9, language="en")  # nothing but stop words
        assert (alone.text, alone.legs[0].coverage) == (QUESTIONS["en"][2], 1.0)


def test_coverage_is_the_share_of_the_idf_that_a_chunk_holds(shelf: Place) -> None:
    with shelf.reader() as reader:
        hits = keyword(reader, "backup café zebra", 9, language="en")
    coverage = {hit.text[:7]: hit.legs[0].coverage for hit in hits}
    rare = {hit.text[:7]: hit.legs[0].rare_coverage for hit in hits}
    chunks = sum(len(passages) for passages in PASSAGES.values())
    idf = [math.log(1 + (chunks - held + 0.5) / (held + 0.5)) for held in (2, 1, 0)]
    assert coverage["Use apt"] == pytest.approx((idf[0] + idf[1]) / sum(idf))
    assert coverage["The bac"] == pytest.approx(idf[0] / sum(idf))
    assert rare["Use apt"] == pytest.approx((idf[0] ** 2 / idf[1] + idf[1]) / sum(idf))
    assert rare["The bac"] == pytest.approx(idf[0] ** 2 / idf[1] / sum(idf))
