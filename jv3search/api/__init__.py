"""For programs and agents: Jina's embeddings API, a search API, and MCP, over one knowledge base."""
