"""Copies and translations of real files, ingested by the command line, become one hit; nothing else does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import docx
import pytest

from jv3search import knowledge_base
from jv3search.cli.commands import cli, run
from jv3search.indexes import IndexReader
from jv3search.readers import SandboxedReader
from jv3search.search.duplicates import candidates, near_duplicate, normalized
from jv3search.search.grouping import grouped
from jv3search.types import Filter, Hit
from tests.legs import dense_hits

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
    with knowledge_base.open(kb) as opened:
        yield opened.reader


def ask(reader: IndexReader, mini, question: str, k: int = 10, **options) -> list[Hit]:
    with reader.snapshot() as index:
        found = dense_hits(index, mini.encode_query(question), 60, options.get("where", Filter()))
        return grouped(found, index, k, **options)


def names(hits) -> list[str]:
    return [Path(hit.uri).name for hit in hits]


def test_a_copy_in_the_same_and_in_another_format_hang_on_the_best(reader, mini):
    hits = ask(reader, mini, "Papierstau: hintere Klappe öffnen")
    assert names(hits)[0] in ("drucker-de.md", "drucker.md", "drucker.docx")
    assert sorted(names([hits[0], *hits[0].copies])) == ["drucker-de.md", "drucker.docx", "drucker.md"]
    assert [hit.rank for hit in hits[0].copies] == [1, 2]
    everything = [(hit.uri, hit.span) for top in hits for hit in (top, *top.copies)]
    assert len(everything) == len(set(everything))
    assert all(
        not near_duplicate(normalized(a.text), normalized(b.text)) for a in hits for b in hits if a.rank < b.rank
    )


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
    english, japanese = PAIR
    shutil.copy(SAMPLES / english, tmp_path / english)
    with SandboxedReader() as read:  # without blank lines there are no headings to cut at
        text = read.read(SAMPLES / japanese).text.replace("\n\n", "\n")
    (tmp_path / japanese).write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit):
        run(cli, ["ingest", str(tmp_path), "--index", str(tmp_path / "kb"), "--model", "jv3-mini"])
    with knowledge_base.open(tmp_path / "kb") as opened:
        reader = opened.reader
        with reader.snapshot() as index:
            links = index.aligned(
                [hit.chunk_id for hit in dense_hits(index, mini.encode_query("バックアップ"), 20)]
            )
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
    with reader.snapshot() as index:
        best = dense_hits(index, mini.encode_query("choose the day from which you want the old version"), 1)
        (hit,) = grouped(best, index, 1)
    assert names(hit.translations) == ["backup-ja.txt"]


@pytest.mark.parametrize("question", ["Drucker", "バックアップ", "велосипед", "שרשרת", "棋", "แผนที่", "reseau"])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_there_are_as_many_hits_as_asked_for(reader, mini, question, k):
    hits = ask(reader, mini, question, k)
    assert len(hits) == k
    assert [hit.rank for hit in hits] == list(range(1, k + 1))
    z = [hit.legs[0].z for hit in hits]
    assert z == sorted(z, reverse=True)


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


def names_of(reader: IndexReader, uri: str) -> list[str]:
    return [Path(other).name for other, _, _ in reader.translations_of(uri)]


def test_no_hits_no_groups(reader):
    with reader.snapshot() as index:
        assert grouped([], index, 10) == []


LETTER = (
    "Sehr geehrte Frau Kumar, hiermit erhalten Sie die Rechnung für die Wartung der Heizungsanlage im {}. " * 3
)
JAPANESE = "外付けディスクを用意してください。ケーブルで接続し、名前が表示されるまで待ちます。初期化するかどうか尋ねられます。"
THAI = "เปิดโปรแกรมแผนที่ขณะเชื่อมต่อไวไฟที่บ้าน ค้นหาเมืองหรือจังหวัดที่จะไป แล้วกดปุ่มดาวน์โหลด"
ARABIC = "افتح نافذة الإعدادات واختر اللغة والمنطقة، ثم أضف لوحة المفاتيح العربية. يظهر رمز صغير."


@pytest.mark.parametrize("text", [LETTER, JAPANESE, THAI, ARABIC, "हर खर्च को एक नई पंक्ति में लिखें।", "Да", "7"])
def test_layout_case_hyphens_and_forms_of_characters_make_no_difference(text):
    for other in (text.upper(), "\n".join(text.split()), text.replace(" ", "\u00a0"), f"• {text} —", text + "\f"):
        assert near_duplicate(normalized(text), normalized(other))
    assert near_duplicate(normalized("ｶﾞｲﾄﾞ ﬁle"), normalized("ガイド file"))
    assert near_duplicate(normalized("Fahr-\nrad"), normalized("Fahrrad"))


def test_small_edits_are_copies_and_a_passage_within_a_shown_one_adds_nothing():
    edited = LETTER.replace("Kumar", "Kuhn", 1)
    assert near_duplicate(normalized(LETTER), normalized(edited))
    longer = (
        JAPANESE
        + "新しい空のディスクの場合だけ「はい」を選びます。書類、写真、音楽、メールなど残したいフォルダーに印を付けます。"
    )
    assert near_duplicate(normalized(longer), normalized(longer.replace("名前", "名称")))
    assert near_duplicate(normalized(LETTER + JAPANESE), normalized(JAPANESE))
    assert not near_duplicate(normalized(JAPANESE), normalized(LETTER + JAPANESE))


def test_what_only_looks_alike_is_not_a_copy():
    assert not near_duplicate(normalized(LETTER.format("2024", "", "")), normalized(LETTER.format("2025", "", "")))
    days = "Dienstag | 10:00 | 19:00\nMittwoch | 10:00 | 19:00\nDonnerstag | 10:00 | {}\n"
    assert not near_duplicate(normalized(days.format("18:30")), normalized(days.format("20:15")))
    assert not near_duplicate(normalized(ARABIC), normalized(THAI))
    assert not near_duplicate(normalized("***"), normalized("---"))


def test_every_near_duplicate_is_a_candidate_and_few_others_are():
    sentences = [
        "Die Miete ist am ersten Werktag des Monats fällig, und zwar auf das Konto der Hausverwaltung.",
        "Please feed the cat twice a day while we are away; the food is in the cupboard under the stairs.",
        "家賃は毎月一日までに管理会社の口座へ振り込んでください。遅れる場合は事前に連絡をお願いします。",
        "Оплата за квартиру вносится до пятого числа каждого месяца на счёт управляющей компании.",
        "يُدفع الإيجار في أول يوم عمل من كل شهر إلى حساب شركة إدارة المبنى، ويرجى الاتصال عند التأخير.",
        "ค่าเช่าต้องชำระภายในวันที่หนึ่งของทุกเดือน เข้าบัญชีของบริษัทผู้ดูแลอาคาร",
    ]
    long = [" ".join((first, second)) for first in sentences for second in sentences if first != second]
    worn = [text.upper().replace(" ", "\n")[: len(text) * 19 // 20] for text in long]
    short = ["", "—", "ab", "abc", "鍵", "Wi-Fi", "wifi", "WLAN-Schlüssel", "wlan schlüssel!", *sentences]
    texts = [normalized(text) for text in (*long, *worn, *short)]
    found = candidates(texts)
    pairs = [(a, b) for a in range(len(texts)) for b in range(len(texts)) if near_duplicate(texts[a], texts[b])]
    assert len(pairs) > 100
    assert all(b in found[a] for a, b in pairs)
    assert found[texts.index(normalized("鍵"))] == {texts.index(normalized("鍵"))}
    assert found[len(long) + len(worn)] == set()
    assert sum(map(len, candidates([normalized(text) for text in sentences]))) == len(sentences)
