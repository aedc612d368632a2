"""At rest: the catalog (SQLAlchemy) is the truth, the vector index (FAISS) an accelerator built from it."""
