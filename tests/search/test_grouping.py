"""Copies and translations of real files, ingested by the command line, become one hit; nothing else does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import docx
import pytest

from jv3search import wiring
from jv3search.cli.commands import cli, run
from jv3search.indexes import Reader
from jv3search.search.duplicates import passage, says_the_same
from jv3search.search.grouping import grouped
from jv3search.types import Filter, Hit

SAMPLES = Path(__file__).parents[2] / "ingest" / "samples"
PAIR = ("backup-en.md", "backup-ja.txt")
OTHERS = ("fahrrad-de.pdf", "bicycle-he.docx", "drucker-de.md", "chess-zh.txt", "wifi-fr.html", "maps-th.html")


@pytest.fixture(scope="module")
def kb(tmp_path_factory) -> Path:
    """An index of samples in small chunks, one of them again as a file and as a docx."""
    root = tmp_path_factory.mktemp("groups")
    documents = root / "documents"
    documents.mkdir()
    for name in (*PAIR, *OTHERS):
        shutil.copy(SAMPLES / name, documents / name)
    (documents / "kopie").mkdir()
    shutil.copy(SAMPLES / "drucker-de.md", documents / "kopie" / "drucker.md")
    written = docx.Document()
    for line in (SAMPLES / "drucker-de.md").read_text(encoding="utf-8").split("\n\n"):
        if line.startswith("#"):
            written.add_heading(line.lstrip("# "), level=line.count("#"))
        else:
            written.add_paragraph(" ".join(line.split()))
    written.save(str(documents / "drucker.docx"))
    with pytest.raises(SystemExit) as ended:
        run(
            cli,
            ["ingest", str(documents), "--index", str(root / "kb"), "--model", "jv3-mini", "--chunk-tokens", "32"],
        )
    assert not ended.value.code
    return root / "kb"


@pytest.fixture(scope="module")
def reader(kb):
    with wiring.open_reader(wiring.settings_for({"index": kb})) as opened:
        yield opened


def ask(reader: Reader, mini, question: str, k: int = 10, **wishes) -> list[Hit]:
    return grouped(
        reader.search(mini.encode_query(question), 60, wishes.get("where", Filter())), reader, k, **wishes
    )


def names(hits) -> list[str]:
    return [Path(hit.uri).name for hit in hits]


def test_a_copy_in_the_same_and_in_another_format_hang_on_the_best(reader, mini):
    hits = ask(reader, mini, "Papierstau: hintere Klappe öffnen")
    assert names(hits)[0] in ("drucker-de.md", "drucker.md", "drucker.docx")
    assert sorted(names([hits[0], *hits[0].copies])) == ["drucker-de.md", "drucker.docx", "drucker.md"]
    assert [hit.rank for hit in hits[0].copies] == [1, 2]
    everything = [(hit.uri, hit.span) for top in hits for hit in (top, *top.copies)]
    assert len(everything) == len(set(everything))
    assert all(not says_the_same(passage(a.text), passage(b.text)) for a in hits for b in hits if a.rank < b.rank)


def test_the_translation_is_found_with_the_passage_and_is_the_right_passage(reader, mini):
    hits = ask(reader, mini, "choose the day from which you want the old version")
    assert names(hits)[0] == "backup-en.md"
    (japanese,) = hits[0].translations
    assert (Path(japanese.uri).name, japanese.language) == ("backup-ja.txt", "ja")
    assert "古い版が欲しい日付を選び" in japanese.text
    shown = ask(reader, mini, "choose the day from which you want the old version", languages=("fr", "ja"))[0]
    assert (shown.chunk_id, shown.rank, shown.score) == (japanese.chunk_id, 1, hits[0].score)
    assert hits[0].chunk_id in [hit.chunk_id for hit in shown.translations]
    same = ask(reader, mini, "choose the day from which you want the old version", languages=("en", "ja"))[0]
    assert same.chunk_id == hits[0].chunk_id


def test_two_passages_of_a_document_with_one_translation_stay_two_hits(tmp_path, mini):
    for name in PAIR:
        shutil.copy(SAMPLES / name, tmp_path / name)
    with pytest.raises(SystemExit):
        run(cli, ["ingest", str(tmp_path), "--index", str(tmp_path / "kb"), "--model", "jv3-mini"])
    with wiring.open_reader(wiring.settings_for({"index": tmp_path / "kb"})) as reader:
        links = reader.aligned([hit.chunk_id for hit in reader.search(mini.encode_query("バックアップ"), 20)])
        assert max(len(others) for others in links.values()) == 2  # the Japanese chunks are longer
        hits = ask(reader, mini, "外付けディスクに最初のコピーを作る", languages=("en",))
    assert [Path(hit.uri).name for hit in hits] == ["backup-en.md"] * 4
    assert [hit.copies for hit in hits] == [()] * 4


def test_a_filter_holds_for_what_hangs_on_a_hit(reader, mini):
    only = Filter(languages=frozenset({"en"}))
    hits = ask(reader, mini, "choose the day from which you want the old version", where=only)
    assert names(hits)[0] == "backup-en.md"
    assert all(other.language == "en" for hit in hits for other in (hit, *hit.copies, *hit.translations))


def test_a_translation_that_was_not_among_the_hits_is_attached(reader, mini):
    best = reader.search(mini.encode_query("choose the day from which you want the old version"), 1)
    (hit,) = grouped(best, reader, 1)
    assert names(hit.translations) == ["backup-ja.txt"]


@pytest.mark.parametrize("question", ["Drucker", "バックアップ", "велосипед", "שרשרת", "棋", "แผนที่", "reseau"])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_there_are_as_many_hits_as_asked_for(reader, mini, question, k):
    hits = ask(reader, mini, question, k)
    assert len(hits) == k
    assert [hit.rank for hit in hits] == list(range(1, k + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_only_the_translated_pair_is_linked(reader):
    linked = {Path(row.uri).name: names_of(reader, row.uri) for row in reader.documents()}
    assert {name: others for name, others in linked.items() if others} == {
        "backup-en.md": ["backup-ja.txt"],
        "backup-ja.txt": ["backup-en.md"],
    }


def test_list_and_show_name_the_translations(kb, jv3):
    listed = jv3("list", "--translations", "--index", kb).out.splitlines()
    at = next(i for i, line in enumerate(listed) if line.endswith("backup-en.md") and not line.startswith(" "))
    assert listed[at + 1].startswith("  also in ja: ")
    assert listed[at + 1].endswith("backup-ja.txt")
    assert sum(line.startswith("  also in") for line in listed) == 2
    shown = json.loads(jv3("show", listed[at], "--index", kb, "--json").out)
    assert [(Path(other["uri"]).name, other["language"]) for other in shown["translations"]] == [
        ("backup-ja.txt", "ja")
    ]
    rows = [json.loads(line) for line in jv3("list", "--translations", "--json", "--index", kb).out.splitlines()]
    assert sum(len(row["translations"]) for row in rows) == 2


def names_of(reader: Reader, uri: str) -> list[str]:
    return [Path(other).name for other, _, _ in reader.translations_of(uri)]


def test_no_hits_no_groups(reader):
    assert grouped([], reader, 10) == []


LETTER = (
    "Sehr geehrte Frau Kumar, hiermit erhalten Sie die Rechnung für die Wartung der Heizungsanlage im {}. " * 3
)
JAPANESE = "外付けディスクを用意してください。ケーブルで接続し、名前が表示されるまで待ちます。初期化するかどうか尋ねられます。"
THAI = "เปิดโปรแกรมแผนที่ขณะเชื่อมต่อไวไฟที่บ้าน ค้นหาเมืองหรือจังหวัดที่จะไป แล้วกดปุ่มดาวน์โหลด"
ARABIC = "افتح نافذة الإعدادات واختر اللغة والمنطقة، ثم أضف لوحة المفاتيح العربية. يظهر رمز صغير."


@pytest.mark.parametrize("text", [LETTER, JAPANESE, THAI, ARABIC, "हर खर्च को एक नई पंक्ति में लिखें।", "Да", "7"])
def test_layout_case_hyphens_and_forms_of_characters_make_no_difference(text):
    for other in (text.upper(), "\n".join(text.split()), text.replace(" ", "\u00a0"), f"• {text} —", text + "\f"):
        assert says_the_same(passage(text), passage(other))
    assert says_the_same(passage("ｶﾞｲﾄﾞ ﬁle"), passage("ガイド file"))
    assert says_the_same(passage("Fahr-\nrad"), passage("Fahrrad"))


def test_small_edits_are_copies_and_a_passage_within_a_shown_one_adds_nothing():
    edited = LETTER.replace("Kumar", "Kuhn", 1)
    assert says_the_same(passage(LETTER), passage(edited))
    longer = (
        JAPANESE
        + "新しい空のディスクの場合だけ「はい」を選びます。書類、写真、音楽、メールなど残したいフォルダーに印を付けます。"
    )
    assert says_the_same(passage(longer), passage(longer.replace("名前", "名称")))
    assert says_the_same(passage(LETTER + JAPANESE), passage(JAPANESE))
    assert not says_the_same(passage(JAPANESE), passage(LETTER + JAPANESE))


def test_what_only_looks_alike_is_not_a_copy():
    assert not says_the_same(passage(LETTER.format("2024", "", "")), passage(LETTER.format("2025", "", "")))
    days = "Dienstag | 10:00 | 19:00\nMittwoch | 10:00 | 19:00\nDonnerstag | 10:00 | {}\n"
    assert not says_the_same(passage(days.format("18:30")), passage(days.format("20:15")))
    assert not says_the_same(passage(ARABIC), passage(THAI))
    assert not says_the_same(passage("***"), passage("---"))
