"""Topics: documents in several languages that are about the same thing, and the words that say what."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import jv3search
from jv3search.analysis.clusters import clustered, usual_count, without_language
from jv3search.analysis.telling_terms import telling_terms
from jv3search.encoders.models import MINI
from jv3search.errors import InputError
from jv3search.types import Filter, unit_rows
from tests.analysis.conftest import LANGUAGES, SUBJECTS, subject


def grouped(topics) -> set[frozenset[str]]:
    return {frozenset(row.uri for row in topic.documents) for topic in topics}


def test_a_topic_holds_its_subject_in_every_language(kb):
    topics = jv3search.topics(kb, len(SUBJECTS))
    assert len(topics) == len(SUBJECTS)
    for topic in topics:
        assert len({subject(row.uri) for row in topic.documents}) == 1
        assert topic.languages == dict.fromkeys(topic.languages, 1)
        assert set(topic.languages) == set(LANGUAGES) == set(topic.terms)
    words = {subject(topic.documents[0].uri): topic.terms for topic in topics}
    assert "cartridge" in words["ink"]["en"]
    assert "Patrone" in words["ink"]["de"]
    assert "カートリッジ" in words["ink"]["ja"]
    assert "картридж" in words["ink"]["ru"]
    assert "墨盒" in words["ink"]["zh"]
    assert not {"the", "and", "und", "die", "和", "的"} & {
        word for terms in words["ink"].values() for word in terms
    }


def test_the_same_index_gives_the_same_topics(kb):
    one, two = jv3search.topics(kb), jv3search.topics(kb)
    assert one == two
    assert len(one) <= usual_count(20) == 4
    sizes = [len(topic.documents) for topic in one]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == 20


def test_a_name_is_in_the_readers_language_where_there_are_words(kb):
    (topic,) = (t for t in jv3search.topics(kb, 4) if subject(t.documents[0].uri) == "ink")
    assert topic.name(("fr", "ja")) == " · ".join(topic.terms["ja"][:3])
    assert topic.name(("fr",)) == topic.name() == " · ".join(next(iter(topic.terms.values()))[:3])


def test_filters_choose_the_documents(kb):
    found = jv3search.topics(kb, 2, where=Filter(languages=frozenset({"ja", "ru"})))
    assert {row.language for topic in found for row in topic.documents} == {"ja", "ru"}
    assert sum(len(topic.documents) for topic in found) == 8
    folder = next(row.uri for row in kb.documents()).rpartition("/")[0]
    assert jv3search.topics(kb, where=Filter(under=frozenset({folder}))) == jv3search.topics(kb)
    assert jv3search.topics(kb, where=Filter(under=frozenset({folder[:-1]}))) == ()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert jv3search.topics(kb, where=Filter(since=tomorrow)) == ()
    assert len(grouped(jv3search.topics(kb, 1, where=Filter(until=tomorrow)))) == 1
    with pytest.raises(InputError, match="0 topics cannot be looked for; give a number of at least 1"):
        jv3search.topics(kb, 0)


def test_none_one_and_five_documents(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    with jv3search.open(tmp_path / "kb", create=True, model=MINI) as kb:
        (folder / "a.txt").write_text("Der Drucker druckt nicht, der Drucker ist leer.", encoding="utf-8")
        kb.ingest(folder)
        (topic,) = jv3search.topics(kb)
        assert topic.terms["de"][0] == "Drucker"
        for name in "bcde":
            (folder / f"{name}.txt").write_text("12 34 56 78", encoding="utf-8")
        kb.ingest(folder)
        five = jv3search.topics(kb, 5)  # four of the five are equal
        assert sorted(len(topic.documents) for topic in five) == [1, 4]
        assert five[0].terms == {"und": ()}
        assert five[0].name() == five[0].documents[0].title
        kb.remove(*(row.uri for row in kb.documents()))
        assert jv3search.topics(kb) == ()


def test_what_a_language_has_in_common_is_taken_off_the_more_the_more_documents_it_has():
    rows = unit_rows(np.random.default_rng(3).normal(size=(60, 16)) + 1)
    tags = ["de"] * 30 + ["ja"] * 30
    rows[:30, 0] += 2
    moved = without_language(unit_rows(rows), tags)
    apart = [abs(of[:30].mean(axis=0) - of[30:].mean(axis=0)).max() for of in (unit_rows(rows), moved)]
    assert apart[1] < apart[0] / 2
    assert np.allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    assert np.allclose(without_language(unit_rows(rows), ["de"] * 60), unit_rows(rows), atol=1e-6)


def test_clusters_are_numbered_by_size():
    rng = np.random.default_rng(5)
    belongs = np.array([0] * 20 + [1] * 30 + [2] * 10)
    rows = unit_rows(np.eye(24)[belongs] + 0.15 * rng.normal(size=(60, 24)))
    labels, means = clustered(rows, 3)
    assert np.bincount(labels).tolist() == [30, 20, 10]
    assert labels[belongs == 1].tolist() == [0] * 30
    assert means.shape == (3, 24)
    assert clustered(rows[:0], 3)[0].tolist() == []
    assert clustered(unit_rows(np.ones((4, 8))), 3)[0].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("language", "texts", "expected", "absent"),
    [
        (
            "de",
            {
                0: ["Der Mietvertrag, die Mietverträge und 12 Monate", "Mietverträge"],
                1: ["Das Fahrrad und die Kette"],
            },
            "Mietverträge",  # however it is inflected, as most write it
            "Mietvertrag",
        ),
        ("ru", {0: ["Принтер печатает, принтера нет, принтеру"], 1: ["Сеть и пароль"]}, "Принтер", "принтера"),
        ("zh", {0: ["打印机坏了。这台打印机很旧。", "新打印机"], 1: ["自行车的链条"]}, "打印机", "打印"),
        ("ja", {0: ["プリンターを修理する。プリンターの修理。"], 1: ["自転車に乗る"]}, "プリンター", "を修"),
        ("ko", {0: ["프린터가 고장났다. 프린터를 고친다. 새 프린터"], 1: ["자전거를 탄다"]}, "프린터", "린터"),
        ("th", {0: ["เครื่องพิมพ์เสีย ซ่อมเครื่องพิมพ์ ซื้อเครื่องพิมพ์"], 1: ["จักรยานเก่า"]}, "เครื่องพิมพ์", "งพิ"),
        ("ar", {0: ["الطابعة معطلة والطابعة قديمة. الطابعة"], 1: ["الدراجة جديدة"]}, "الطابعة", "على"),
        ("hi", {0: ["प्रिंटर ख़राब है। प्रिंटर पुराना है।"], 1: ["साइकिल नई है।"]}, "प्रिंटर", "है"),
        ("en", {0: ["Soft\u00adware and the software"], 1: ["bicycle 2024"]}, "Software", "the"),
    ],
)
def test_terms_are_words_as_people_write_them(language, texts, expected, absent):
    found = telling_terms(texts, language, 5)
    assert expected in found[0]
    assert absent not in found[0]
    assert expected not in found[1]


def test_what_stands_in_one_topic_tells_more_than_what_stands_in_all():
    both = "The software needs a password. " * 3
    found = telling_terms({0: [both + "Cartridge. Cartridge."], 1: [both + "Bicycle. Bicycle."]}, "en", 1)
    assert found == {0: ("Cartridge",), 1: ("Bicycle",)}
    assert telling_terms({0: ["", "123 45"], 1: [""]}, "en", 3) == {0: (), 1: ()}


def test_the_command_tells_topics_as_text_and_as_json(jv3, subjects_index):
    outcome = jv3("topics", "--index", subjects_index, "--count", 4, "--json")
    assert outcome.status == 0, outcome.err
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [row["topic"] for row in rows] == [1, 2, 3, 4]
    assert list(rows[0]) == ["topic", "name", "languages", "terms", "documents"]
    assert {subject(document["uri"]) for document in rows[0]["documents"]} < set(SUBJECTS)
    assert sum(sum(row["languages"].values()) for row in rows) == 20
    text = jv3("topics", "--index", subjects_index, "--count", 4).out
    for row in rows:
        assert f" {row['topic']}  {row['name']}  5 documents\n" in text
        assert f"[ja]  {', '.join(row['terms']['ja'])}\n" in text
    assert ", and 2 more" in text


def test_the_command_says_why_there_is_no_topic(jv3, subjects_index, index):
    outcome = jv3("topics", "--index", subjects_index, "--lang", "th")
    assert (outcome.status, outcome.out) == (0, "")
    assert outcome.err == "No document passes the filters: leave some of them out.\n"
    assert "'xx' is not a language code" in jv3("topics", "--index", subjects_index, "--lang", "xx").err
    assert "is not in the range x>=1" in jv3("topics", "--index", subjects_index, "--count", 0).err
    with jv3search.open(index) as kb:
        kb.remove(*(row.uri for row in kb.documents()))
    assert "The index has no documents yet: add some with" in jv3("topics", "--index", index).err
    assert "there is no index in" in jv3("topics", "--index", index / "absent").err


def test_topics_load_no_model(subjects_index):
    code = (
        "import sys, jv3search; jv3search.topics(jv3search.open(sys.argv[1]));"
        "print([name for name in ('torch', 'openvino', 'transformers', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, subjects_index], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
