"""How jv3-mini, the checkpoint inside the package, is made from nothing: see training/README.md."""
