"""What is read, what is refused with the line that does not fit, and what is kept back."""

import json
from contextlib import nullcontext

import pytest

from jv3search import knowledge_base
from jv3search.config import load_settings
from jv3search.encoders.models import MINI
from jv3search.errors import InputError
from jv3search.fine_tuning.held_out import split
from jv3search.fine_tuning.pairs import Pairs, Text, read_pairs
from jv3search.fine_tuning.sources import pairs_from

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
        ("nur eine Frage", r"pairs\.tsv, line 2 is 'nur eine Frage'; it must be: question, a tab, the passage"),
        ("سؤال\t", r"line 2 is 'سؤال\\t'; it must be: question"),
        ("a\tb\tc", r"line 2 is 'a\\tb\\tc'; it must be: question"),
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
    for content in ("", "\n \n", "question\tpassage\n"):
        (tmp_path / "empty.tsv").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=r"empty\.tsv has nothing to learn from; each line must be: question"):
            read_pairs(tmp_path / "empty.tsv", "retrieval")
    with pytest.raises(InputError, match=r"no .*corpus\.jsonl; .* or train\.tsv to learn from"):
        read_pairs(tmp_path, "retrieval")
    (tmp_path / "picture.tsv").write_bytes(b"\x89PNG\r\n\xff\xfe\x00")
    with pytest.raises(InputError, match=r"picture\.tsv cannot be read: byte 1 is not UTF-8; save it"):
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
    left_out = "queries without a relevant document, left out: 1"
    assert pairs.notices == ("judgements of train.tsv; test.tsv left out", left_out)
    (tmp_path / "qrels/train.tsv").unlink()
    pairs = read_pairs(tmp_path, "retrieval")
    assert [query.text for query in pairs.queries] == ["question 2"]
    assert pairs.notices == ("judgements of test.tsv, for there is no train.tsv", left_out)


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


@pytest.fixture(scope="module")
def manuals(tmp_path_factory):
    """An index of a manual in two languages that are translations of each other, section by section."""
    folder = tmp_path_factory.mktemp("manuals")
    for language, sections in MANUALS.items():
        text = "".join(f"# {title}\n\n{body}\n\n" for title, body in sections)
        (folder / f"manual.{language}.md").write_text(text, encoding="utf-8")
    with knowledge_base.open(folder / "kb", create=True, model=MINI, chunk_tokens=48) as kb:
        kb.ingest(folder)
    return folder / "kb"


MANUALS = {
    "en": [
        ("Making backups", "A backup is a copy of your files on another disk. Make a backup every week, label the disk 17, and keep it in another room than the computer."),
        ("Replacing the cartridge", "When the printer prints pale pages, open the flap at the front, take out the empty cartridge 4512 and insert a new one until it clicks into place."),
        ("Choosing a password", "A safe password is long and hard to guess. Use at least 14 characters, never the same one for two sites, and keep all of them in a password manager."),
    ],
    "de": [
        ("Sicherungen anlegen", "Eine Sicherung ist eine Kopie Ihrer Dateien auf einer anderen Platte. Legen Sie jede Woche eine Sicherung an, nennen Sie die Platte 17 und verwahren Sie sie in einem anderen Zimmer als den Computer."),
        ("Die Patrone wechseln", "Wenn der Drucker blasse Seiten druckt, öffnen Sie die Klappe an der Vorderseite, nehmen Sie die leere Patrone 4512 heraus und setzen Sie eine neue ein, bis sie einrastet."),
        ("Ein Passwort wählen", "Ein sicheres Passwort ist lang und schwer zu erraten. Nehmen Sie mindestens 14 Zeichen, nie dasselbe für zwei Seiten, und verwahren Sie alle in einem Passwortspeicher."),
    ],
}  # fmt: skip


def made_from(index, task, path=None, named=None):
    settings = load_settings({"index": index, "model": MINI})
    return pairs_from(path, named, settings, task, lambda count, what: nullcontext(lambda: None))


def test_headings_of_an_index_are_queries_for_what_stands_below_them_in_each_language(manuals):
    pairs = made_from(manuals, "retrieval")
    titles = [title for language in ("de", "en") for title, _ in MANUALS[language]]
    assert [query.text for query in pairs.queries] == titles
    right = {
        q.text: {pairs.passages[p].text for p in places}
        for q, places in zip(pairs.queries, pairs.relevant, strict=True)
    }
    for place in range(3):
        bodies = {MANUALS[language][place][1] for language in MANUALS}
        for language in MANUALS:
            assert MANUALS[language][place][1] in right[MANUALS[language][place][0]]
            assert right[MANUALS[language][place][0]] <= bodies  # none of another section
    assert any(len(bodies) == 2 for bodies in right.values())


def test_translated_passages_and_documents_are_pairs_of_the_other_tasks(manuals):
    matching = made_from(manuals, "text-matching")
    assert {(matching.queries[0].language, matching.passages[0].language)} == {("de", "en")}
    separation = made_from(manuals, "separation")
    assert (
        {separation.queries[0].language}
        == {separation.passages[p].language for p in separation.relevant[0]}
        == {"de"}
    )


def test_passages_of_an_index_are_told_apart_but_not_the_right_one_nor_its_translation(manuals, tmp_path):
    path = write(tmp_path / "pairs.tsv", f"what to do about pale print\t{MANUALS['en'][1][1]}")
    pairs = made_from(manuals, "retrieval", path, named=manuals)
    assert pairs.relevant == (frozenset({0}),)
    others = [passage.text for passage in pairs.passages[1:]]
    assert len(others) >= 2
    assert any("password" in text or "Passwort" in text for text in others)
    assert not any("pale pages" in text or "blasse Seiten" in text for text in others)
