"""What a stranger's browser may send: names in many scripts and of ill will, contents that are not what they say."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from jv3search.config import Settings
from jv3search.errors import EmptyDocument, InputError, ReadError, UnsupportedFormat
from jv3search.ingest.roots import folders_of, roots_of, within
from jv3search.ingest.uploads import check, clean_name, store

SAMPLES = Path(__file__).parents[2] / "ingest" / "samples"
MB = 1_000_000


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\Windows\\system.ini", "system.ini"),
        ("/absolute/путь/отчёт.docx", "отчёт.docx"),
        ("a\0b\n\tc\x7f.txt", "abc.txt"),
        ("paper\u202efdp.exe.txt", "paperfdp.exe.txt"),  # right-to-left override
        ("\u2066zero\u200bwidth\ufeff\u2069.md", "zerowidth.md"),
        ("نامه\u200cها.txt", "نامه\u200cها.txt"),  # the joiner is part of the Persian word
        ("क्\u200dष.txt", "क्\u200dष.txt"),
        ("  .hidden.txt", "hidden.txt"),
        ("trailing. . .", "trailing"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("console.txt", "console.txt"),
        ('a<b>:"c"|d?*.txt', "a_b___c__d__.txt"),
        ("many   spaces\u00a0\u3000here.txt", "many spaces here.txt"),
        ("Zoe\u0308.pdf", "Zo\u00eb.pdf"),
        ("議事録（最終版）.pdf", "議事録（最終版）.pdf"),
        ("รายงาน.odt", "รายงาน.odt"),
        ("lone\ud800surrogate.txt", "lonesurrogate.txt"),
        ("", "document"),
        ("../..", "document"),
        ("\u202e\u202d", "document"),
        ("<img src=x onerror=alert(1)>.md", "_img src=x onerror=alert(1)_.md"),
    ],
)
def test_a_name_is_cleaned(sent, kept):
    assert clean_name(sent) == kept
    assert clean_name(kept) == kept


@pytest.mark.parametrize("letter", ["a", "й", "अ", "漢", "👩\u200d👩\u200d👧", "e\u0301\u0323"])
def test_a_long_name_loses_whole_characters_and_keeps_its_suffix(letter):
    short = clean_name(letter * 400 + ".pdf")
    assert short.endswith(".pdf")
    assert 140 < len(short.encode()) <= 180
    assert set(short.removesuffix(".pdf")) <= set(clean_name(letter))
    assert clean_name(short) == short


def test_a_suffix_that_is_none_is_cut_like_the_rest():
    assert len(clean_name("x." + "y" * 400).encode()) == 180


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.iterdir() if not path.name.startswith(".")))
def test_every_sample_is_taken_for_what_it_is(name):
    suffix = Path(name).suffix.removeprefix(".")
    assert check(name, (SAMPLES / name).read_bytes(), 200 * MB) == suffix


def bomb():
    """A docx of 30 kB that unpacks to 30 MB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * (30 * MB))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "error", "words"),
    [
        ("leer.txt", b"", EmptyDocument, r"leer\.txt is empty"),
        ("большой.txt", b"x" * (2 * MB + 1), ReadError, "большой.txt is 2 MB; the limit for one file is 2 MB"),
        ("bild.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 50, UnsupportedFormat, "not text"),
        ("program.pdf", b"MZ\x90\0\x03\0\0\0" + b"\0" * 60, UnsupportedFormat, r"named \.pdf but"),
        ("архив.zip", b"PK\x03\x04" + b"\0" * 30, UnsupportedFormat, r"no reader for files named \*\.zip"),
        ("文書.docx", b"hello", UnsupportedFormat, "looks like plain text, not a docx file"),
        ("no-suffix", b"hello", UnsupportedFormat, "a file without a suffix"),
    ],
)
def test_what_is_not_a_document_is_refused_with_the_reason(name, data, error, words):
    with pytest.raises(error, match=words):
        check(name, data, 2 * MB)


def test_an_archive_that_promises_too_much_is_refused_unopened():
    with pytest.raises(
        ReadError, match=r"'word/document\.xml' unpacks to [\d,]+ times its size; the limit is 200"
    ):
        check("報告.docx", bomb(), 200 * MB)


def test_a_pdf_under_a_false_name_is_taken_for_a_pdf():
    assert check("brief.txt", (SAMPLES / "handbook-en.pdf").read_bytes(), 200 * MB) == "pdf"


def test_files_of_one_name_are_numbered_and_the_same_file_is_stored_once(tmp_path):
    folder = tmp_path / "uploads"
    first = store(folder, "отчёт.txt", b"one")
    second = store(folder, "../отчёт.txt", b"two!")
    third = store(folder, "отчёт.txt", b"six")
    assert [path.name for path in (first, second, third)] == ["отчёт.txt", "отчёт (2).txt", "отчёт (3).txt"]
    assert store(folder, "отчёт.txt", b"two!") == second
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "отчёт.txt": b"one", "отчёт (2).txt": b"two!", "отчёт (3).txt": b"six",
    }  # fmt: skip


def test_a_link_that_waits_under_the_name_is_not_followed(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("keep me")
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "notes.txt").symlink_to(secret)
    (tmp_path / "uploads" / "loose.txt").symlink_to(tmp_path / "absent.txt")
    assert store(tmp_path / "uploads", "notes.txt", b"keep me").name == "notes (2).txt"
    assert store(tmp_path / "uploads", "loose.txt", b"mine").name == "loose (2).txt"
    assert secret.read_text() == "keep me"
    assert not (tmp_path / "absent.txt").exists()


@pytest.fixture
def tree(tmp_path):
    """Two roots, a folder outside, and ways that pretend to lead inside."""
    for folder in ("a/deep/er", "b", "outside", "a/.hidden"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "a" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a" / "loop")
    return tmp_path


def test_the_roots_are_the_documents_unless_others_are_named(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert roots_of(Settings(documents=Path("a"))) == (tree.resolve() / "a",)
    assert roots_of(Settings(documents=Path("a"), roots=f"b{os.pathsep}outside")) == (
        tree.resolve() / "b",
        tree.resolve() / "outside",
    )


@pytest.mark.parametrize("path", ["a", "a/deep", "b", "a/../b", "a/deep/../../b"])
def test_what_lies_within_the_roots_is_allowed(tree, path):
    roots = roots_of(Settings(roots=f"{tree / 'a'}{os.pathsep}{tree / 'b'}"))
    assert within(tree / path, roots) == (tree / path).resolve()


@pytest.mark.parametrize(
    "path",
    ["outside", "a/../outside", "a/link", "a/link/x", "a/loop", "", "/etc/passwd", "ab", "a\0b", "~nobody-here/x"],
)
def test_what_leaves_the_roots_is_refused(tree, path):
    with pytest.raises(InputError):
        within(
            Path(path) if path.startswith(("/", "~")) else tree / path, roots_of(Settings(roots=str(tree / "a")))
        )


def test_the_folders_on_offer_are_neither_hidden_nor_links(tree):
    root = tree.resolve() / "a"
    assert list(folders_of([root])) == [root, root / "deep", root / "deep" / "er"]
