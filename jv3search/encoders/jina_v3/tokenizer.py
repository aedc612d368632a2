"""Text to tokens with the checkpoint's own tokenizer.json.

transformers' AutoTokenizer rebuilds the pipeline from a class and may change ids; the tokenizers library keeps
the file. Truncation and padding are mutable state of a tokenizer shared by threads: both are off, for ever.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from jv3search.encoders.jina_v3.config import CheckpointConfig
from jv3search.encoders.late_chunking import TokenizedText
from jv3search.errors import ModelError
from jv3search.types import Task


class JinaV3Tokenizer:
    """A checkpoint's tokenizer and instructions: all of the model that reading and splitting a document needs."""

    def __init__(self, config: CheckpointConfig, tokenizer: Tokenizer) -> None:
        self.config = config
        self._tokenizer = tokenizer

    def tokenize(self, text: str, task: Task | None = "retrieval.passage") -> TokenizedText:
        """`text` with the task's instruction and special tokens, however long it is."""
        instruction = self.config.instructions[task] if task else ""
        return tokenize(self._tokenizer, instruction, text)


def load_tokenizer(folder: Path) -> Tokenizer:
    """The checkpoint's tokenizer; ModelError if the file is absent or damaged."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{path} is missing: {folder} is not a complete checkpoint")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception for a file it cannot parse
        raise ModelError(f"{path} cannot be read as a tokenizer: {error}") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def tokenize(tokenizer: Tokenizer, instruction: str, text: str) -> TokenizedText:
    """Tokens of instruction + text, with offsets in characters of `text`.

    The text's own tokens are those that reach past the instruction, found by their offsets: counting the
    instruction's tokens alone gives one too many where the pre-tokeniser keeps its trailing space.
    """
    encoding = tokenizer.encode(instruction + text)
    ids = np.array(encoding.ids, dtype=np.int64)
    offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2) - len(instruction)
    special = np.array(encoding.special_tokens_mask, dtype=bool)
    own = np.flatnonzero(~special & (offsets[:, 1] > 0))
    first, last = (int(own[0]), int(own[-1]) + 1) if len(own) else (len(ids) - 1, len(ids) - 1)
    offsets = np.maximum(offsets, 0)
    offsets[:first] = 0
    offsets[last:] = 0
    return TokenizedText(text, ids, offsets, first, last)
