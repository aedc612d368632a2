"""The training's dictionaries: dictd's files read, one page a headword, two blocks an explanation."""

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
