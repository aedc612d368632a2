"""Answers to questions: every sentence with the passages it rests on."""
