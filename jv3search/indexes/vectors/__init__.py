"""Vector indexes: one library a file, chosen by name, imported when first used."""
