"""Token rows as the model reads them: special tokens and a task's prefix around a text."""

from __future__ import annotations

import numpy as np

from training import tokenizer
from training.sampling import Pairs, Row
from training.settings import PASSAGE, QUERY


class Prompts:
    """Puts the special tokens and a task's prefix around a text."""

    def __init__(self) -> None:
        made = tokenizer.load()
        self.heads = {p: np.array(made.encode(p).ids[:-1] if p else [0], np.uint16) for p in ("", QUERY, PASSAGE)}
        self.tail = np.array([2], np.uint16)

    def around(self, rows: list[Row], prefix: str = "") -> list[Row]:
        """Every row as the model will see it."""
        return [np.concatenate([self.heads[prefix], row, self.tail]) for row in rows]

    def pairs(self, pairs: Pairs, asymmetric: bool) -> tuple[list[Row], list[Row]]:
        """Both sides, with the retrieval prefixes or bare."""
        sides = (QUERY, PASSAGE) if asymmetric else ("", "")
        return self.around(pairs.left, sides[0]), self.around(pairs.right, sides[1])
