"""Which documents are translations of each other, and which of their passages say the same."""
