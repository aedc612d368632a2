"""An index belongs to what made it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jv3search.errors import ConfigError, IndexMismatch, InputError
from jv3search.indexes import open_writer
from jv3search.location import IndexLocation

from .conftest import Place
from .corpus import FULL, MANIFEST, document, done


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": "cd" * 32}, "weights 'abab.*not by .* weights 'cdcd.*another index"),
        ({"prefix": ""}, "prefix 'Represent the document for retrieval: '"),
        ({"chunk_tokens": 512}, "chunk_tokens 256.*chunk_tokens 512"),
        ({"pooling": "mean"}, "pooling 'late'.*pooling 'mean'"),
        ({"chunking": 2}, "chunking 1.*chunking 2"),
        ({"dimension": 64}, "dimension 32.*dimension 64"),
    ],
)
def test_another_manifest_is_refused(local: Place, changed: dict[str, object], message: str) -> None:
    with local.writer():
        pass
    with pytest.raises(IndexMismatch, match=message):
        local.writer(replace(MANIFEST, **changed))
    local.writer().close()  # and the lock is free


def test_same_weights_under_another_name_are_the_same_model(local: Place) -> None:
    with local.writer():
        pass
    with local.writer(replace(MANIFEST, model="/models/jv3")) as writer:
        embedded = document("/a")
        writer.replace(embedded, done(embedded))


def test_dimension_and_kind_are_chosen_once_and_changed_by_reindex(local: Place) -> None:
    with open_writer(local.folder, MANIFEST, dimension=16, kind="flat"):
        pass
    with open_writer(local.folder, MANIFEST):
        pass
    with pytest.raises(IndexMismatch, match=r"dimension 16, not 8: .*reindex --dim 8"):
        open_writer(local.folder, MANIFEST, dimension=8)
    with pytest.raises(IndexMismatch, match=r"kind flat, not ivf: .*reindex --kind ivf"):
        open_writer(local.folder, MANIFEST, kind="ivf")
    with open_writer(local.folder, MANIFEST) as writer:
        writer.reindex(kind="ivf")
        with pytest.raises(InputError, match="dimension 33 is not between 1 and 32"):
            writer.reindex(dimension=FULL + 1)
    with local.reader() as reader:
        assert (reader.dimension, reader.kind) == (16, "ivf")


@pytest.mark.parametrize("dimension", [0, -1, FULL + 1])
def test_impossible_dimensions_make_no_folder(local: Place, dimension: int) -> None:
    with pytest.raises(InputError, match=f"dimension {dimension} is not between"):
        local.writer(dimension=dimension)
    with pytest.raises(InputError, match="kind 'hnsw' is not one of"):
        open_writer(local.folder, MANIFEST, kind="hnsw")
    assert not local.folder.exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///a.sqlite", "neither a folder nor a PostgreSQL database"),
        ("nosuch://host/name", "neither a folder nor a PostgreSQL database"),
        ("postgresql://me:s3cret@host:port/name", r"postgresql://me@host:port/name is not a database URL"),
    ],
)
def test_impossible_databases(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        open_writer(IndexLocation.of(url), MANIFEST)
    assert "s3cret" not in str(caught.value)
