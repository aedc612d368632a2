"""Settings: flags over environment over file over defaults; what does not fit is an error."""

from pathlib import Path

import pytest

from jv3search.config import Settings, load_settings
from jv3search.errors import ConfigError
from jv3search.location import IndexLocation, MilvusLocation


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_defaults():
    settings = load_settings({}, {})
    assert (settings.documents, settings.index) == (Path("ingest"), IndexLocation(Path("indexes/default")))
    assert (settings.model, settings.dimension, settings.chunk_tokens) == ("", 0, 256)


def test_flags_win_over_environment_over_file():
    Path("jv3search.toml").write_text('index = "from-file"\nchunk_tokens = 64\nmodel = "jv3-mini"\n')
    environment = {"JV3SEARCH_INDEX": "from-environment", "JV3SEARCH_CHUNK_TOKENS": "128", "PATH": "/bin"}
    settings = load_settings({"index": "from-flag", "model": None}, environment)
    assert settings == Settings(index=IndexLocation(Path("from-flag")), chunk_tokens=128, model="jv3-mini")


@pytest.mark.parametrize(
    ("file", "environment", "message"),
    [
        ("colour = 1", {}, r"jv3search\.toml sets 'colour', which is not a setting; there are: documents"),
        ("", {"JV3SEARCH_DIMENSON": "64"}, "the environment sets 'dimenson'"),
        ('dimension = "many"', {}, "sets dimension to 'many'; expected a whole number"),
        ("dimension = -1", {}, "must be at least 0"),
        ('engine = "tpu"', {}, "sets engine to 'tpu'; expected one of auto, cuda, mps, openvino, torch"),
        (
            "",
            {"JV3SEARCH_PRECISION": "int4"},
            "sets precision to 'int4'; expected one of auto, f32, bf16, f16, int8",
        ),
        ("chunk_tokens = 5", {}, "must be at least 16"),
        ("documents = 5", {}, "sets documents to 5; expected a path"),
        ('index = ""', {}, "sets index to ''; expected a path"),
        ("dimension = true", {}, "sets dimension to True"),
        ("dimension = [", {}, "cannot be read"),
        ("", {"JV3SEARCH_CONFIG": "absent.toml"}, r"absent\.toml named by JV3SEARCH_CONFIG does not exist"),
    ],
)
def test_what_does_not_fit_is_named(file, environment, message):
    Path("jv3search.toml").write_text(file)
    with pytest.raises(ConfigError, match=message):
        load_settings({}, environment)


def test_milvus_is_where_the_vectors_of_the_index_are_searched():
    environment = {"JV3SEARCH_MILVUS_URL": "http://milvus:19530", "JV3SEARCH_MILVUS_TOKEN": "anna:s3cret"}
    settings = load_settings({"index": "wissen"}, environment)
    assert settings.index == IndexLocation(
        Path("wissen"), milvus=MilvusLocation("http://milvus:19530", "anna:s3cret")
    )
    assert "s3cret" not in f"{settings!r} {settings.index!r} {settings.index.milvus}"


def test_the_token_of_a_server_is_a_secret_and_no_setting():
    assert load_settings({}, {"JV3SEARCH_TOKEN": "a-secret-of-many-characters"}) == load_settings({}, {})
