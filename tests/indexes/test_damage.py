"""Damage: vectors heal themselves from the catalog; a damaged catalog or a full disk is said in words."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from jv3search.errors import IndexMismatch, IndexNotFound, JV3SearchError, StorageError
from jv3search.indexes import open_reader, open_writer
from jv3search.indexes.catalog.errors import as_storage_errors
from jv3search.indexes.checked_file import checksum
from jv3search.indexes.vectors import files
from jv3search.types import Filter
from tests.legs import dense, keyword

from .conftest import Place
from .corpus import MANIFEST, Oracle, check_dense, document, done, rows

QUERIES = rows(5, seed=98)


def filled(place: Place, count: int = 10, size: int = 40) -> Oracle:
    oracle = Oracle()
    with place.writer() as writer:
        for number in range(count):
            embedded = document(f"/{number}.txt", size, seed=number)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
    return oracle


def vectors(folder: Path) -> Path:
    [found] = folder.glob("vectors-*.faiss")
    return found


def compare(place: Place, oracle: Oracle) -> list[str]:
    with place.reader() as reader:
        for query in QUERIES:
            check_dense(reader, oracle, query, 6)
        return reader.notices


def flip_bits(path: Path, rng: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content), size=3):
        content[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_flipped_bits_in_the_vectors_are_noticed_and_healed(tmp_path: Path, kind: str) -> None:
    """FAISS loads damaged files and answers wrongly without a word: 106 of 900 in our trials."""
    place = Place(tmp_path, kind)
    oracle = filled(place)
    rng = np.random.default_rng(3)
    for _ in range(10):
        flip_bits(vectors(tmp_path), rng)
        notices = compare(place, oracle)
        assert len(notices) == 1
        assert "is damaged; it is rebuilt" in notices[0]
        assert compare(place, oracle) == []  # the reader put a good file in its place


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_truncated_vectors_are_healed(local: Place, share: float) -> None:
    oracle = filled(local)
    path = vectors(local.folder)
    os.truncate(path, int(path.stat().st_size * share))
    assert "is damaged" in compare(local, oracle)[0]
    assert compare(local, oracle) == []


def test_vectors_that_are_gone_are_built_without_a_word(local: Place) -> None:
    oracle = filled(local)
    vectors(local.folder).unlink()
    assert compare(local, oracle) == []
    assert vectors(local.folder).exists()


def test_vectors_with_a_right_checksum_that_faiss_cannot_read_are_healed(local: Place) -> None:
    oracle = filled(local)
    path = vectors(local.folder)
    path.write_bytes(b"not from FAISS")
    [file] = files.saved(local.folder)
    name = path.name.replace(file.checksum, checksum(path))
    path.rename(path.with_name(name))
    assert "cannot be read" in compare(local, oracle)[0]


def test_vectors_of_an_older_format_are_made_again(local: Place) -> None:
    """Files of 0.1's first builds end with FAISS's index; today the languages of the chunks follow."""
    oracle = filled(local)
    path = vectors(local.folder)
    content = path.read_bytes()
    path.write_bytes(content[: -8 - int.from_bytes(content[-8:], "little")])
    name, _, _ = path.stem.rpartition("-")
    path.rename(path.with_name(f"{name}-{checksum(path)}.faiss"))
    assert "cannot be read; it is rebuilt" in compare(local, oracle)[0]
    assert compare(local, oracle) == []


def test_stale_vectors_are_topped_up_with_what_came_and_what_left(local: Place) -> None:
    oracle = filled(local)
    path = vectors(local.folder)
    old = path.read_bytes()
    with local.writer() as writer:
        for number in (1, 3):
            embedded = document(f"/{number}.txt", 5, seed=number, version=1)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
        writer.remove("/5.txt")
        del oracle.documents["/5.txt"]
    assert path.exists()  # so little has changed that the old ones still serve
    assert compare(local, oracle) == []
    for number in range(20, 30):
        embedded = document(f"/{number}.txt", 40, seed=number)
        with local.writer() as writer:
            writer.replace(embedded, done(embedded))
        oracle.replace(embedded)
    assert not path.exists()
    vectors(local.folder).unlink()
    path.write_bytes(old)  # as from a backup
    assert compare(local, oracle) == []


def test_vectors_of_another_catalog_are_not_taken_for_ours(tmp_path: Path) -> None:
    """A catalog made anew reaches the generation of the old one's vectors."""
    place = Place(tmp_path / "index")
    filled(place)
    old = vectors(place.folder)
    shutil.move(old, tmp_path / old.name)
    shutil.rmtree(place.folder)
    oracle = Oracle()
    with place.writer() as writer:
        for number in range(10):
            embedded = document(f"/neu/{number}", 40, seed=50 + number)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
    vectors(place.folder).unlink()
    shutil.move(tmp_path / old.name, place.folder / old.name)
    assert compare(place, oracle) == []
    with place.writer():
        assert not (place.folder / old.name).exists()


def test_vectors_newer_than_a_catalog_from_a_backup_are_not_used(local: Place) -> None:
    oracle = filled(local)
    backup = (local.folder / "catalog.sqlite").read_bytes()
    filled_later = [document(f"/spät/{number}", 40, seed=70 + number) for number in range(10)]
    with local.writer() as writer:
        for embedded in filled_later:
            writer.replace(embedded, done(embedded))
    for path in local.folder.glob("catalog.sqlite*"):
        path.unlink()
    (local.folder / "catalog.sqlite").write_bytes(backup)
    assert compare(local, oracle) == []


def test_what_a_killed_save_left_is_swept_up(local: Place) -> None:
    filled(local, count=1)
    left = local.folder / "0123.unfinished"
    left.write_bytes(b"half")
    with local.writer():
        assert not left.exists()


def test_damaged_catalog_is_said_in_words(local: Place) -> None:
    filled(local)
    path = local.folder / "catalog.sqlite"
    for damage in (b"this is no database at all" * 400, path.read_bytes()[:5000]):
        path.write_bytes(damage)
        for name in ("-wal", "-shm"):
            path.with_name(path.name + name).unlink(missing_ok=True)
        with pytest.raises(StorageError, match="catalog is damaged; restore it from a backup"):
            dense(open_reader(local.folder), QUERIES[0], 5)
        with pytest.raises(StorageError, match=r"catalog.sqlite: .*damaged"):
            open_writer(local.folder, MANIFEST)


def test_any_damage_to_the_catalog_is_an_error_of_ours_or_none(local: Place) -> None:
    filled(local, count=4)
    path = local.folder / "catalog.sqlite"
    good = path.read_bytes()
    rng = np.random.default_rng(11)
    seen = 0
    for _ in range(40):
        content = bytearray(good)
        start = int(rng.integers(len(good) - 600))
        content[start : start + 600] = rng.bytes(600)
        path.write_bytes(content)
        for saved in local.folder.glob("*.faiss"):
            saved.unlink()
        try:
            with local.reader() as reader:
                dense(reader, QUERIES[0], 500)
                keyword(
                    reader, "road река 河流 सड़क الطريق Straße 0.1 1.2*", 500, Filter(without=("nothing here",))
                )
                reader.documents()
                reader.ledger()
                reader.status()
        except JV3SearchError:
            seen += 1
    assert seen > 10


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE chunk SET start = -5 WHERE id = 3",
        "UPDATE body SET pages = '[[1, 0, 999999, \"\"]]'",
        'UPDATE body SET sections = \'{"no": "list"}\'',
        "UPDATE index_info SET recipe = '{\"model\": 1}'",
        "UPDATE index_info SET recipe = 'no JSON'",
        "DELETE FROM body",
        "DELETE FROM chunk WHERE id = 3",
        "UPDATE embedding SET rows = x'00'",
    ],
)
def test_contents_that_contradict_themselves_are_damage(local: Place, damage: str) -> None:
    embedded = document("/0.txt", 5)
    with local.writer() as writer:
        writer.replace(embedded, done(embedded))
    vectors(local.folder).unlink()
    with sqlite3.connect(local.folder / "catalog.sqlite") as connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(StorageError, match="the catalog is damaged"), local.reader() as reader:
        dense(reader, QUERIES[0], 5)
        reader.document("/0.txt")
        pytest.fail("nothing was noticed")


def test_damaged_embeddings_are_never_searched(local: Place) -> None:
    filled(local, count=2)
    with sqlite3.connect(local.folder / "catalog.sqlite") as connection:
        blob = bytearray(connection.execute("SELECT rows FROM embedding WHERE first = 1").fetchone()[0])
        blob[100] ^= 4
        connection.execute("UPDATE embedding SET rows = ? WHERE first = 1", (bytes(blob),))
    connection.close()
    vectors(local.folder).unlink()
    with local.reader() as reader, pytest.raises(StorageError, match=r"the vectors of /0\.txt"):
        dense(reader, QUERIES[0], 5)


def test_folder_without_index(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound, match=r"no index in .*nirgends.*ingest"):
        open_reader(tmp_path / "nirgends")
    sqlite3.connect(tmp_path / "catalog.sqlite").close()
    with pytest.raises(IndexNotFound, match=str(tmp_path)):
        open_reader(tmp_path)
    assert not (tmp_path / "nirgends").exists()


def test_index_of_another_version(local: Place) -> None:
    filled(local, count=1)
    with sqlite3.connect(local.folder / "catalog.sqlite") as connection:
        connection.execute("UPDATE index_info SET schema = 99")
    connection.close()
    with pytest.raises(IndexMismatch, match="format 99"):
        open_reader(local.folder)
    with pytest.raises(IndexMismatch, match="format 99"):
        open_writer(local.folder, MANIFEST)


def full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_full_disk_when_the_vectors_are_saved_loses_nothing(local: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", full)
    oracle = Oracle()
    embedded = document("/a", 30)
    oracle.replace(embedded)
    with local.writer() as writer:
        writer.replace(embedded, done(embedded))
    assert "could not be saved" in writer.notices[0]
    assert "No space left" in writer.notices[0]
    assert not list(local.folder.glob("*.unfinished"))
    monkeypatch.undo()
    assert compare(local, oracle) == []


def test_full_disk_in_the_catalog_is_said_in_words_and_loses_nothing(local: Place) -> None:
    oracle = filled(local, count=3)
    big = document("/groß", 3000, seed=3)
    with local.writer() as writer:
        connection = writer._catalog._engine.raw_connection()
        pages = connection.cursor().execute("PRAGMA page_count").fetchone()[0]
        connection.cursor().execute(f"PRAGMA max_page_count = {pages + 3}")  # beyond it, the disk is full
        connection.close()
        with pytest.raises(StorageError, match="the disk is full; free some space"):
            writer.replace(big, done(big))
        assert set(writer.documents()) == set(oracle.documents)
        assert writer.remove("/0.txt")  # the writer still works
        del oracle.documents["/0.txt"]
    assert compare(local, oracle) == []


def test_a_bug_in_a_search_is_not_taken_for_damage(local: Place) -> None:
    """Any ValueError was once told as "the catalog is damaged; delete it"."""
    filled(local, count=1)
    with local.reader() as reader:
        for bug, raised in ((lambda: json.loads("{"), json.JSONDecodeError), (lambda: int("七x"), ValueError)):
            with pytest.raises(raised), reader.snapshot():
                bug()


def test_what_is_no_text_or_no_time_is_damage(local: Place) -> None:
    filled(local, count=2)
    path = local.folder / "catalog.sqlite"
    good = path.read_bytes()
    for damage in (
        "UPDATE document SET title = CAST(x'e6e7' AS TEXT)",
        "UPDATE document SET modified = 9e18",
        "UPDATE ledger SET checked_at = 'gestern'",
    ):
        path.write_bytes(good)
        with sqlite3.connect(path) as connection:
            connection.execute(damage)
        connection.close()
        with local.reader() as reader, pytest.raises(StorageError, match="the catalog is damaged"):
            reader.documents()
            reader.ledger()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (sqlite3.SQLITE_FULL, "the disk is full"),
        (sqlite3.SQLITE_IOERR_READ, "the disk reports an error"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "it cannot be written to"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "the database is busy"),
        (sqlite3.SQLITE_CORRUPT_VTAB, "the catalog is damaged"),
        (sqlite3.SQLITE_INTERRUPT, "the catalog cannot be used: Datenträger voll, locked"),
    ],
)
def test_faults_are_told_by_their_codes_not_by_their_words(code: int, message: str) -> None:
    fault = sqlite3.OperationalError("Datenträger voll, locked")
    fault.sqlite_errorcode = code
    with pytest.raises(StorageError, match=f"^/kb: {message}"), as_storage_errors("/kb"):
        raise fault


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "it cannot be used"), (errno.ENOENT, "it is gone")],
)
def test_faults_of_the_system_too(number: int, message: str) -> None:
    with pytest.raises(StorageError, match=f"^/kb: {message}"), as_storage_errors("/kb"):
        raise OSError(number, "不明")
