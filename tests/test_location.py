"""Where an index is, and that nobody reads a password where it is printed."""

from pathlib import Path

import pytest

from jv3search.errors import ConfigError
from jv3search.location import IndexLocation, MilvusLocation

SECRET = "s3c:r/et?"


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("given", ["wissen 知識", "a:b/c", Path("postgresql:/no url")])
def test_a_folder(given):
    found = IndexLocation.of(given)
    assert (found.folder, found.url, str(found)) == (Path(given), "", str(given))
    assert found.secret == str(found.resolved()) == str(Path(given).absolute())
    assert IndexLocation.of(found) is found


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://db/kb", "postgresql://db/kb"),
        (f"postgresql+psycopg://anna:{SECRET}@db:5432/kb", "postgresql+psycopg://anna@db:5432/kb"),
        ("postgresql://anna:@db/kb", "postgresql://anna@db/kb"),
        (f"postgresql://db/kb?user=anna&PassWord={SECRET}", "postgresql://db/kb?user=anna"),
        ("postgresql://db/kb?sslpassword=x&host=%2Ftmp", "postgresql://db/kb?host=%2Ftmp"),
    ],
)
def test_a_database(url, shown, tmp_path):
    found = IndexLocation.of(url)
    assert (found.url, found.secret, str(found.resolved())) == (url, url, shown)
    assert SECRET not in f"{found} {found!r} {found.resolved()!r}"
    assert found.folder.parent == tmp_path / "jv3search" / "indexes"
    assert IndexLocation.of(shown).folder == found.folder  # a new password finds the same caches
    assert IndexLocation.of("postgresql://db/other").folder != found.folder


def test_a_password_that_would_be_taken_for_the_host():
    with pytest.raises(ConfigError, match="more than one @: write %40") as caught:
        IndexLocation.of("postgresql://anna:s3@cret@db/kb")
    assert "cret" not in str(caught.value)


def test_a_milvus_is_a_server_or_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for url in ("http://milvus:19530", "https://milvus.example/base"):
        assert MilvusLocation.of(url, "token") == MilvusLocation(url, "token")
    assert str(MilvusLocation.of("知識.db")) == str(tmp_path / "知識.db")
    index = IndexLocation(Path("kb"), milvus=MilvusLocation.of("http://milvus:19530"))
    assert index.resolved().milvus is index.milvus


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://anna:s3cret@milvus:19530", "has an @: .* set JV3SEARCH_MILVUS_TOKEN to user:password"),
        ("milvus:19530", "milvus:19530 is not a Milvus .* a URL like http://host:19530, or a file"),
        ("postgresql://db/kb.db", "is not a Milvus"),
        ("http:///", "is not a Milvus"),
    ],
)
def test_what_is_no_milvus(url, message):
    with pytest.raises(ConfigError, match=message) as caught:
        MilvusLocation.of(url)
    assert "s3cret" not in str(caught.value)
