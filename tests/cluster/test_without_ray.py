"""What needs no cluster: addresses, folders, what a worker refuses, and a shard on the disk."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import jv3search
from jv3search.errors import ClusterError, StorageError
from jv3search.ingest.cluster import shards, worker
from jv3search.ingest.embed import Embedder
from jv3search.ingest.plan import make_plan
from jv3search.ingest.walk import find_files

needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="Ray is not installed: make test-ray")


@pytest.fixture
def manifest(tmp_path):
    with jv3search.open(tmp_path / "kb", create=True, model="jv3-mini") as kb:
        return kb.manifest()


@pytest.fixture
def recipe(manifest, tmp_path):
    folder = shards.make_folder(tmp_path / "shards", manifest)
    return worker.Recipe(manifest, Path("absent"), "auto", "auto", 1, folder)


def test_without_ray_the_message_says_how_to_install_it(tmp_path, documents):
    """In a process that cannot import Ray, installed or not."""
    code = "import sys; sys.modules['ray'] = None; from jv3search.cli import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "ingest",
        documents,
        "--index",
        tmp_path / "kb",
        "--on",
        "local-cluster",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "pip install 'jv3search[ray]'" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "kb").exists()


@pytest.mark.parametrize(
    "on", ["machine7", "ray://", "ray://machine7", "ray://machine7:port", "http://machine7:10001"]
)
def test_an_address_that_is_none_is_refused(jv3, documents, tmp_path, on):
    outcome = jv3("ingest", documents, "--index", tmp_path / "kb", "--on", on, "--shards", tmp_path)
    assert outcome.status != 0
    assert f"{on!r} names no cluster: use local-cluster, auto" in outcome.err


@needs_ray
@pytest.mark.parametrize("on", ["auto", "ray://127.0.0.1:10001"])
def test_machines_must_share_a_folder(jv3, documents, tmp_path, on):
    outcome = jv3("ingest", documents, "--index", tmp_path / "kb", "--on", on)
    assert outcome.status != 0
    assert f"--on {on} needs --shards FOLDER: a folder that all machines of the cluster share" in outcome.err


def test_shards_without_a_cluster_are_refused(jv3, documents, tmp_path):
    outcome = jv3("ingest", documents, "--index", tmp_path / "kb", "--shards", tmp_path)
    assert outcome.status == 2
    assert "--shards goes with --on" in outcome.err


@needs_ray
def test_an_address_at_which_nobody_answers(jv3, documents, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        on = f"ray://127.0.0.1:{nobody.getsockname()[1]}"
        outcome = jv3("ingest", documents, "--index", tmp_path / "kb", "--on", on, "--shards", tmp_path / "shards")
    assert outcome.status != 0
    assert f"no Ray cluster answers at {on} (Connection refused)" in outcome.err
    with jv3search.open(tmp_path / "kb") as kb:
        assert kb.documents() == []


def test_a_folder_that_cannot_be_made(manifest, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StorageError, match=r"shards cannot be written to .*file/below: Not a directory; name another"
    ):
        shards.make_folder(tmp_path / "file" / "below", manifest)


def test_a_worker_says_what_it_lacks(recipe, documents):
    document = documents / "сеть.ru.txt"
    worker.check(recipe, document)
    with pytest.raises(ClusterError, match=r"does not see .*нет\.txt: documents must have the same path"):
        worker.check(recipe, documents / "нет.txt")
    with pytest.raises(ClusterError, match=r"does not see the shards in .*: name a folder with --shards that all"):
        worker.check(replace(recipe, shards=recipe.shards.parent / "elsewhere"), document)
    with pytest.raises(ClusterError, match=r"has jv3search .*, this is 9\.9: install the same version"):
        worker.check(replace(recipe, version="9.9"), document)
    with pytest.raises(ClusterError, match=r"other weights .*: copy the same model"):
        worker.check(replace(recipe, manifest=replace(recipe.manifest, weights="0" * 64)), document)
    with pytest.raises(ClusterError, match=r"the worker on .*: the model jina-embeddings-v3 is not in"):
        worker.check(replace(recipe, manifest=replace(recipe.manifest, model="jina-embeddings-v3")), document)


def test_a_worker_that_cannot_write_shards_says_so(recipe, documents):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # root may write anywhere
    try:
        with pytest.raises(ClusterError, match=r"cannot write to the shards in .*: File too large"):
            worker.check(recipe, documents / "сеть.ru.txt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_shard_is_what_was_embedded_to_the_bit_and_is_found_by_its_file(recipe, documents):
    plan = make_plan(find_files([documents], leave_out=Path("absent")), [documents], {})
    encoder = worker.DocumentEncoder(recipe, 1)
    for planned in plan.of("add"):
        ready, prepared = worker.read(planned, recipe)
        expected = Embedder(encoder._encoder, lambda item: None, lambda tokens: None).embed([prepared])[0]
        (path,) = encoder.embed([None], prepared).shards
        shard = shards.load(path, ready.source)
        assert (shard.key, shard.tokens) == (prepared.key, ready.tokens)
        for field in ("source", "document", "language", "chunks"):
            assert getattr(shard.embedded, field) == getattr(expected, field)
        assert np.array_equal(shard.embedded.embeddings, expected.embeddings)
        assert shard.embedded.vectors.keys() == expected.vectors.keys()
        assert all(
            np.array_equal(shard.embedded.vectors[task], expected.vectors[task]) for task in expected.vectors
        )
        again, nothing = worker.read(planned, recipe)
        assert (again.shard, again.key, nothing) == (path, ready.key, None)
        under_another_name = replace(ready.source, uri=f"{ready.source.uri}.md")
        assert shards.find(recipe.shards, under_another_name) is None


def test_what_a_worker_left_half_written_is_swept_up_later(manifest, tmp_path):
    folder = shards.make_folder(tmp_path, manifest)
    now, old = folder / "0123.unfinished", folder / "4567.unfinished"
    for left in (now, old):
        left.write_bytes(b"PAR1")
    os.utime(old, (0, 0))  # of one that was killed long ago
    shards.make_folder(tmp_path, manifest)
    assert (now.exists(), old.exists()) == (True, False)


def test_another_model_or_way_of_splitting_is_another_folder(manifest, tmp_path):
    own = shards.make_folder(tmp_path, manifest)
    assert shards.is_folder_of(own, manifest)
    assert shards.make_folder(tmp_path, replace(manifest, model="/the/same/weights")) == own
    for change in (
        {"weights": "0" * 64},
        {"chunking": 99},
        {"dimension": 8},
        {"chunk_tokens": 64},
        {"precision": "int8"},
    ):
        other = shards.make_folder(tmp_path, replace(manifest, **change))
        assert other != own
        assert not shards.is_folder_of(other, manifest)
