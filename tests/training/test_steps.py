"""From prepared pages to a checkpoint that the package loads: every step, a few batches each, CPU and accelerator."""

import json
import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

settings = pytest.importorskip("training.settings", reason="training/ is not part of the source distribution")

STEPS = ["corpus", "static", "transformer", "adapters", "write"]
SHARE = "0.001"  # three batches for the table, one for the layers, one an adapter
WORDS = {
    "en": ("printer", "The {} is in room {} behind the stairs."),
    "de": ("Drucker", "Der {} steht in Raum {} hinter der Treppe."),
    "ru": ("принтер", "Где {}? В комнате {} за лестницей."),
    "ja": ("プリンター", "{}は階段の裏の{}号室にあります。"),
    "zh-cn": ("打印机", "{}在楼梯后面的{}号房间。"),
    "ar": ("طابعة", "توجد {} في الغرفة {} خلف الدرج."),
    "hi": ("प्रिंटर", "{} सीढ़ी के पीछे कमरा {} में है।"),
    "th": ("เครื่องพิมพ์", "{}อยู่ในห้อง {} หลังบันได"),
}


def page(source, number):
    blocks = [[1, {lang: f"{word} {number}" for lang, (word, _) in WORDS.items()}]]
    for part in range(4):
        blocks.append([2, {lang: f"{word} {number}.{part}" for lang, (word, _) in WORDS.items()}])
        blocks.append(
            [0, {lang: sentence.format(word, 10 * number + part) for lang, (word, sentence) in WORDS.items()}]
        )
    return json.dumps([source, f"{source}/{number}", "doc", blocks], ensure_ascii=False) + "\n"


def handbook(folder):
    """The book that the layers' progress is shown on."""
    sections = [
        f'<h2 class="title"><a id="s{n}"></a>{n}. Title {n}</h2><p>Text {{lang}} {n} says.</p>' for n in range(12)
    ]
    for lang, name in settings.CHOICE_LANGUAGES.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "one.html").write_text("\n".join(sections).format(lang=lang), encoding="utf-8")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder of work as it is after the teacher: pages, tokenizer, half of the English texts' vectors."""
    from training.corpus import key
    from training.prepare import SOURCES
    from training.teacher import SIZE, append

    work = tmp_path_factory.mktemp("work")
    (work / "pages").mkdir()
    for source in SOURCES:
        lines = [page(source, number) for number in range(1, 7)]
        (work / "pages" / f"{source}.jsonl").write_text("".join(lines), encoding="utf-8")
    handbook(work / "tree" / settings.CHOICE_PACKAGE)
    shutil.copy(resources.files("jv3search") / "assets" / "jv3-mini" / "tokenizer.json", work / "tokenizer.json")
    word, sentence = WORDS["en"]
    read = [sentence.format(word, 10 * n + part) for n in range(1, 7) for part in range(0, 4, 2)]
    append(work / "teacher.rows", np.random.default_rng(1).normal(size=(len(read), SIZE)).astype(np.float16))
    append(work / "teacher.keys", np.array([key(text) for text in read], np.uint64))
    return work


def trial(work, *arguments):
    """(vectors by the trained modules, what was shown) of a run of some steps in a process of its own."""
    out = work / "vectors.npz"
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.trial", out, "--share", SHARE, *arguments],
        env=os.environ | {"JV3_TRAINING_WORK": str(work)},
        cwd=Path(settings.ROOT).parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with np.load(out) as found:
        return {task: found[task] for task in found.files}, done.stderr


@pytest.fixture(scope="module")
def trained(prepared, tmp_path_factory):
    """(folder of work, folder of the checkpoint, vectors, what was shown)."""
    checkpoint = tmp_path_factory.mktemp("checkpoint") / "small"
    return prepared, checkpoint, *trial(prepared, *STEPS, "--to", str(checkpoint))


def test_the_checkpoint_embeds_as_the_trained_modules_do(trained):
    from jv3search.encoders.models import load
    from tests.training.trial import TEXTS

    _, checkpoint, ours, _ = trained
    encoder = load(checkpoint)
    for task in settings.TASKS:
        cosines = (encoder.encode(TEXTS, task) * ours[task]).sum(1)
        assert cosines.min() > 0.999, task  # the weights are bfloat16 on disk, float32 in training
    assert (encoder.encode(TEXTS, "retrieval.query") * ours["text-matching"]).sum(1).max() < 0.999


def test_a_step_that_is_done_is_not_done_again(trained):
    work, checkpoint, ours, _ = trained
    before = {path: path.stat().st_mtime_ns for path in work.glob("*.pt")}
    again, shown = trial(work, *STEPS, "--to", str(checkpoint))
    assert {path: path.stat().st_mtime_ns for path in work.glob("*.pt")} == before
    assert "loss" not in shown
    assert all((again[task] == ours[task]).all() for task in settings.TASKS)


def test_layers_and_adapters_learn_on_an_accelerator_what_they_learn_on_the_cpu(trained, tmp_path):
    from tests.training.accelerator import NAME

    work, _, ours, shown = trained
    for name in ("corpus.npz", "static.pt", "tokenizer.json", "teacher.keys", "teacher.rows"):
        shutil.copy(work / name, tmp_path / name)
    shutil.copytree(work / "tree", tmp_path / "tree")
    theirs, also = trial(tmp_path, "transformer", "adapters", "--device", NAME)
    assert "transformer 1/1" in shown and "transformer 1/1" in also
    for task in settings.TASKS:
        assert (theirs[task] * ours[task]).sum(1).min() > 0.9995, task  # five layers in bfloat16


def catalogue(path, texts):
    """A gettext .mo file: magic, version, count, two tables of (length, offset), the texts."""
    path.parent.mkdir(parents=True)
    pairs = sorted((a.encode(), b.encode()) for a, b in texts.items())
    room, bodies, tables = 28 + 16 * len(pairs), b"", ([], [])
    for side in (0, 1):
        for pair in pairs:
            tables[side].append((len(pair[side]), room + len(bodies)))
            bodies += pair[side] + b"\0"
    numbers = [0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0, *np.array(tables).ravel().tolist()]
    path.write_bytes(np.array(numbers, "<u4").tobytes() + bodies)


def test_everyday_language_is_learned_and_the_weights_before_have_their_share(trained, tmp_path):
    import torch

    from training import everyday, everyday_stage
    from training.multilingual import SIZE

    work, _, before, _ = trained
    for name in ("corpus.npz", "static.pt", "transformer.pt", "tokenizer.json", "teacher.keys", "teacher.rows"):
        shutil.copy(work / name, tmp_path / name)
    for name in ("adapters", "pages"):
        shutil.copytree(work / name, tmp_path / name)
    chance = np.random.default_rng(2)
    texts = [(sentence.format(word, n), lang) for lang, (word, sentence) in WORDS.items() for n in range(9)]
    (tmp_path / "everyday").mkdir()
    for kind in everyday.KINDS:
        np.savez(
            tmp_path / "everyday" / f"{kind}.npz",
            texts=np.array([text for text, _ in texts]),
            languages=np.array([lang[:2] for _, lang in texts]),
            vectors=chance.normal(size=(len(texts), SIZE)).astype(np.float16),
        )
    for lang, word in (("de", "Rechnung"), ("th", "ใบแจ้งหนี้")):
        place = tmp_path / "tree" / settings.HOUSEHOLD[0] / "usr/share/locale" / lang / "LC_MESSAGES" / "bank.mo"
        catalogue(place, {"": "Content-Type: text/plain; charset=UTF-8\n", "bill": word})
    after, shown = trial(tmp_path, "everyday")
    assert "everyday table 1/1" in shown and "everyday 1/1" in shown
    cosines = (after["separation"] * before["separation"]).sum(1)
    assert cosines.min() > 0.8 and cosines.max() < 0.99999, cosines
    mean, layers = (torch.load(tmp_path / name, weights_only=True) for name in ("everyday.pt", "transformer.pt"))
    assert mean.keys() == layers.keys()
    assert sum(everyday_stage.WEIGHTS) == pytest.approx(1)
