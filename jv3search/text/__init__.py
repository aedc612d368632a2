"""What a text is made of, whoever reads it: scripts, languages, sentences, graphemes, forms of writing."""
