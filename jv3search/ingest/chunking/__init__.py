"""Where a document may be cut: sentences of every script, and chunks of at most so many tokens."""

from jv3search.ingest.chunking.chunks import CHUNKING_VERSION, chunk_spans
from jv3search.ingest.chunking.sentences import sentences

__all__ = ["CHUNKING_VERSION", "chunk_spans", "sentences"]
