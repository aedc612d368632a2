"""Speed and memory, side by side with others; never part of the tests."""
