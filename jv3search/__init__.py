"""jv3search: a local, multilingual knowledge base with late chunking and cross-lingual search."""

__version__ = "0.1.0"
