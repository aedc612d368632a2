"""jina-embeddings-v3 on the native transformers model: the one folder that knows torch."""
