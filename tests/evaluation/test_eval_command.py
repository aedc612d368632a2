"""`jv3search eval` as a person runs it: the committed multilingual set, baselines, one's own index."""

from __future__ import annotations

import json
from pathlib import Path

MULTILINGUAL = Path(__file__).parent / "multilingual"
LANGUAGES = ["ar", "de", "en", "hi", "ja", "ru", "th", "zh"]

# Measured when this was written: dense 0.854 and 0.763, hybrid 0.859 and 0.763. The floor is well below that, for
# jv3-mini is trained again now and then and each cell has only ten queries; what breaks the encoder, the chunker
# or the fusion falls much deeper (a random order has 0.45).
FLOOR = {"same_language": 0.75, "across_languages": 0.65}
FLOOR_OF_A_CELL = 0.48


def evaluated(jv3, *arguments: object) -> dict:
    outcome = jv3("eval", *arguments, "--model", "jv3-mini", "--json")
    assert outcome.status == 0, outcome.err
    return json.loads(outcome.out)


def cells(run: dict, measure: str) -> dict[tuple[str, str], float]:
    return {(cell["query"], cell["document"]): cell[measure]["mean"] for cell in run["cells"]}


def test_the_multilingual_set_stays_above_its_floor(jv3):
    """Eight languages in six scripts, each asked for in each: what CI keeps of retrieval quality."""
    found = evaluated(jv3, MULTILINGUAL, "--mode", "hybrid,dense")
    assert (found["dataset"], found["queries"]) == ("multilingual", 80)
    for run in found["runs"]:
        quality = cells(run, "nDCG@10")
        assert {a for a, _ in quality} == set(LANGUAGES) and len(quality) == 72
        assert {cell["n"] for cell in run["cells"]} == {10}
        below = {
            which: of["mean"] for which, of in run["means"]["nDCG@10"].items() if of["mean"] < FLOOR.get(which, 0)
        }
        below |= {pair: value for pair, value in quality.items() if "any" not in pair and value < FLOOR_OF_A_CELL}
        assert not below, (run["mode"], below)


# -- a small set of one's own, in four scripts ------------------------------------------------------


def small_set(folder: Path, *, wrong: bool = False) -> Path:
    """Three languages; nobody asks in Russian for a Thai document."""
    texts = {
        "en": "When paper is stuck in the printer, switch it off and pull the sheet out slowly.",
        "ru": "Чтобы сменить пароль сети, откройте страницу маршрутизатора.",
        "th": "ผนังหนาทำให้สัญญาณไวไฟอ่อนลง",
    }
    queries = {"en": "paper jam in the printer", "ru": "сменить пароль сети"}
    pairs = [("en", "en"), ("en", "ru"), ("ru", "ru"), ("ru", "en")]
    write_lines(folder / "corpus.jsonl", [{"_id": key, "text": text} for key, text in texts.items()])
    write_lines(folder / "queries.jsonl", [{"_id": key, "text": text} for key, text in queries.items()])
    right = {"en": "en", "ru": "ru"} if not wrong else {"en": "ru", "ru": "en"}
    (folder / "qrels").mkdir()
    rows = [f"{query}\t{right[query]}\t1" for query, document in pairs if query == document]
    (folder / "qrels/test.tsv").write_text("\n".join([*rows, "en\tth\t1", ""]), encoding="utf-8")
    return folder


def write_lines(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def test_empty_cells_are_dashes_and_no_mean_goes_over_them(jv3, tmp_path):
    outcome = jv3("eval", small_set(tmp_path / "set"), "--mode", "dense", "--model", "jv3-mini")
    assert outcome.status == 0
    lines = [line.split() for line in outcome.out.splitlines()]
    assert ["nDCG@10", "en", "ru", "th", "any"] in lines
    assert ["en", "1.000", "-", "1.000"] in [line[:4] for line in lines]
    assert ["ru", "-", "1.000", "-", "1.000"] in lines
    assert "same language: 1.000 (mean of 2 cells)" in outcome.out
    assert "across languages: 1.000 (mean of 1 cell, 3 empty left out)" in outcome.out
    assert "all cells: no mean, 3 cells of the matrix empty (en→ru, ru→en, ru→th)" in outcome.out


def test_a_baseline_holds_until_something_gets_worse(jv3, tmp_path):
    good = small_set(tmp_path / "good")
    ask = ("--mode", "dense", "--model", "jv3-mini")
    assert jv3("eval", good, *ask, "--save", tmp_path / "base.json").status == 0
    same = jv3("eval", good, *ask, "--baseline", tmp_path / "base.json")
    assert (same.status, "Not worse than the baseline" in same.err) == (0, True)
    bad = small_set(tmp_path / "bad" / "good", wrong=True)  # a search that finds the other document
    worse = jv3("eval", bad, *ask, "--baseline", tmp_path / "base.json")
    assert worse.status == 1
    assert "dense late 256 en→any RR@100: 1.000 before" in worse.err
    assert "dense late 256 en→en nDCG@10: 1.000 before, not there now" in worse.err


def test_a_loss_within_the_tolerance_is_no_regression(jv3, tmp_path):
    folder, base = small_set(tmp_path / "set"), tmp_path / "base.json"
    ask = ("eval", folder, "--mode", "dense", "--model", "jv3-mini")
    assert jv3(*ask, "--save", base).status == 0
    saved = json.loads(base.read_text())
    saved["runs"][0]["cells"][0]["nDCG@10"]["mean"] += 0.05
    base.write_text(json.dumps(saved))
    assert jv3(*ask, "--baseline", base).status == 1
    assert jv3(*ask, "--baseline", base, "--tolerance", "0.06").status == 0


def test_poolings_and_dimensions_are_runs_of_their_own(jv3, tmp_path):
    found = evaluated(
        jv3, small_set(tmp_path / "set"), "--mode", "dense,keyword", "--pooling", "late,naive", "--dims", "32,256"
    )
    runs = [(run["pooling"], run["dimension"], run["mode"]) for run in found["runs"]]
    assert runs == [(p, d, m) for p in ("late", "naive") for d in (32, 256) for m in ("dense", "keyword")]
    late, naive = (cells(found["runs"][place], "RR@100")["en", "en"] for place in (2, 6))
    assert late == naive == 1.0  # a text of one chunk is the same either way


def test_a_document_without_a_word_is_said_to_be_unfindable(jv3, tmp_path):
    folder = small_set(tmp_path / "set")
    with (folder / "corpus.jsonl").open("a", encoding="utf-8") as corpus:
        corpus.write(json.dumps({"_id": "mark", "text": "\u200b", "language": "en"}) + "\n")
    outcome = jv3("eval", folder, "--mode", "dense", "--pooling", "naive", "--model", "jv3-mini", "--json")
    assert outcome.status == 0, outcome.err
    assert "documents without a word that the model knows, which cannot be found: 1" in outcome.err


def test_pages_are_judged_where_pages_are_named(jv3, tmp_path):
    """A form feed parts pages; the second holds the answer, and only it is right."""
    pages = "The printer has run out of paper.\fสัญญาณไวไฟในห้องนอนอ่อน\fПароль сети меняют в маршрутизаторе."
    (tmp_path / "notes.txt").write_text(pages, encoding="utf-8")
    assert jv3("ingest", tmp_path / "notes.txt", "--index", tmp_path / "kb", "--model", "jv3-mini").status == 0
    judged = tmp_path / "judged.tsv"
    judged.write_text("сменить пароль сети\tnotes.txt#3\tru\nwireless signal\tnotes.txt#2\ten\n", encoding="utf-8")
    (run,) = evaluated(jv3, judged, "--index", tmp_path / "kb", "--mode", "dense")["runs"]
    found = cells(run, "RR@100")
    assert set(found) == {("ru", "ru"), ("ru", "any"), ("en", "th"), ("en", "any")}
    assert found["ru", "any"] == found["ru", "ru"] == found["en", "th"] == 1.0
    judged.write_text("a question\tnotes.txt#4\n", encoding="utf-8")
    assert "has no page 4" in jv3("eval", judged, "--index", tmp_path / "kb").err


# -- one's own index --------------------------------------------------------------------------------


def test_judgements_about_the_index_and_its_pages(jv3, tmp_path, shared_index):
    judged = tmp_path / "judged.tsv"
    judged.write_text(
        "Drucker druckt nicht\tdrucker.de.txt\nкак настроить беспроводную сеть\tсеть.ru.txt\n"
        "strong password\tパスワード.ja.txt\ten\n",
        encoding="utf-8",
    )
    found = evaluated(jv3, judged, "--index", shared_index, "--mode", "dense")
    (run,) = found["runs"]
    assert cells(run, "RR@100") == dict.fromkeys(
        [("de", "de"), ("de", "any"), ("ru", "ru"), ("ru", "any"), ("en", "ja"), ("en", "any")], 1.0
    )


def test_silver_from_headings(jv3, tmp_path):
    body = "To restore deleted files, copy them back from the disk on which the backup was made last week. "
    other = "A password should be long and hard to guess, and no two sites should ever share the same one. "
    (tmp_path / "manual.md").write_text(f"# Restoring files\n\n{body * 2}\n\n# Safe passwords\n\n{other * 2}\n")
    assert jv3("ingest", tmp_path / "manual.md", "--index", tmp_path / "kb", "--model", "jv3-mini").status == 0
    outcome = jv3("eval", "--silver", "--index", tmp_path / "kb", "--mode", "dense", "--json")
    assert (outcome.status, json.loads(outcome.out)["queries"]) == (0, 2)
    assert "silver: 2 of 2 headings" in outcome.err


def test_nothing_in_a_query_of_a_data_set_is_an_operator(jv3, tmp_path, shared_index):
    judged = tmp_path / "judged.tsv"
    judged.write_text('error:42 -printer "druckt nicht Drucker lang:xx*\tdrucker.de.txt\tde\n', encoding="utf-8")
    found = evaluated(jv3, judged, "--index", shared_index)
    assert cells(found["runs"][0], "RR@100")["de", "de"] == 1.0


def test_wrong_usage_is_told_before_anything_is_measured(jv3, tmp_path, shared_index):
    (tmp_path / "base.json").write_text("{}")
    judged = tmp_path / "judged.tsv"
    judged.write_text("a question\tdrucker.de.txt\n")
    for arguments, status, message in (
        ([], 1, "give either a DATASET or --silver"),
        ([judged, "--silver"], 1, "give either a DATASET or --silver"),
        ([tmp_path / "absent"], 1, "there is no"),
        ([MULTILINGUAL, "--index", shared_index], 1, "does not go with a folder"),
        ([MULTILINGUAL, "--mode", "magic"], 2, "'magic' is not one of hybrid, dense, keyword"),
        ([MULTILINGUAL, "--dims", "32,0"], 2, "'0' is not a whole number above 0"),
        ([MULTILINGUAL, "--baseline", tmp_path / "none.json"], 1, "make one with --save"),
        ([MULTILINGUAL, "--baseline", tmp_path / "base.json"], 1, "is not a baseline of this jv3search version"),
        ([MULTILINGUAL, "--save", tmp_path / "no" / "folder.json"], 1, "--save cannot write"),
        (
            [MULTILINGUAL, "--save", tmp_path / "base.json", "--baseline", tmp_path / "base.json"],
            1,
            "would write over the baseline",
        ),
        ([judged, "--index", shared_index, "--dims", "999"], 1, "dimension 999 is not between 1 and 256"),
    ):
        outcome = jv3("eval", *arguments)
        assert (outcome.status, message in outcome.err) == (status, True), (arguments, outcome.err)
