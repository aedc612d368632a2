"""The keyword index is a cache: lost, damaged, outdated or behind, it finds what an index made anew finds."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest

from jv3search.indexes import keyword_cache
from jv3search.indexes.keywords import files
from jv3search.types import Filter, Hit
from tests.legs import keyword

from .conftest import Place
from .corpus import Oracle, document, done
from .test_damage import flip_bits

WORDS = ("road", "flusses река", "河流", "नदी crosses 1.3", '"🚲"')


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes at which a few documents make several segments."""
    for name, size in {"AT_ONCE": 60, "_IN_MEMORY": 20, "MOST_CHUNKS": 150}.items():
        monkeypatch.setattr(keyword_cache, name, size)


def segments(place: Place) -> list[Path]:
    return sorted(place.folder.glob("*.segment"))


def asked(place: Place) -> tuple[list[list[tuple[str, str, float]]], list[str]]:
    """What is found, and the notices."""
    with place.reader() as reader:
        found = [keyword(reader, words, 40) for words in WORDS]
        found.append(keyword(reader, "road река", 9, Filter(without=("river",), phrases=("пересекает реку",))))
        assert reader.status().wordless == 0
        return [[plain(hit) for hit in hits] for hits in found], reader.notices


def plain(hit: Hit) -> tuple[str, str, float]:
    return hit.uri, hit.text, hit.score


def anew(oracle: Oracle, folder: Path) -> list[list[tuple[str, str, float]]]:
    """What an index finds into which the documents come in the order of their chunks, in one go."""
    place = Place(folder)
    with place.writer() as writer:
        for embedded in oracle.documents.values():
            writer.replace(embedded, done(embedded))
    return asked(place)[0]


def filled(place: Place, oracle: Oracle, count: int = 12) -> None:
    with place.writer() as writer:
        for number in range(count):
            embedded = document(f"/{number}", 20, seed=number)
            writer.replace(embedded, done(embedded))
            oracle.replace(embedded)
    assert writer.notices == []


@pytest.mark.usefixtures("small")
def test_damaged_and_missing_segments_are_made_again_and_others_stay(place: Place) -> None:
    filled(place, Oracle())
    whole, notices = asked(place)
    every = segments(place)
    assert (len(every), notices) == (4, [])
    dice = np.random.default_rng(1)
    for at, hurt in enumerate(every):
        if at == 0:
            hurt.unlink()
        elif at == 1:
            os.truncate(hurt, hurt.stat().st_size // 2)
        else:
            flip_bits(hurt, dice)
        times = {path: path.stat().st_mtime_ns for path in every if path != hurt}
        found, notices = asked(place)
        assert found == whole
        assert [note.split(" is damaged; its keywords are made")[0] for note in notices] == [str(hurt)] * (at > 0)
        assert times == {path: path.stat().st_mtime_ns for path in times}
        assert asked(place) == (whole, [])
        every = [path for path in segments(place) if path != hurt]
        with place.writer():
            pass
        every = segments(place)
        assert len(every) == 4


def test_segments_of_other_terms_or_another_catalog_do_not_fit(local: Place) -> None:
    filled(local, Oracle())
    whole, _ = asked(local)
    [path] = segments(local)
    content = path.read_bytes()
    [file] = files.saved(local.folder)
    for part, other in ((file.terms, "0" * 8), (file.identity, "f" * 8)):
        path.unlink(missing_ok=True)
        wrong = path.with_name(path.name.replace(part, other))
        wrong.write_bytes(content)
        assert asked(local) == (whole, [])
        with local.writer():
            assert not wrong.exists()
        assert asked(local) == (whole, [])


@pytest.mark.usefixtures("small")
def test_any_sequence_of_changes_finds_what_an_index_made_anew_finds(tmp_path: Path) -> None:
    """With a reader that stays open meanwhile, and one that is opened then."""
    place, oracle, dice = Place(tmp_path / "index"), Oracle(), random.Random(4)
    filled(place, oracle, 3)
    with place.reader() as reader:
        for turn in range(25):
            with place.writer() as writer:
                for _ in range(dice.choice((1, 1, 4))):
                    uri = f"/{dice.randrange(14)}"
                    oracle.documents.pop(uri, None)
                    if dice.random() < 0.3:
                        writer.remove(uri)
                        continue
                    embedded = document(uri, dice.choice((1, 7, 30)), seed=dice.randrange(9), version=turn)
                    writer.replace(embedded, done(embedded))
                    oracle.replace(embedded)
                    keyword(reader, "road", 3)
                if turn % 8 == 7:
                    writer.reindex(dimension=dice.choice((8, 16)))
            found = [plain(hit) for hit in keyword(reader, WORDS[0], 40)]
            if turn % 6 == 0:
                expected = anew(oracle, tmp_path / f"anew {turn}")
                assert asked(place) == (expected, [])
                assert found == expected[0]
            assert len(segments(place)) < 12
        assert reader.notices == []


def test_a_search_sees_one_state(local: Place) -> None:
    filled(local, Oracle(), 3)
    with local.reader() as reader, reader.snapshot() as before, local.writer() as writer:
        embedded = document("/0", 20, seed=8, version=77)
        writer.replace(embedded, done(embedded))
        assert (before.match("77", 9), len(before.match("river", 9))) == ([], 8)
        with reader.snapshot() as after:
            [(chunk, _, _)] = after.match("77", 1)
        assert chunk > 60
        assert len(before.keywords().ids) == 60


def test_what_a_killed_writer_left_is_cleared_away(local: Place) -> None:
    filled(local, Oracle(), 3)
    whole, _ = asked(local)
    (local.folder / "0123.unfinished").write_bytes(b"half a segment")
    [path] = segments(local)
    [file] = files.saved(local.folder)
    later = path.with_name(path.name.replace(f"-{file.generation}-", "-99-"))
    later.write_bytes(b"of a generation that the catalog, from a backup, has not reached")
    assert asked(local) == (whole, [])
    with local.writer():
        assert {one.suffix for one in local.folder.iterdir()} == {".sqlite", ".sqlite-wal", ".sqlite-shm", ".lock", ".faiss", ".segment"}  # fmt: skip
        assert segments(local) == [path]


def test_a_folder_without_room_is_said(local: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with local.writer() as writer:
        embedded = document("/a", 20, seed=1)
        writer.replace(embedded, done(embedded))
        monkeypatch.setattr("jv3search.indexes.keywords.segment.Segment.save", full)
    assert "the keywords could not be saved; they will be made again" in writer.notices[0]
    monkeypatch.undo()
    with local.reader() as reader:
        assert len(keyword(reader, "road", 40)) == 3
