"""What made an index: a query or a document embedded in any other way does not belong in it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from jv3search.errors import IndexMismatch

_NAMES_ONLY = {"model"}  # the same weights under another name or in another folder are the same model


@dataclass(frozen=True, slots=True)
class Manifest:
    """How the texts of an index became embeddings.

    `model` is its name or folder as given, `weights` the SHA-256 of its weights, `chunk_tokens` the target
    size of a chunk, `chunking` the version of the chunker, `dimension` the full size that is stored.
    `precision` is int8, or full for all others: their vectors agree to a cosine of 0.9999 and may be mixed.
    """

    model: str
    weights: str
    task: str
    prefix: str
    pooling: str
    chunk_tokens: int
    dimension: int
    chunking: int
    precision: str = "full"

    def require(self, wanted: Manifest, where: str) -> None:
        """Raise IndexMismatch, naming the first difference and the remedy, unless `wanted` made this too."""
        for field in fields(self):
            made, given = getattr(self, field.name), getattr(wanted, field.name)
            if made != given and field.name not in _NAMES_ONLY:
                raise IndexMismatch(
                    f"{where} was made by {self.model} with {field.name} {made!r}, not by {wanted.model} with "
                    f"{field.name} {given!r}: use the same model and settings, ingest the documents into "
                    f"another index, or embed this one again with `jv3search reindex --model {wanted.model}`"
                )
