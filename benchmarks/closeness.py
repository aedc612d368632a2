"""How near a hit must be to be called close: hits that answer a question against hits where there is no answer.

    python -m benchmarks.closeness [--model jv3-mini]

Ingests the sample documents and asks the questions of questions.tsv, and as many that nothing there answers, in
the same languages. For the fair score (standard deviations above the background of a chunk's language) it prints
which share of either kind of hit reaches it, and marks the two thresholds of the application.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.encoder import ingest_samples
from benchmarks.explain import asked
from jv3search import wiring
from jv3search.types import Filter, Hit
from jv3search.ui.closeness import STANDS_OUT

UNANSWERED = """\
how is cheese made?|who won the football championship?|what does a lawyer earn in Canada?
how do I train a dog to sit?|symptoms of a broken rib|when did the Roman Empire fall?
wie pflanzt man Rosen?|Wer hat die Relativitätstheorie aufgestellt?|Fristen für die Steuererklärung
comment tricoter une écharpe ?|prix d'un billet de train pour Lyon|qui a peint la Joconde ?
cómo se cultiva el olivo|quién ganó la guerra civil|síntomas de la gripe en los niños
come si suona il pianoforte?|storia della moneta da un euro|come lavare un maglione di lana
как вырастить помидоры|кто написал Войну и мир|сколько стоит билет в театр
猫の飼い方|江戸時代の将軍は誰ですか|英語の文法を勉強する方法
怎样养金鱼|唐朝的首都在哪里|汽车保险多少钱
كيف أزرع الطماطم|من كتب ألف ليلة وليلة
टमाटर कैसे उगाएँ|ताजमहल किसने बनवाया
วิธีเลี้ยงแมว|ใครเป็นผู้แต่งรามเกียรติ์
강아지 훈련 방법|조선의 첫 번째 왕은 누구인가
jak upiec chleb|kto napisał Pana Tadeusza
como tratar uma dor de dentes|quem descobriu o Brasil"""
HITS = 10
LEVELS = (0.5, 0.9, 1.3, 1.7, 2.2, 2.6, 3.0, 3.5)


def answers(hit: Hit, beginning: str) -> bool:
    """Whether a passage holds an answer, wherever its lines end."""
    return "".join(beginning.split()) in "".join(hit.text.split())


def scores(index: Path) -> tuple[list[float], list[float]]:
    """(fair scores of passages that answer, of those among the first ten where nothing does)."""
    settings = wiring.settings_for({"index": index})
    right, wrong = [], []
    reader, encoder = wiring.open_for_search(settings)
    with reader:

        def search(question: str) -> Iterator[tuple[Hit, float]]:
            for hit in wiring.search(reader, encoder, question, where=Filter(), k=HITS).hits:
                for vote in hit.votes:
                    if vote.leg == "dense" and vote.fair is not None:
                        yield hit, vote.fair

        for row in asked():
            right += [fair for hit, fair in search(row["question"]) if answers(hit, row["answer"])][:1]
        for question in UNANSWERED.replace("\n", "|").split("|"):
            wrong += [fair for _, fair in search(question)]
    return right, wrong


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="jv3-mini")
    model = parser.parse_args().model
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "kb"
        ingest_samples(index, model)
        right, wrong = map(np.array, scores(index))
    table = {level: ((right >= level).mean(), (wrong >= level).mean()) for level in sorted({*LEVELS, *STANDS_OUT})}
    print(f"{len(right)} passages that answer, {len(wrong)} where nothing does")
    for level, (found, mistaken) in table.items():
        mark = " <" if level in STANDS_OUT else ""
        print(f"{level:4.1f}  answering {found:5.1%}  not answering {mistaken:5.1%}{mark}")
    print(json.dumps({str(level): [float(share) for share in shares] for level, shares in table.items()}))


if __name__ == "__main__":
    main()
