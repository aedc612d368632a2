"""Text to vectors: late chunking, and the jina-embeddings-v3 family."""
