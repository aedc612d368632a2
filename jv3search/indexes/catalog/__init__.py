"""The catalog: the database that is the truth of an index. One module a subject; only this folder writes SQL."""
