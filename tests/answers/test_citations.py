"""Sentences and their citations, out of a text that arrives in pieces."""

import pytest

from jv3search.answers.citations import cited_sentences
from tests.answers.language_model_server import in_pieces


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("Copy them back [1]. Test it [2][3].", [("Copy them back.", (1,)), ("Test it.", (2, 3))]),
        ("Copy them back. [1] Test it. [2, 3]", [("Copy them back.", (1,)), ("Test it.", (2, 3))]),
        ("Copy them back.[1] Test it.[2]", [("Copy them back.", (1,)), ("Test it.", (2,))]),
        ("Das kostet 3.50 Euro, z. B. bar [1]. Ja [1][1].", [("Das kostet 3.50 Euro, z. B. bar.", (1,)), ("Ja.", (1,))]),
        ("把文件复制回来【1】。然后重启【2】。", [("把文件复制回来。", (1,)), ("然后重启。", (2,))]),
        ("長いものです。[1]使わないでください。[2]", [("長いものです。", (1,)), ("使わないでください。", (2,))]),
        ("يمكنك تنزيل الخريطة [١]. ثم استخدمها [٢].", [("يمكنك تنزيل الخريطة.", (1,)), ("ثم استخدمها.", (2,))]),
        ("พยากรณ์อากาศบอกอุณหภูมิและฝนของวันพรุ่งนี้ ข้อมูลมาจากสถานีตรวจอากาศ [1]",
         [("พยากรณ์อากาศบอกอุณหภูมิและฝนของวันพรุ่งนี้ ข้อมูลมาจากสถานีตรวจอากาศ", (1,))]),
        ("- paper [1]\n- ink [2]\n", [("- paper", (1,)), ("- ink", (2,))]),
        ("No number here. One [1].", [("No number here.", ()), ("One.", (1,))]),
        ("See [the manual] for it [12].", [("See [the manual] for it.", (12,))]),
        ("[1]", []),
        ("  \n", []),
    ],
)  # fmt: skip
def test_sentences_and_their_numbers(reply, found, size):
    assert [(one.text, one.numbers) for one in cited_sentences(in_pieces(reply, size))] == found


def test_a_sentence_is_there_as_soon_as_the_next_begins():
    arrived = []

    def pieces():
        for piece in ("One [1].", " ", "[2] ", "T", "wo [1]."):
            arrived.append(piece)
            yield piece

    first = next(cited_sentences(pieces()))
    assert (first.text, first.numbers, arrived[-1]) == ("One.", (1, 2), "T")
