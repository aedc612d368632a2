"""Two tiny tasks made here, run by mteb on our encoder; prints one JSON line. Run by test_mteb_model.py."""

from __future__ import annotations

import json
from typing import Any

import mteb
from datasets import Dataset, DatasetDict
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata

from benchmarks.mteb_model import MtebModel

ABOUT = {
    "description": "made for this test",
    "reference": None,
    "dataset": {"path": "local", "revision": "1"},
    "category": "t2t",
    "eval_splits": ["test"],
    "eval_langs": ["eng-Latn"],
    "date": ("2024-01-01", "2024-01-02"),
    "dialect": [],
    "domains": [],
    "task_subtypes": [],
    "license": "apache-2.0",
    "annotations_creators": "derived",
    "modalities": ["text"],
    "sample_creation": "created",
    "bibtex_citation": "",
}
DOCUMENTS = {
    "1": "When paper is stuck in the printer, switch it off and pull the sheet out slowly.",
    "2": "Deleted files can be restored from a backup on an external disk.",
    "3": "The wireless network needs a password, which is changed in the router.",
    "4": "The brightness of the screen is changed in the display settings.",
}
QUERIES = {
    "a": "Papierstau im Drucker",
    "b": "восстановить удалённые файлы",
    "c": "更改无线网络密码",
    "d": "画面の明るさ",
}
PAIRS = [
    ("Restore a file from the backup.", "Eine Datei aus der Sicherung wiederherstellen.", 5.0),
    ("Change the password of the network.", "Сменить пароль сети.", 5.0),
    ("Open the printer.", "Close the printer.", 3.0),
    ("Restore a file from the backup.", "बाहर बारिश हो रही है।", 0.0),
    ("The screen is too bright.", "三月的第一个星期二", 0.0),
]


class LocalRetrieval(AbsTaskRetrieval):
    metadata = TaskMetadata(type="Retrieval", name="LocalRetrieval", main_score="ndcg_at_10", **ABOUT)

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        split = {
            "queries": Dataset.from_list([{"id": key, "text": text} for key, text in QUERIES.items()]),
            "corpus": Dataset.from_list(
                [{"id": key, "title": "", "text": text} for key, text in DOCUMENTS.items()]
            ),
            "relevant_docs": {query: {document: 1} for query, document in zip(QUERIES, DOCUMENTS, strict=True)},
            "top_ranked": None,
        }
        self.dataset = {"default": {"test": split}}
        self.data_loaded = True


class LocalSTS(AbsTaskSTS):
    metadata = TaskMetadata(type="STS", name="LocalSTS", main_score="cosine_spearman", **ABOUT)
    min_score, max_score = 0, 5

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        first, second, scores = zip(*PAIRS, strict=True)
        columns = {"sentence1": list(first), "sentence2": list(second), "score": list(scores)}
        self.dataset = DatasetDict({"test": Dataset.from_dict(columns)})
        self.data_loaded = True


if __name__ == "__main__":
    model = MtebModel("jv3-mini", dimension=128)
    results = mteb.evaluate(model, [LocalRetrieval(), LocalSTS()], cache=None, show_progress_bar=False)
    retrieval, sts = (result.get_score() for result in results.task_results)
    print(json.dumps({"name": model.mteb_model_meta.name, "retrieval": retrieval, "sts": sts}))
