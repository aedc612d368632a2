"""Packages come from an archive made here: unknown ones are named, broken downloads stop, kills leave nothing behind."""

import hashlib
import shutil
import subprocess

import pytest

pytest.importorskip("training.settings", reason="training/ is not part of the source distribution")
pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="there is no apt-get here")


def package(archive, name):
    """Build a package with one file and return its stanza of the archive's index."""
    folder = archive / "build" / name
    (folder / "DEBIAN").mkdir(parents=True)
    (folder / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1:2.0\nArchitecture: all\nMaintainer: a <a@b.example>\nDescription: {name}\n"
    )
    (folder / "usr").mkdir()
    (folder / "usr" / f"{name}.txt").write_text(f"здесь {name}", encoding="utf-8")
    deb = archive / f"{name}_2.0_all.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", folder, deb], check=True, capture_output=True)
    control = (folder / "DEBIAN" / "control").read_text()
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    return f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n\n"


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive of two packages, and the training's fetch pointed at it."""
    from training import fetch

    folder = tmp_path / "archive"
    folder.mkdir()
    stanzas = [package(folder, name) for name in ("manual-ja", "manual-de")]
    (folder / "Packages").write_text("".join(stanzas))
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{folder} ./\n")
    for key, value in {
        "Dir::State::Lists": str(tmp_path / "lists"),
        "Dir::State::status": "/dev/null",
        "Dir::Etc::sourcelist": str(tmp_path / "sources.list"),
        "Dir::Etc::sourceparts": "/dev/null",
    }.items():
        monkeypatch.setitem(fetch.APT, key, value)
    for name in ("DEBS", "TREE", "LISTS"):
        monkeypatch.setattr(fetch, name, tmp_path / name.lower())
    return folder


def test_packages_are_unpacked_and_unknown_ones_named(archive, tmp_path, capfd):
    from training import fetch

    (tmp_path / "debs" / "partial").mkdir(parents=True)
    whole = (archive / "manual-de_2.0_all.deb").read_bytes()
    half = tmp_path / "debs" / "partial" / "manual-de_1%3a2.0_all.deb"
    half.write_bytes(whole[: len(whole) // 2])  # what a kill leaves
    wanted = ["manual-de", "manual-fr", "manual-ja"]
    fetch.fetch_indexes()
    fetch.download(wanted)
    fetch.unpack(wanted)
    assert "not in this archive: manual-fr" in capfd.readouterr().err
    for name in ("manual-de", "manual-ja"):
        assert (tmp_path / "tree" / name / "usr" / f"{name}.txt").read_text(encoding="utf-8") == f"здесь {name}"
    assert (tmp_path / "debs" / half.name).read_bytes() == whole
    assert not list((tmp_path / "debs" / "partial").iterdir())
    shutil.rmtree(archive)
    fetch.download(["manual-de", "manual-ja"])  # here already: nothing is asked for


def test_a_package_that_cannot_be_had_stops_the_run_with_apts_words(archive):
    from training import fetch

    fetch.fetch_indexes()
    (archive / "manual-ja_2.0_all.deb").unlink()
    with pytest.raises(SystemExit, match=r"(?s)could not be downloaded.*manual-ja_2.0_all.deb"):
        fetch.download(["manual-de", "manual-ja"])


def test_an_index_that_cannot_be_had_stops_the_run_and_is_asked_for_again(archive, tmp_path):
    from training import fetch

    (archive / "Packages").rename(tmp_path / "away")
    with pytest.raises(SystemExit, match="package index could not be read"):
        fetch.fetch_indexes()
    (tmp_path / "away").rename(archive / "Packages")
    fetch.fetch_indexes()
    fetch.download(["manual-ja"])
    assert [path.name for path in (tmp_path / "debs").glob("*.deb")] == ["manual-ja_1%3a2.0_all.deb"]
