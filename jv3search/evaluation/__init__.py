"""How good a search is: nDCG, recall and MRR by language pair, and what a dimension costs."""
