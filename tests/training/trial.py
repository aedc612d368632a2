"""Runs steps of the training, on the stand-in for a GPU when that is the device, and embeds a few texts with the result.

python -m tests.training.trial OUT.npz ARGUMENTS OF training.run
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from training import adapters, pooling, run, tokenizer
from training.prompts import Prompts
from training.settings import PREFIXES

TEXTS = [
    "How do I print on both sides?",
    "Как печатать с двух сторон?",
    "両面に印刷するにはどうすればよいですか。",
    "如何双面打印？",
    "كيف أطبع على الوجهين؟",
    "दोनों तरफ़ कैसे छापें?",
    "พิมพ์สองหน้าอย่างไร",
]


@torch.inference_mode()
def vectors() -> dict[str, np.ndarray]:
    """Every task's vectors of the texts, by the modules that were trained."""
    base, prompts, tokens, found = adapters.load_base(), Prompts(), tokenizer.load(), {}
    rows = [np.array(tokens.encode(text, add_special_tokens=False).ids, np.uint16) for text in TEXTS]
    for task, stored in adapters.load().items():
        view, parameters = adapters.adapted(base)
        for name, value in stored.items():
            parameters[name].data.copy_(value)
        found[task] = torch.nn.functional.normalize(
            pooling.embed(view, pooling.Texts.of(prompts.around(rows, PREFIXES[task]))), dim=1
        ).numpy()
    return found


if __name__ == "__main__":
    from tests.training import accelerator

    if accelerator.NAME in sys.argv:
        accelerator.register()
    run.main(sys.argv[2:])
    np.savez(sys.argv[1], **vectors())
