"""The write path: read files, split them into chunks, embed them, store them, keep the ledger."""
