"""The keyword leg: terms for every script, and an index of them that is mapped from files."""
