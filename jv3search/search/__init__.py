"""The read path: a query and a filter in, hits out."""
