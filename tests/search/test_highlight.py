"""The sentence that matched, in the scripts of the world, with the bundled model."""

from __future__ import annotations

import numpy as np
import pytest

from jv3search.search.highlight import best_sentences, highlighted_hits
from jv3search.text.sentences import sentences
from jv3search.types import Hit, Span
from tests.conftest import TEXTS

CHESS = (
    "王后可以横走、直走、斜走，格数不限，是威力最大的棋子。车走横线和直线，象走斜线。"
    "比赛时使用棋钟，时间用完的一方判负。和棋可以由双方商定。"
)


def hit(text: str, start: int = 0) -> Hit:
    return Hit(1, 0.5, 7, "/a", "", "txt", None, None, Span(start, start + len(text)), "und", text)


def marked(mini, text: str, question: str) -> str:
    (found,) = highlighted_hits([hit(text)], question, mini)
    assert found.sentence is not None
    return found.sentence.of(text)


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (TEXTS["backup.en.md"], "which disk do deleted files come back from?", "To restore deleted files"),
        (TEXTS["drucker.de.txt"], "Wie wird eine leere Patrone ersetzt?", "Eine leere Patrone wird ersetzt"),
        (TEXTS["drucker.de.txt"], "is there paper in the tray?", "Prüfen Sie, ob Papier"),
        (TEXTS["сеть.ru.txt"], "Какой пароль у сети?", "Проверьте пароль сети"),
        (TEXTS["パスワード.ja.txt"], "password manager", "パスワード管理ソフト"),
        (TEXTS["字体.zh.txt"], "重新启动", "安装之后"),
        (TEXTS["خريطة.ar.txt"], "download the map and use it without internet", "يمكنك تنزيل الخريطة"),
        (TEXTS["तारे.hi.txt"], "choose the time and the place", "आप समय और स्थान"),
        (TEXTS["สภาพอากาศ.th.txt"], "สถานีตรวจอากาศอยู่ที่ไหน", "ข้อมูลมาจาก"),
        (CHESS, "what happens when the clock runs out of time?", "比赛时使用棋钟"),
        (CHESS, "王后怎么走", "王后可以横走"),
    ],
)
def test_the_sentence_that_answers(mini, text, question, answer):
    assert marked(mini, text, question).startswith(answer)


def test_spans_count_in_the_document_and_a_page_of_hits_is_as_each_hit_alone(mini):
    hits = [hit(text, start=1000 * number) for number, text in enumerate([*TEXTS.values(), CHESS])]
    page = highlighted_hits(hits, "Wo liegt das Papier?", mini)
    assert [found.chunk_id for found in page] == [7] * len(hits)
    for before, found in zip(hits, page, strict=True):
        assert found.sentence is not None
        assert before.span.start <= found.sentence.start < found.sentence.end <= before.span.end
        inside = Span(found.sentence.start - before.span.start, found.sentence.end - before.span.start)
        assert inside in sentences(before.text)
        assert [found] == highlighted_hits([before], "Wo liegt das Papier?", mini)


@pytest.mark.parametrize("text", ["Drucker", "印", "パスワードを使う", "สวัสดี", "☃", "दो शब्द"])
def test_a_passage_of_one_sentence_is_that_sentence(mini, text):
    assert marked(mini, text, "what is it?") == text


def test_no_hits_no_sentences(mini):
    assert highlighted_hits([], "anything", mini) == []


def test_a_question_or_a_passage_without_a_word_marks_nothing(mini):
    assert highlighted_hits([hit("Papier. Tinte.")], " ", mini)[0].sentence is None
    assert highlighted_hits([hit("   ")], "Papier", mini)[0].sentence is None


@pytest.mark.parametrize(
    ("heading", "body", "question"),
    [
        (
            "Kündigungsfrist",
            "Näheres steht im Anhang. Die Frist beträgt drei Monate.",
            "Wie lang ist die Kündigungsfrist?",
        ),
        ("Срок оплаты", "См. приложение. Счёт оплачивают за десять дней.", "Каков срок оплаты?"),
        ("退货期限", "见附录。商品可在七天内退回。", "退货期限是多久？"),
    ],
)
def test_a_heading_that_was_taken_out_counts_for_no_sentence(mini, heading, body, question):
    """Each sentence has the score that it has where the heading's states are taken away."""
    text = f"{heading}\n{body}"
    (query,) = mini.encode_tokens([question], "retrieval.query")
    (passage,) = mini.encode_tokens([text], "retrieval.passage")
    parts = [part for part in sentences(text) if part.start > len(heading)]
    if not parts or parts[0].start > len(heading) + 1:  # the heading and the first sentence are one
        first = sentences(text)[0]
        parts = [Span(len(heading) + 1, first.end), *parts]
    mean = passage.states.mean(axis=0)
    rows = passage.states - mean
    similarity = (query.states - mean) @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T
    scores = [
        similarity[:, (passage.offsets[:, 1] > part.start) & (passage.offsets[:, 0] < part.end)].max(1).sum()
        for part in parts
    ]
    found = best_sentences(query, passage, parts, len(parts))
    assert len(parts) == 2
    assert found == [parts[at] for at in np.argsort(-np.array(scores))]
