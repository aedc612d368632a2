"""From nothing to a checkpoint: every step does only what is not done yet, so a killed run goes on where it was.

python -m training.run                     all steps
python -m training.run static transformer  these steps
python -m training.run --again static      throws the step's result away first
python -m training.run --device cuda       by the recipe's larger size
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.settings import ASSETS, WORK


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    device: str
    threads: int
    teacher_minutes: float
    share: float
    to: Path


def fetch(_: Options) -> None:
    """Packages and description indexes, with a record of what was read."""
    from training import fetch

    fetch.main()


def prepare(_: Options) -> None:
    """Aligned pages of every source."""
    from training import prepare

    prepare.main()


def tokenizer(_: Options) -> None:
    """Unigram over all sources."""
    from training import tokenizer

    tokenizer.main()


def corpus(_: Options) -> None:
    """Pages as token ids."""
    from training import corpus

    corpus.main()


def teacher(options: Options) -> None:
    """The English teacher's vectors, for as long as allowed."""
    from training import teacher

    teacher.main(["--device", options.device, "--minutes", str(options.teacher_minutes)])


def static(options: Options) -> None:
    """The table."""
    from training import static

    static.main(learning(options))


def learning(options: Options) -> list[str]:
    """The options as the steps that may use a GPU take them."""
    return ["--device", options.device, "--threads", str(options.threads), "--share", str(options.share)]


def transformer(options: Options) -> None:
    """The layers."""
    from training import transformer

    transformer.main(learning(options))


def everyday(options: Options) -> None:
    """The same layers with everyday language, from a multilingual teacher; on the CPU."""
    from training import everyday_stage

    everyday_stage.main(["--threads", str(options.threads), "--share", str(options.share)])


def adapters(options: Options) -> None:
    """The five tasks."""
    from training import adapters

    adapters.main(learning(options))


def write(options: Options) -> None:
    """The checkpoint folder, with its golden values and the list of sources."""
    import torch

    from jv3search.encoders.golden import write_golden
    from jv3search.encoders.models import load
    from training import adapters, checkpoint, fetch, tokenizer

    torch.manual_seed(0)
    folder = options.to
    checkpoint.write(folder, adapters.load_base(), adapters.load(), tokenizer.PATH)
    fetch.record(folder / "sources.json")
    write_golden(load(folder), ["Hello World", "東京は日本の首都です。", "Где находится библиотека?"], folder)


def measure(options: Options) -> None:
    """All figures, through the package's own encoder."""
    from training import figures

    figures.main(options.to)


def card(options: Options) -> None:
    """The model card, from the figures."""
    from training import card

    card.main(options.to)


STEPS: dict[str, Callable[[Options], None]] = {
    step.__name__: step
    for step in (
        *(fetch, prepare, tokenizer, corpus, teacher),
        *(static, transformer, everyday, adapters),
        *(write, measure, card),
    )
}
RESULTS = {
    "prepare": ["pages/*.jsonl"],
    "tokenizer": ["tokenizer.json"],
    "corpus": ["corpus.npz"],
    "teacher": ["teacher.keys", "teacher.rows"],
    "static": ["static.pt", "static.state.pt"],
    "transformer": ["transformer.pt", "transformer.state.pt"],
    "everyday": ["everyday/*.npz", "everyday.pt", "everyday.*.pt"],
    "adapters": ["adapters/*.pt"],
    "measure": ["figures.json"],
}


def forget(step: str) -> None:
    """Throw away what a step made."""
    for pattern in RESULTS.get(step, []):
        for path in WORK.glob(pattern):
            path.unlink()


def main(arguments: list[str] | None = None) -> None:
    """Run the steps in their order."""
    parser = argparse.ArgumentParser(prog="python -m training.run", description=__doc__.splitlines()[0])
    parser.add_argument("steps", nargs="*", metavar="step", help=f"of {', '.join(STEPS)}; all when none is named")
    parser.add_argument("--again", action="store_true", help="throw away the named steps' results first")
    parser.add_argument("--device", default="cpu", help="cpu or cuda: for teacher, static, transformer, adapters")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--teacher-minutes", type=float, default=40.0)
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of steps, for a trial")
    parser.add_argument("--to", type=Path, default=ASSETS, metavar="FOLDER", help="for the checkpoint")
    options = parser.parse_args(arguments)
    unknown = set(options.steps) - set(STEPS)
    if unknown:
        parser.error(f"there is no step {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    WORK.mkdir(parents=True, exist_ok=True)
    for name in [step for step in STEPS if not options.steps or step in options.steps]:
        if options.again and options.steps:
            forget(name)
        begun = time.monotonic()
        print(f"== {name}", file=sys.stderr, flush=True)
        STEPS[name](Options(options.device, options.threads, options.teacher_minutes, options.share, options.to))
        print(f"== {name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main()
