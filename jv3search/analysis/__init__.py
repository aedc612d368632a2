"""What the documents are about: topics found among them, and labels given to them."""
