"""Sentences and chunks: expected values in many scripts, and promises kept for any text."""

from itertools import pairwise

import numpy as np
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from jv3search.errors import ConfigError
from jv3search.ingest.chunks import chunk_spans
from jv3search.text.graphemes import ceil, floor, shortened
from jv3search.text.sentences import sentences
from jv3search.types import Document, Page, Section, Span


def word_starts(text):
    return np.array([m.start() for m in regex.finditer(r"\S+", text)], dtype=np.int64)


def char_starts(text):
    return np.array([i for i, c in enumerate(text) if not c.isspace()], dtype=np.int64)


def document(text, pages=(), sections=()):
    return Document(
        text,
        "",
        "txt",
        tuple(Page(i + 1, Span(*p)) for i, p in enumerate(pages)),
        tuple(Section("", 1, Span(*s)) for s in sections),
    )


def cut(text, target, starts=word_starts, **marks):
    return [span.of(text) for span in chunk_spans(document(text, **marks), starts(text), target)]


SENTENCES = {
    "en": [
        "Dr. Smith paid $3.14 for v2.0.1, e.g. at https://example.com/a.b?c=d.",
        "He left!",
        '"Really?" she asked.',
        'J. K. Rowling wrote "No."',
        "Then she slept...",
        "The U.S. Army came.[12]",
        "See Fig. 3 and No. 5 of it.",
        "Yes.",
    ],
    "de": [
        "Am 3. Oktober, z. B. in Berlin, war es kalt.",
        "Die Abb. 7 zeigt „das Ende.“",
        "Danach kam Ludwig XIV. nach Hause.",
        "Ja!",
    ],
    "ru": ["Он приехал в г. Москву, т. е. домой.", "Почему?", "А. С. Пушкин писал «Да.»", "Всё…"],
    "el": ["Πού πας;", "Πάω σπίτι.", "Καλά!"],
    "ar": ["ذهب الولد إلى المدرسة.", "هل عاد؟", "نعم، عاد؛ ثم نام."],
    "ur": ["یہ ایک جملہ ہے۔", "کیا یہ دوسرا ہے؟", "جی ہاں۔"],
    "hi": ["राम घर गया।", "सीता कहाँ है?", "डॉ. शर्मा आए॥"],
    "ko": ["오늘은 날씨가 좋다.", "어디 가니?", "집에 간다."],
    "hy": ["Նա եկավ։", "Որտե՞ղ է նա։"],
    "am": ["ሰላም።", "እንዴት ነህ?"],
    "ka": ["გამარჯობა.", "როგორ ხარ?", "კარგად."],
    "my": ["မင်္ဂလာပါ။", "နေကောင်းလား။"],
    "km": ["ខ្ញុំទៅផ្សារ។", "អ្នកទៅណា?"],
    "bo": ["བཀྲ་ཤིས་བདེ་ལེགས། །", "ཁྱེད་རང་ག་པར་འགྲོ་གི་ཡོད། །"],
    "th": ["ฉันชอบกินข้าวผัดกับไข่ดาวมากทุกวัน", "เพราะว่ามันอร่อยและราคาไม่แพงสำหรับนักเรียน"],
}
JOINED = {  # nothing stands between the sentences
    "zh": [
        "今天天气很好。",
        "你好吗？！",
        "我说：“走吧！”",
        "他想……算了。",
        "圆周率是３．１４。",
        "你好!",
        "我是小明.",
    ],
    "ja": ["彼は「はい。」と言った。", "本当ですか？", "「そうだ。」", "彼女は笑った（笑）。"],
}


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_parted_by_spaces(language):
    text = " ".join(SENTENCES[language])
    assert [s.of(text) for s in sentences(text)] == SENTENCES[language]


@pytest.mark.parametrize("language", JOINED)
def test_sentences_without_spaces(language):
    text = "".join(JOINED[language])
    assert [s.of(text) for s in sentences(text)] == JOINED[language]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\n ", []),
        ("Title\n\nA wrapped\nline. And", ["Title", "A wrapped\nline.", "And"]),
        ("To do:\n- one\n- two\n3. third", ["To do:", "- one", "- two", "3. third"]),
        ("Name\tAge\nBob\t3\nEve\t4", ["Name\tAge", "Bob\t3", "Eve\t4"]),
        ("One.\r\n\r\nTwo.\rThree.", ["One.", "Two.", "Three."]),
        ("Page one\fPage two", ["Page one", "Page two"]),
        ("* * *\n\nHello! 😀", ["* * *", "Hello! 😀"]),
        ("Hello . . . . World", ["Hello . . . .", "World"]),
        ("approx. 5 and iPhone. iPad too.", ["approx. 5 and iPhone. iPad too."]),
        ("It is in Vol. two. Vol. 2 too.", ["It is in Vol. two.", "Vol. 2 too."]),
    ],
)
def test_lines_and_traps(text, expected):
    assert [s.of(text) for s in sentences(text)] == expected


def test_sentences_of_a_part():
    text = "One. Two. Three. Four."
    assert [s.of(text) for s in sentences(text, 5, 16)] == ["Two.", "Three."]


def test_a_text_that_fits_is_one_chunk():
    assert cut("  One two.\n\nThree four.\n", 4) == ["One two.\n\nThree four."]


def test_nothing_to_see_is_no_chunk():
    for text in ("", " \n\t ", "\u200b\ufeff \u200b"):
        assert chunk_spans(document(text), np.array([], dtype=np.int64), 8) == []


def test_a_target_below_one_is_refused():
    with pytest.raises(ConfigError, match="chunks of 0 tokens are not possible; give a number of at least 1"):
        cut("text", 0)


def test_paragraphs_before_sentences_before_clauses_before_spaces():
    assert cut("aa bb cc dd.\n\nEe ff. Gg hh.", 5) == ["aa bb cc dd.", "Ee ff. Gg hh."]
    assert cut("Aa bb cc. Dd ee ff, gg hh ii jj.", 7) == ["Aa bb cc.", "Dd ee ff, gg hh ii jj."]
    assert cut("a b c d, e f g h i", 7) == ["a b c d,", "e f g h i"]
    assert cut("a b c d e f g h i", 8) == ["a b c d e", "f g h i"]


def test_whole_sentences_fill_a_chunk():
    text = "One two three. Four five six. Seven eight nine. Ten eleven twelve. End of it."
    assert cut(text, 7) == [
        "One two three. Four five six.",
        "Seven eight nine. Ten eleven twelve.",
        "End of it.",
    ]


def test_a_long_run_is_shared_evenly():
    sizes = [len(chunk.split()) for chunk in cut(" ".join("w" * 103), 10)]
    assert sum(sizes) == 103
    assert len(sizes) == 11
    assert min(sizes) == 9


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        (
            "今天天气很好，我们去公园。明天可能会下雨吗？我不知道。",
            15,
            ["今天天气很好，我们去公园。", "明天可能会下雨吗？我不知道。"],
        ),
        ("彼は学生です。彼女は先生です。", 9, ["彼は学生です。", "彼女は先生です。"]),
        ("राम घर गया। सीता कहाँ है?", 12, ["राम घर गया।", "सीता कहाँ है?"]),
        ("یہ ایک جملہ ہے۔ کیا یہ دوسرا ہے؟", 15, ["یہ ایک جملہ ہے۔", "کیا یہ دوسرا ہے؟"]),
        ("ฉันชอบกินข้าว เพราะว่ามันอร่อย", 18, ["ฉันชอบกินข้าว", "เพราะว่ามันอร่อย"]),
        ("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 5, ["👨‍👩‍👧", "👨‍👩‍👧", "👨‍👩‍👧"]),
        ("🇩🇪🇫🇷🇯🇵🇰🇷", 5, ["🇩🇪🇫🇷", "🇯🇵🇰🇷"]),
        ("क्षत्रिय", 4, ["क्ष", "त्रि", "य"]),
    ],
)
def test_chunks_in_scripts_by_characters(text, target, expected):
    assert cut(text, target, starts=char_starts) == expected


def test_a_grapheme_larger_than_a_chunk_stays_whole():
    zalgo = "e" + "\u0301" * 30
    assert cut(f"ab {zalgo} cd", 4, starts=char_starts) == ["ab", zalgo, "cd"]


def test_pages_are_never_crossed():
    text = "One two. Three.\nFour five. Six."
    assert cut(text, 50, pages=[(0, 15), (16, 31)]) == ["One two. Three.", "Four five. Six."]


def test_a_page_border_inside_a_grapheme_moves_behind_it():
    text = "abe\u0301cd"
    assert cut(text, 50, starts=char_starts, pages=[(0, 3), (3, 6)]) == ["abe\u0301", "cd"]


def test_sections_are_not_crossed_when_big_enough():
    text = "First\n\nOne two three four.\n\nSecond\n\nFive six seven eight."
    second = text.index("Second")
    assert cut(text, 16, sections=[(0, second), (second, len(text))]) == [
        "First\n\nOne two three four.",
        "Second\n\nFive six seven eight.",
    ]


def test_a_small_section_joins_the_next():
    text = "Title\n\nBy me.\n\nChapter\n\nOne two three four five six seven."
    chapter = text.index("Chapter")
    assert cut(text, 20, sections=[(0, chapter), (chapter, len(text))]) == [text]


def test_a_heading_is_never_the_tail_of_a_chunk():
    text = "One two three four. Five.\n\nA Heading\n\nSix seven eight nine. Ten eleven twelve."
    head = text.index("A Heading")
    assert cut(text, 7, sections=[(head, len(text))]) == [
        "One two three four. Five.",
        "A Heading\n\nSix seven eight nine.",
        "Ten eleven twelve.",
    ]


def test_a_heading_above_a_heading_stays_with_it():
    text = "Part one of this book\n\nChapter one of it\n\nThe text."
    chapter = text.index("Chapter")
    assert cut(text, 11, sections=[(0, chapter), (chapter, len(text))]) == [text]


def test_text_without_a_token_joins_its_neighbour():
    starts = np.array([0, 4], dtype=np.int64)  # of "aaa bbb ccc" the last word has none
    assert [s.of("aaa bbb ccc") for s in chunk_spans(document("aaa bbb ccc"), starts, 1)] == ["aaa", "bbb ccc"]
    pages = document("aaa bbb", pages=[(0, 4), (4, 7)])
    assert [s.of("aaa bbb") for s in chunk_spans(pages, np.array([4]), 1)] == ["bbb"]


@pytest.mark.parametrize(
    ("text", "tokens", "expected"),
    [
        ("aaz. B. \u200daa", [8, 8, 10], [(0, 9), (9, 11)]),
        ("a \u200db", [0, 2, 2], [(0, 1), (1, 4)]),
        ("a \u200db", [0], [(0, 4)]),
    ],
)
def test_blanks_with_tokens_do_not_overfill_a_chunk(text, tokens, expected):
    spans = chunk_spans(document(text), np.array(tokens, dtype=np.int64), 1)
    assert [(span.start, span.end) for span in spans] == expected


@pytest.mark.parametrize(
    "unit", ["a", "中", "🇩🇪", "e\u0301\u0302", ".", "。", "\u0301", "👨‍👩‍👧", "a\n", ") ", "....a"]
)
def test_a_million_characters_of_one_kind(unit):
    text = unit * (1_000_000 // len(unit))
    starts = np.arange(0, len(text), 4)
    spans = chunk_spans(document(text), starts, 512)
    assert "".join("".join(s.of(text).split()) for s in spans) == "".join(text.split())


def test_as_many_sections_as_sentences():
    text = "Heading\nBody text is here. " * 20_000
    marks = [(i, i + 27) for i in range(0, len(text), 27)]
    spans = chunk_spans(document(text, sections=marks), word_starts(text), 20)
    assert len(spans) == 20_000
    assert {s.of(text) for s in spans} == {"Heading\nBody text is here."}


ALPHABET = [
    *"ab AB1.,!?…\n\t\"'()[]-;:|*\r\f",
    *"\u0301\u200d\u200b\ufeff\u2028\u00a0\u0600\ud800",
    *"中。！」「、ひカ한\u1100\u1161\u11a8กำ ຂ་།កម្អाक्षर्।ىع؟۔אΩ;я.։።🇩🇪👨👩🏽❤️",
    "👨‍👩‍👧",
    "\n\n",
    ". ",
    "z. B. ",
    "क्ष",
]
TEXTS = st.lists(st.sampled_from(ALPHABET), max_size=60).map("".join)


def boundaries(text):
    return {0, *(m.end() for m in regex.finditer(r"\X", text))}


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_grapheme_boundaries_agree_with_a_whole_scan(text):
    known = sorted(boundaries(text))
    for position in range(len(text) + 1):
        assert floor(text, 0, position) == max(b for b in known if b <= position)
        assert ceil(text, 0, position) == min(b for b in known if b >= position)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_sentences_cover_every_text(text):
    spans = sentences(text)
    holes = [*pairwise([0, *(edge for s in spans for edge in (s.start, s.end)), len(text)])][::2]
    assert all(not text[a:b].strip() for a, b in holes)
    assert all(len(s) and s.of(text) == s.of(text).strip() for s in spans)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(1, 12), st.data())
def test_chunks_keep_their_promises(text, target, data):
    places = st.lists(st.integers(0, len(text)), max_size=6).map(sorted)
    pages = [*pairwise(data.draw(places))]
    sections = [*pairwise(data.draw(places))]
    tokens = [i for i in char_starts(text).tolist() for _ in range(data.draw(st.integers(0, 2)))]
    starts = np.array(tokens, dtype=np.int64)
    spans = chunk_spans(document(text, pages, sections), starts, target)
    known = boundaries(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    for span in spans:
        size = sum(span.start <= t < span.end for t in tokens)
        graphemes = len(regex.findall(r"\X", span.of(text)))
        assert size >= 1
        assert size <= target or single_too_long(text, tokens, target, span), (span, size, graphemes)
        assert span.start in known
        assert span.end in known
        assert regex.search(r"[^\s\p{C}]", span.of(text))
        assert not any(span.start < ceil(text, 0, edge) < span.end for page in pages for edge in page)
    assert_covered(text, tokens, pages, spans)


def single_too_long(text, tokens, target, span):
    """One grapheme of the span has more tokens than a chunk; all others of the span have none."""
    counts = [
        sum(a <= t < b for t in tokens)
        for a, b in pairwise(sorted(boundaries(text)))
        if span.start <= a < span.end
    ]
    return max(counts) > target and sum(count > 0 for count in counts) == 1


def assert_covered(text, tokens, pages, spans):
    covered = {i for s in spans for i in range(s.start, s.end)}
    edges = sorted({0, len(text), *(ceil(text, 0, edge) for page in pages for edge in page)})
    for a, b in pairwise(edges):
        if not any(a <= t < b and regex.match(r"[^\s\p{C}]", text[t]) for t in tokens):
            continue
            assert all(i in covered for i in range(a, b) if regex.match(r"[^\s\p{C}\p{DI}]", text[i]))


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(10, 40))
def test_a_shortened_text_is_its_beginning_and_its_end_in_whole_graphemes(text, most):
    short = shortened(text, most)
    assert len(short) <= max(most, 1)
    if len(text) <= most:
        assert short == text
        return
    known = boundaries(text)
    assert any(short == f"{text[:head]}…{text[tail:]}" for head in known for tail in known if head <= tail), (
        short,
        text,
    )


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("notice-period.txt", "notice-period.txt"),
        ("Kündigung" * 9 + ".txt", "KündigungKündigun…gung.txt"),
        ("資料" * 42 + ".pdf", "資料資料資料資料資料資料資料資料資…資料資料.pdf"),
        ("ที่อยู่" * 12 + ".odt", None),
    ],
)
def test_a_long_name_keeps_its_suffix(name, short):
    found = shortened(name, 26)
    assert found == short or (short is None and found.endswith(".odt") and len(found) <= 26)
