"""Parsers run in a child process that can be killed: its two ends, what passes between them, its limits."""
