"""`jv3search train-adapter` with the bundled model: what is made, what is refused, and what an index says to it."""

import json
import re
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from jv3search import knowledge_base
from jv3search.cli.commands import cli, run
from jv3search.encoders.models import MINI, default_model, load, locate
from jv3search.fine_tuning.pairs import read_pairs
from jv3search.fine_tuning.tune import Request, tune
from tests.conftest import TEXTS, write_corpus

COMMITTED = Path(__file__).parents[1] / "evaluation" / "multilingual"
"""80 queries in eight languages about ten subjects, in the BEIR layout."""


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def made(models):
    """The model "mine" in the models folder, tuned for a single epoch, and what the command printed."""
    command = ["train-adapter", COMMITTED, "--model", MINI, "--epochs", 1, "--rate", "1e-4", "--json"]
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("JV3SEARCH_MODELS", str(models))
        with pytest.raises(SystemExit) as ended:
            run(cli, [*map(str, command), "--out", str(models / "mine")])
    assert not ended.value.code, err.getvalue()
    return json.loads(out.getvalue()), err.getvalue()


@pytest.fixture(autouse=True)
def here(models, monkeypatch):
    monkeypatch.setenv("JV3SEARCH_MODELS", str(models))


def test_a_tuned_model_is_made_with_its_figures(made, models):
    found, told = made
    assert (found["learned_from"], found["measured_on"], found["steps"]) == (64, 16, 1)
    assert found["folder"] == str(models / "mine")
    assert found["worse"] == []
    pairs = {(cell["query"], cell["document"]) for cell in found["before"]["cells"]}
    assert {("ar", "th"), ("ja", "zh"), ("hi", "any")} <= pairs
    assert len(found["changes"]) == 64
    assert "jv3search reindex --model mine" in told
    assert not (models / "mine.partial").exists()
    facts = json.loads((models / "mine" / "fine_tuning.json").read_text(encoding="utf-8"))
    assert (facts["model"], facts["task"], facts["licence"]) == (MINI, "retrieval", "Apache-2.0")
    assert facts["after"] == found["after"]


def test_it_is_listed_verified_and_named_but_never_chosen_by_itself(made, models, jv3):
    listed = json.loads(jv3("model", "list", "--json").out)
    mine = next(model for model in listed if model["name"] == "mine")
    assert (mine["here"], mine["note"]) == (True, "jv3-mini tuned for retrieval on multilingual, 80 queries")
    assert jv3("model", "verify", "mine").status == 0
    assert default_model(models) == MINI
    tuned, bundled = (load(locate(name, models)) for name in ("mine", MINI))
    for task, same in (("retrieval.query", False), ("retrieval.passage", False), ("separation", True)):
        assert np.array_equal(tuned.encode(["バックアップ"], task), bundled.encode(["バックアップ"], task)) == same


def test_an_index_refuses_the_tuned_model_until_it_is_embedded_again(made, jv3, index, tmp_path):
    refused = jv3("search", "Wie ersetze ich die Tintenpatrone?", "--index", index, "--model", "mine")
    assert refused.status == 1
    assert f"jv3search reindex --index {index} --model mine" in refused.err
    more = jv3("ingest", write_corpus(tmp_path / "more"), "--index", index, "--model", "mine")
    assert "embed this one again with `jv3search reindex --model mine`" in more.err
    with knowledge_base.open(index) as kb:
        before = {
            uri: (kb.reader.chunks(uri), kb.reader.embeddings(uri)) for uri in (r.uri for r in kb.documents())
        }
        ledger = kb.reader.ledger()
    done = jv3("reindex", "--index", index, "--model", "mine")
    assert (done.status, done.out.strip()) == (
        0,
        f"{index} is now searched with mine at 256 dimensions, kind auto.",
    )
    with knowledge_base.open(index) as kb:
        assert kb.reader.manifest.model == "mine"
        assert kb.reader.ledger() == ledger
        assert len(before) == len(kb.documents()) == len(TEXTS)
        for uri, (chunks, rows) in before.items():
            assert kb.reader.chunks(uri) == chunks  # the same tokenizer cuts alike
            assert not np.allclose(kb.reader.embeddings(uri), rows, atol=1e-4)
            text = kb.reader.text(uri)
            again = kb.encoder.encode_document(text, [chunk.span for chunk in chunks])
            assert np.allclose(kb.reader.embeddings(uri), again, atol=2e-3)  # stored as float16
        assert "drucker.de.txt" in kb.search("Wie ersetze ich die Tintenpatrone?").hits[0].uri
    assert "was made by mine already" in jv3("reindex", "--index", index, "--model", "mine").err


def test_a_reindex_that_is_cut_off_changes_nothing(made, index):
    with knowledge_base.open(index) as kb:
        stamp, rows = kb.reader.stamp(), [kb.reader.embeddings(row.uri) for row in kb.documents()]

    class Cut:
        def __init__(self, count, what):
            self.left = 3

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def __call__(self):
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    with knowledge_base.open(index, model="mine") as kb, pytest.raises(KeyboardInterrupt):
        kb.embed_again(Cut)
    with knowledge_base.open(index) as kb:
        assert (kb.reader.manifest.model, kb.reader.stamp()) == (MINI, stamp)
        assert all(
            np.array_equal(a, kb.reader.embeddings(row.uri)) for a, row in zip(rows, kb.documents(), strict=True)
        )
        assert kb.search("パスワード").hits


@contextmanager
def cut_off(count, what):
    """Progress that is interrupted after the first step of learning."""

    def step():
        if what == "learning":
            raise KeyboardInterrupt

    yield step


def test_an_interrupted_run_goes_on_and_says_so(jv3, models, tmp_path):
    lines = [f"第{n}号是什么？\tNummer {n} ist eine Kiste mit {n * 3} Äpfeln.\n" for n in range(50)]
    pairs, out = tmp_path / "pairs.tsv", models / "goes-on"
    pairs.write_text("".join(lines), encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        tune(Request(MINI, models, "retrieval", out, epochs=1, rate=1e-4), read_pairs(pairs, "retrieval"), cut_off)
    assert not out.exists()
    again = jv3("train-adapter", pairs, "--model", MINI, "--rate", "1e-4", "--epochs", 1, "--out", out)
    assert again.status == 0, again.err
    assert "went on after 1 of 1 steps of an earlier run" in again.err
    assert (out / "fine_tuning.json").is_file()
    assert not (models / "goes-on.partial").exists()


def test_a_model_that_became_worse_is_refused_with_the_figures(jv3, models, tmp_path):
    """Pairs that the model knows, and a rate at which everything is forgotten."""
    things = ["printer", "backup", "password", "network", "keyboard", "map", "font", "telescope"]
    places = ["kitchen", "cellar", "garden", "office", "library", "garage", "attic", "museum"]
    pairs = [(f"{thing} in the {place}", f"The {place} has a {thing}.") for thing in things for place in places]
    lines = [f"{question}\t{passage}\n" for question, passage in pairs]
    (tmp_path / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    out = models / "ruined"
    asked = ("train-adapter", tmp_path / "pairs.tsv", "--model", MINI, "--task", "text-matching", "--out", out)
    outcome = jv3(*asked, "--epochs", 2, "--rate", "0.5")
    assert outcome.status == 1
    refusal = outcome.err.split("Refused: worse than before by more than its interval")[1]
    assert re.search(
        r"\w+ -> \w+: nDCG@10 \d\.\d+ before, \d\.\d+ after, -\d\.\d+ \(-\d\.\d+ to -\d\.\d+, n=", refusal
    )
    assert not out.exists()
    assert (models / "ruined.partial" / "model" / "config.json").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_told_with_what_to_do(jv3, models, tmp_path):
    """What is written first goes to a device that is always full."""
    lines = [f"Was ist Nummer {n}?\tNummer {n} ist eine Kiste.\n" for n in range(50)]
    (tmp_path / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    work = models / "little.partial"
    work.mkdir()
    (work / "state.new").symlink_to("/dev/full")
    command = ("train-adapter", tmp_path / "pairs.tsv", "--model", MINI, "--epochs", 1)
    outcome = jv3(*command, "--out", models / "little")
    assert outcome.status == 1
    assert f"Error: {work} cannot be written to (No space left on device): free some space and run" in outcome.err
    assert not (models / "little").exists()


def test_every_option_of_the_guide_exists():
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "fine-tuning.md").read_text(encoding="utf-8")
    lines = [line.split() for line in re.findall(r"^    jv3search (.+)$", guide, flags=re.M)]
    assert len(lines) >= 4
    for name, *words in lines:
        known = {option for of in cli.get_command(None, name).params for option in of.opts}
        assert {word for word in words if word.startswith("--")} <= known
    options = set(re.findall(r"^\| `(--[a-z]+)", guide, flags=re.M)) - {"--task"}
    assert options <= {option for of in cli.get_command(None, "train-adapter").params for option in of.opts}


def test_what_cannot_be_trained_on_is_refused_before_anything_is_written(jv3, index, models, tmp_path):
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("Wie?\tSo.\n何ですか\tこれです。\nماذا؟\tهذا.\n", encoding="utf-8")
    for arguments, message in (
        ([], "give either PAIRS or --silver"),
        ([pairs, "--silver"], "give either PAIRS or --silver"),
        ([tmp_path / "absent.tsv"], "there is no"),
        ([pairs, "--task", "nothing"], "'nothing' is not one of 'retrieval', 'text-matching'"),
        ([pairs, "--out", tmp_path / "out"], "pairs.tsv has 3 queries, at least 50 are needed"),
        ([pairs, "--out", index], f"{index} exists: name another folder with --out"),
        (["--silver", "--index", tmp_path / "no-index"], "there is no index in"),
        (["--silver", "--index", index], "no section has its own heading and at least 120 characters below it"),
        (["--silver", "--index", index, "--task", "separation"], "at least 50 are needed"),
        (["--silver", "--index", index, "--task", "classification"], "an index tells no labels"),
        ([pairs, "--index", index, "--task", "text-matching"], "--index goes with the task retrieval"),
        ([pairs, "--model", "absent"], "there is no model 'absent'"),
    ):
        outcome = jv3("train-adapter", *([] if "--model" in arguments else ["--model", MINI]), *arguments)
        assert outcome.status == (2 if "nothing" in arguments else 1), arguments
        assert message in outcome.err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial").exists()
