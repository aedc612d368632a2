"""What is read, what is refused with the line that does not fit, and what is kept back."""

import json

import pytest

from jv3search.errors import InputError
from jv3search.fine_tuning.held_out import split
from jv3search.fine_tuning.pairs import Pairs, Text, read_pairs

GERMAN = "Eine Sicherung ist eine Kopie Ihrer Dateien auf einer anderen Platte."
JAPANESE = "安全なパスワードは長くて、推測しにくいものです。"


def write(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_a_file_of_pairs_is_read_with_the_languages_of_its_texts(tmp_path):
    path = write(
        tmp_path / "pairs.tsv",
        "question\tpassage",
        f"Wie sichere ich meine Dateien?\t{GERMAN}",
        f"How do I make a backup of my files?\t{GERMAN}",
        "",
        f"どんなパスワードが安全ですか\t{JAPANESE}",
        f"Wie sichere ich meine Dateien?\t{GERMAN}",
    )
    pairs = read_pairs(path, "retrieval")
    assert [(query.text, query.language) for query in pairs.queries] == [
        ("Wie sichere ich meine Dateien?", "de"),
        ("How do I make a backup of my files?", "en"),
        ("どんなパスワードが安全ですか", "ja"),
    ]
    assert [passage.text for passage in pairs.passages] == [GERMAN, JAPANESE]
    assert pairs.relevant == (frozenset({0}), frozenset({0}), frozenset({1}))
    assert pairs.notices == ("pairs.tsv: 1 pairs that stand there twice, counted once",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "nur eine Frage",
            r"pairs\.tsv, line 2 is not: question, a tab, the passage .*found 1 fields: 'nur eine Frage'",
        ),
        ("سؤال\t", r"line 2 is not: question"),
        ("a\tb\tc", r"line 2 is not: question.*found 3 fields"),
    ],
)
def test_a_line_that_does_not_fit_is_named(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        read_pairs(write(tmp_path / "pairs.tsv", f"Frage\t{GERMAN}", line), "retrieval")


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(
        InputError, match=r"there is no .*absent\.tsv; give a \.tsv file or a folder in the BEIR layout"
    ):
        read_pairs(tmp_path / "absent.tsv", "retrieval")
    (tmp_path / "picture.tsv").write_bytes(b"\x89PNG\r\n\xff\xfe\x00")
    with pytest.raises(InputError, match=r"picture\.tsv cannot be read"):
        read_pairs(tmp_path / "picture.tsv", "retrieval")


def test_labels_group_texts_and_a_text_has_one(tmp_path):
    path = write(
        tmp_path / "l.tsv", "backup one\tdisk", "Sicherung zwei\tdisk", "密码\tsecrets", "пароль\tsecrets", "x\ty"
    )
    pairs = read_pairs(path, "classification")
    assert pairs.by_label
    assert pairs.relevant == (frozenset({1}), frozenset({0}), frozenset({3}), frozenset({2}))
    assert pairs.itself() == [[0], [1], [2], [3]]
    assert "1 texts are alone with their label" in pairs.notices[0]
    write(path, "密码\tsecrets", "x\ty", "密码\tdisk")
    with pytest.raises(
        InputError, match=r"line 3: the text '密码' has the label 'disk' here, 'secrets' at .*line 1"
    ):
        read_pairs(path, "classification")
    with pytest.raises(InputError, match="has 1 label: texts of at least two are needed"):
        read_pairs(write(path, "a\tdisk", "b\tdisk"), "separation")
    with pytest.raises(InputError, match="tells no labels, which separation learns from"):
        read_pairs(tmp_path, "separation")


def test_a_beir_folder_is_read_by_its_judgements_for_training(tmp_path):
    rows = [{"_id": "d1", "title": "Sicherung", "text": GERMAN}, {"_id": "d2", "text": JAPANESE, "language": "ja"}]
    write(tmp_path / "corpus.jsonl", *(json.dumps(row) for row in rows))
    write(tmp_path / "queries.jsonl", *(json.dumps({"_id": f"q{n}", "text": f"question {n}"}) for n in (1, 2)))
    (tmp_path / "qrels").mkdir()
    write(tmp_path / "qrels/train.tsv", "query-id\tcorpus-id\tscore", "q1\td2\t1")
    write(tmp_path / "qrels/test.tsv", "query-id\tcorpus-id\tscore", "q2\td1\t1")
    pairs = read_pairs(tmp_path, "retrieval")
    assert [query.text for query in pairs.queries] == ["question 1"]
    assert [passage.text for passage in pairs.passages] == [f"Sicherung\n\n{GERMAN}", JAPANESE]
    assert pairs.relevant == (frozenset({1}),)


def made(relevant):
    texts = [Text(f"text {n}", "en") for n in range(1 + max(place for of in relevant for place in of))]
    queries = tuple(Text(f"query {n}", "en") for n in range(len(relevant)))
    return Pairs("made", queries, tuple(texts), tuple(map(frozenset, relevant)))


def test_what_is_measured_on_shares_no_passage_with_what_is_learned_from():
    pairs = made([{n // 2, 50 + n // 4} for n in range(100)])  # families of four queries
    learned, measured = split(pairs, seed=1)
    assert (len(learned), len(measured)) == (80, 20)
    assert not set(learned.queries) & set(measured.queries)
    right = {measured.passages[place] for places in measured.relevant for place in places}
    assert not right & set(learned.passages)
    assert set(measured.passages) == set(pairs.passages)
    for part in (learned, measured):
        for query, places in zip(part.queries, part.relevant, strict=True):
            whole = pairs.relevant[pairs.queries.index(query)]
            assert {part.passages[place] for place in places} == {pairs.passages[place] for place in whole}
    assert split(pairs, seed=1) == (learned, measured)


def test_too_few_pairs_and_pairs_that_all_share_passages_are_refused():
    with pytest.raises(InputError, match="made has 3 queries, at least 50 are needed"):
        split(made([{0}, {1}, {2}]), seed=1)
    with pytest.raises(InputError, match="only 0 of the 60 queries of made share no passage"):
        split(made([{0}] * 60), seed=1)
