"""Adapters tuned on one's own pairs of texts: read, split, learn, measure, and only then put in place."""
